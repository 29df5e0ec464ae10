import { existsSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, join, relative } from 'node:path';

import { selfTest } from '../crypto/self-test.ts';
import type { AuditLog } from '../domain/audit/audit-log.ts';
import { KeyUses } from '../domain/keys/key-uses.ts';
import type { Work } from '../domain/work.ts';
import { StrongroomError } from '../errors.ts';
import type { Clock } from '../lib/ids.ts';
import { rootKeyId } from '../keys/root-key.ts';
import { keyFileCandidates, vaultConfigFiles } from '../seal/locations.ts';
import { openSlots, type OpenedSlot } from '../seal/open-slot.ts';
import type { SlotKey } from '../seal/slot.ts';
import { translateFileError } from '../store/file-errors.ts';
import { migrate } from '../store/migrate.ts';
import { openSqlite, type SqliteOptions } from '../store/sqlite.ts';
import type { Store } from '../store/store.ts';
import { acquireVaultLock } from '../store/vault-lock.ts';
import { ensureKeys } from './ensure-keys.ts';
import { nextGeneration } from './next-generation.ts';
import type { VaultObserver } from './observer.ts';
import { holdAgainstOutside, readOutsideCheckpoint } from './outside-checkpoint.ts';
import type { RateLimitOptions } from './rate-limits.ts';
import { noteProof } from './slots.ts';
import { isFollowed, startNewLog } from './start-new-log.ts';
import { asStrongroomError } from './unforeseen.ts';
import { loadRows, openTrustedLog, unsealWith, type UnsealedRows } from './unseal-rows.ts';
import { UnsealedVault } from './vault.ts';

/** Options of {@link openVault}. */
export interface OpenVaultOptions {
  /** What opens a slot. Default: the vault's key file. */
  readonly keys?: readonly SlotKey[] | undefined;
  /** How long to wait while another process uses the vault, in milliseconds. Default 5,000. */
  readonly waitMs?: number | undefined;
  /** What another process is told when it finds the vault in use. */
  readonly holder: string;
  /** Goes on with an older copy of the vault, and puts that on record in a new log. */
  readonly acceptRollback?: boolean | undefined;
  readonly now?: Clock | undefined;
  /** The directory of key files and checkpoints. Default: the user's configuration directory. */
  readonly configDirectory?: string | undefined;
  readonly sqlite?: SqliteOptions | undefined;
  /** Told of what becomes durable. */
  readonly observer?: VaultObserver | undefined;
  /** How often callers over the network may call. */
  readonly rateLimits?: RateLimitOptions | undefined;
  /** Who brought the keys, for the record: over the network, nobody is known by name yet. */
  readonly by?: { readonly ip?: string; readonly userAgent?: string } | undefined;
}

/**
 * Opens and unseals a vault. Every check of the whole is made here, before
 * anything can be asked: structure, keys, rows that decide, log, rollback.
 *
 * @throws {@link StrongroomError} `vault_not_found`, `vault_in_use`, `not_a_vault`, `schema_too_new`,
 * the codes of slots, `integrity_error`, `audit_tampered`, `rollback_detected`, and storage codes.
 */
export async function openVault(
  directory: string,
  options: OpenVaultOptions,
): Promise<UnsealedVault> {
  const { now = Date.now } = options;
  selfTest();
  requireDatabase(directory);
  const lock = await acquireVaultLock(directory, {
    holder: options.holder,
    ...(options.waitMs === undefined ? {} : { waitMs: options.waitMs }),
  });
  let store: Store | undefined;
  try {
    store = openSqlite(directory, options.sqlite);
    await migrateVault(store, directory, now);
    const unsealed = await unseal(store, directory, options);
    const { keyring, mac, opened } = unsealed;
    const checkpointPath = vaultConfigFiles(keyring.vaultId, options.configDirectory).checkpoint;
    const log = await openLog(store, unsealed, { ...options, now, checkpointPath });
    const keyBesideVault = unsealed.keyBesideVault;
    const parts = {
      directory,
      store,
      lock,
      keyring,
      mac,
      log,
      now,
      checkpointPath,
      keyBesideVault,
      observer: options.observer,
      rateLimits: options.rateLimits,
    };
    const vault = new UnsealedVault(parts);
    const detail = `${opened.kind} slot ${opened.slotId}`;
    await vault.recordEvent('vault.unseal', { detail, ...options.by }, async (transaction) => {
      await noteProof({ transaction, mac }, opened.slotId, now());
      const keyUses = new KeyUses(transaction, mac);
      const actor = keyring.vaultId;
      await ensureKeys({ transaction, mac, keyring, keyUses, now: now(), actor });
    });
    // Until the new log's checkpoint is outside, the next opening would find a rollback again.
    if (options.acceptRollback === true) await vault.checkpoint();
    return vault;
  } catch (error) {
    // What failed first is what has to be told.
    await store?.close().catch(() => undefined);
    lock.release();
    throw asStrongroomError(error);
  }
}

