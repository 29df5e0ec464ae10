import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';

import type { SecurityContext } from '../core/context.ts';
import { initVault, type NewVault } from '../core/init-vault.ts';
import { openVault, type OpenVaultOptions } from '../core/open-vault.ts';
import type { RateLimitOptions } from '../core/rate-limits.ts';
import { createSession, type Session } from '../core/session.ts';
import { rowMacOf } from '../core/unseal-rows.ts';
import { UnsealedVault } from '../core/vault.ts';
import { AuditLog } from '../domain/audit/audit-log.ts';
import { allLogs } from '../domain/audit/log-queries.ts';
import { KeyUses } from '../domain/keys/key-uses.ts';
import type { Work } from '../domain/work.ts';
import { Keyring } from '../keys/keyring.ts';
import type { Clock } from '../lib/ids.ts';
import { vaultConfigFiles } from '../seal/locations.ts';
import { openSlots } from '../seal/open-slot.ts';
import type { RowMac } from '../store/row-mac.ts';
import { openSqlite } from '../store/sqlite.ts';
import { query } from '../store/statement.ts';
import type { Store, Transaction } from '../store/store.ts';
import { acquireVaultLock } from '../store/vault-lock.ts';

/** The principal that every vault of a test begins with. */
export const OWNER = 'ada';

/** A vault in a directory of its own, which goes away with {@link TemporaryVault.remove}. */
export interface TemporaryVault {
  readonly root: string;
  /** The vault's directory. */
  readonly path: string;
  readonly configDirectory: string;
  readonly made: NewVault;
  readonly keyFile: string;
  remove(): void;
}

/** An open vault, and the parts that it was put together from. */
export interface OpenParts {
  readonly vault: UnsealedVault;
  readonly store: Store;
  readonly keyring: Keyring;
  readonly mac: RowMac;
  readonly log: AuditLog;
  as(principal: string, context?: Omit<SecurityContext, 'principal'>): Session;
  /** Runs domain functions in one transaction, as the vault's owner. */
  write<T>(work: (work: Work) => Promise<T>): Promise<T>;
}

/** Makes a directory that is gone after the test. */
export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'strongroom-test-'));
}

/** Makes a real vault with a key file. */
export async function makeTemporaryVault(options: { now?: Clock } = {}): Promise<TemporaryVault> {
  const root = temporaryDirectory();
  const path = join(root, 'vault');
  const configDirectory = join(root, 'config');
  const made = await initVault(path, { owner: OWNER, configDirectory, now: options.now });
  return {
    root,
    path,
    configDirectory,
    made,
    keyFile: made.keyFiles[0] ?? '',
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** Opens a vault as programs do. */
export function openTemporaryVault(
  { path, configDirectory }: TemporaryVault,
  options: Pick<OpenVaultOptions, 'now' | 'waitMs' | 'acceptRollback' | 'observer'> = {},
): Promise<UnsealedVault> {
  return openVault(path, { configDirectory, holder: 'a test', waitMs: 0, ...options });
}

/** Opens a vault and calls it as its owner. */
export async function openSession(
  place: TemporaryVault,
  context: Omit<SecurityContext, 'principal'> = {},
): Promise<{ readonly vault: UnsealedVault; readonly session: Session }> {
  const vault = await openTemporaryVault(place);
  return { vault, session: createSession(vault, { principal: OWNER, ...context }, 'library') };
}

/**
 * Opens a vault from its real parts and hands them out, for tests that look
 * behind the pipeline. `through` may put a store in front of the real one.
 */
export async function openParts(
  place: TemporaryVault,
  {
    now = Date.now,
    through = (store) => store,
    rateLimits,
  }: { now?: Clock; through?: (store: Store) => Store; rateLimits?: RateLimitOptions } = {},
): Promise<OpenParts> {
  const lock = await acquireVaultLock(place.path, { holder: 'a test', waitMs: 0 });
  const store = through(openSqlite(place.path));
  const { keyring, ownerId } = await store.read((transaction) => unseal(transaction, place, now));
  const mac = rowMacOf(keyring);
  const log = await store.read((transaction) => openLog(transaction, keyring));
  const checkpointPath = vaultConfigFiles(keyring.vaultId, place.configDirectory).checkpoint;
  // What all tests of a file share is not sealed by one of them.
  const seal = (): void => undefined;
  const parts = {
    directory: place.path,
    store,
    lock,
    keyring,
    mac,
    log,
    now,
    checkpointPath,
    seal,
  };
  const vault = new UnsealedVault({ ...parts, rateLimits, elapsed: rateLimits?.clock ?? now });
  return {
    vault,
    store,
    keyring,
    mac,
    log,
    as: (principal, context = {}) => createSession(vault, { principal, ...context }, 'library'),
    write: (work) =>
      store.write(async (transaction) => {
        const keyUses = new KeyUses(transaction, mac);
        const result = await work({
          transaction,
          mac,
          keyring,
          keyUses,
          now: now(),
          actor: ownerId,
        });
        await keyUses.flush();
        return result;
      }),
  };
}

/** Runs SQL on a vault's database behind its back, in one transaction, as someone who can write the file could. */
export function tamper<T>(place: TemporaryVault, work: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(join(place.path, 'vault.db'), { enableForeignKeyConstraints: false });
  try {
    db.exec('PRAGMA synchronous = OFF; BEGIN');
    const result = work(db);
    db.exec('COMMIT');
    return result;
  } finally {
    db.close();
  }
}

/** One row of a table, as it is stored. */
export type StoredRow = Record<string, SQLInputValue>;

/** The rows of a table in the order of their insertion. */
export function storedRows(db: DatabaseSync, table: string): StoredRow[] {
  return db.prepare(`SELECT * FROM ${table}`).all();
}

/** Puts a row into a table as it is, over one with the same key. */
export function putRow(db: DatabaseSync, table: string, row: StoredRow): void {
  const columns = Object.keys(row);
  const places = columns.map(() => '?').join(', ');
  db.prepare(`INSERT OR REPLACE INTO ${table} (${columns.join(', ')}) VALUES (${places})`).run(
    ...Object.values(row),
  );
}

async function unseal(
  transaction: Transaction,
  place: TemporaryVault,
  now: Clock,
): Promise<{ readonly keyring: Keyring; readonly ownerId: string }> {
  const slots = await transaction.all(
    query((db) => db.selectFrom('slots').selectAll()),
    {},
  );
  const keys = await transaction.all(
    query((db) => db.selectFrom('keys').selectAll().orderBy('number')),
    {},
  );
  const owner = await transaction.get(
    query((db) => db.selectFrom('principals').selectAll().where('name', '=', OWNER)),
    {},
  );
  const opened = await openSlots(place.made.id, slots, [{ kind: 'keyfile', path: place.keyFile }]);
  const root = { id: opened.rootKeyId, key: opened.rootKey };
  const keyring = new Keyring(place.made.id, root, now);
  keyring.load(keys);
  return { keyring, ownerId: owner?.id ?? '' };
}

async function openLog(transaction: Transaction, keyring: Keyring): Promise<AuditLog> {
  const [row] = await transaction.all(allLogs, {});
  if (row === undefined) throw new TypeError('a vault has a log');
  return AuditLog.open(transaction, keyring, row);
}