/** Brings a vault of an earlier version to this one's schema, and keeps a copy of it as it was. */
async function migrateVault(store: Store, directory: string, now: Clock): Promise<void> {
  const before = (version: number): Promise<void> =>
    store.copy(join(directory, `vault.db.schema-${version}`));
  await migrate(store, { now, before });
}

/** The parts that an opened slot gives access to. */
interface Unsealed extends UnsealedRows {
  readonly opened: OpenedSlot;
  /** Path of the key file that was used, if it lies in the vault's directory. */
  readonly keyBesideVault?: string | undefined;
}

async function unseal(
  store: Store,
  directory: string,
  options: OpenVaultOptions,
): Promise<Unsealed> {
  const { vault, slots } = await store.read(loadRows);
  const given = options.keys ?? defaultKeys(directory, vault.id, options.configDirectory);
  const opened = await openSlots(vault.id, slots, given);
  if (
    rootKeyId(opened.rootKey, vault.id) !== opened.rootKeyId ||
    opened.rootKeyId !== vault.root_key_id
  ) {
    throw new StrongroomError('integrity_error', 'the slot holds another root key', {
      details: { slot: opened.slotId },
    });
  }
  const { keyring, mac } = await unsealWith(store, opened, options.now);
  const keyBesideVault = opened.kind === 'keyfile' ? keyFileInside(directory, given) : undefined;
  return { keyring, mac, opened, keyBesideVault };
}

/** The first key file there is, of those that were tried, if it lies in a directory or below. */
function keyFileInside(directory: string, keys: readonly SlotKey[]): string | undefined {
  const paths = keys.flatMap((key) => (key.kind === 'keyfile' ? [key.path] : []));
  const path = paths.find((each) => existsSync(each));
  if (path === undefined) return undefined;
  const way = relative(realpathSync(directory), realpathSync(path));
  return way.startsWith('..') || isAbsolute(way) ? undefined : path;
}

async function openLog(
  store: Store,
  { keyring, mac }: Unsealed,
  options: OpenVaultOptions & { readonly now: Clock; readonly checkpointPath: string },
): Promise<AuditLog> {
  const { row, log } = await openTrustedLog(store, { keyring, mac });
  const outside = readOutsideCheckpoint(options.checkpointPath);
  if (outside === undefined) return log;
  try {
    await holdAgainstOutside(store, log, outside);
    return log;
  } catch (error) {
    const isRollback = error instanceof StrongroomError && error.code === 'rollback_detected';
    if (isRollback && (await isFollowed(store, log, outside))) return log;
    if (!isRollback || options.acceptRollback !== true) throw error;
    const change = async (work: Work): Promise<void> => void (await nextGeneration(work));
    return startNewLog(store, { keyring, mac, now: options.now }, { old: row, outside, change });
  }
}

function defaultKeys(
  directory: string,
  vaultId: string,
  configDirectory: string | undefined,
): readonly SlotKey[] {
  const candidates = keyFileCandidates(directory, vaultId, configDirectory);
  const path = candidates.find((candidate) => existsSync(candidate)) ?? candidates[0];
  return [{ kind: 'keyfile', path }];
}

function requireDatabase(directory: string): void {
  try {
    if (statSync(join(directory, 'vault.db'), { throwIfNoEntry: false }) !== undefined) return;
  } catch (error) {
    throw translateFileError(error);
  }
  throw new StrongroomError('vault_not_found', `there is no vault in ${directory}`, {
    hint: 'make one with `strongroom init`',
  });
}
