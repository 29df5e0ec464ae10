import { existsSync, lstatSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { randomBytes } from '../crypto/random.ts';
import { selfTest } from '../crypto/self-test.ts';
import { createSecretKey } from 'node:crypto';
import { assignRole, createBuiltInRoles, createUser } from '../domain/access/principals.ts';
import { AuditLog } from '../domain/audit/audit-log.ts';
import { KeyUses } from '../domain/keys/key-uses.ts';
import { insertWorkspace } from '../domain/workspaces/create.ts';
import { FIRST_WORKSPACE } from '../domain/workspaces/names.ts';
import type { Work } from '../domain/work.ts';
import { StrongroomError } from '../errors.ts';
import { wipe } from '../lib/bytes.ts';
import { uuidv7, type Clock } from '../lib/ids.ts';
import { Keyring, type KeyPurpose } from '../keys/keyring.ts';
import { rootKeyId } from '../keys/root-key.ts';
import { createSlot } from '../seal/create-slot.ts';
import { vaultConfigFiles, type VaultConfigFiles } from '../seal/locations.ts';
import type { NewSlot, RootKey } from '../seal/slot.ts';
import type { SecretValue } from '../secret-value.ts';
import { integrityState } from '../store/integrity.ts';
import { translateFileError } from '../store/file-errors.ts';
import { migrate } from '../store/migrate.ts';
import { createPrivateDirectory, syncDirectory, writePrivateFile } from '../store/private-files.ts';
import { KEYS, SLOTS, VAULT } from '../store/protected-tables.ts';
import { insertRow } from '../store/rows.ts';
import { openSqlite } from '../store/sqlite.ts';
import type { SlotRow } from '../store/tables.ts';
import type { Unprotected } from '../store/row-mac.ts';
import { acquireVaultLock } from '../store/vault-lock.ts';
import { ensureKeys } from './ensure-keys.ts';
import { firstSettings, writeFirstSettings, type FirstSetting } from './first-settings.ts';
import { rowMacOf } from './unseal-rows.ts';
import { writeOutsideCheckpoint } from './outside-checkpoint.ts';

/** A slot to begin with; a key file's place is chosen unless it is given. */
export type FirstSlot = Exclude<NewSlot, { kind: 'keyfile' }> | { kind: 'keyfile'; path?: string };

/** Options of {@link initVault}. */
export interface InitVaultOptions {
  /** Name of the user who becomes owner. */
  readonly owner: string;
  /** Default: a key file in the user's configuration directory. */
  readonly slots?: readonly FirstSlot[] | undefined;
  readonly now?: Clock | undefined;
  /** The directory of key files and checkpoints. Default: the user's configuration directory. */
  readonly configDirectory?: string | undefined;
}

/** What a new vault gives its maker, once. */
export interface NewVault {
  readonly id: string;
  /** Paths of the key files that were written. */
  readonly keyFiles: readonly string[];
  /** Path of the log's verifier key, or `undefined` if {@link NewVault.outsideFault} kept it from being written. */
  readonly auditKeyFile: string | undefined;
  /** Why nothing could be kept in the configuration directory, where no key had to be. */
  readonly outsideFault: StrongroomError | undefined;
  readonly recovery: SecretValue | undefined;
  readonly shares: readonly SecretValue[] | undefined;
}

interface Handover {
  readonly keyFiles: string[];
  recovery: SecretValue | undefined;
  shares: readonly SecretValue[] | undefined;
}

const GLOBAL_KEYS: readonly KeyPurpose[] = ['row-mac', 'checksum', 'fingerprint'];
const BUILDING = '.init-';
/** What taking the lock leaves in a directory. */
export const LOCK_FILES: readonly string[] = ['lock.db', 'lock.json'];

/**
 * Makes a vault. It is built beside its place and put there in one step: a
 * kill at any moment leaves a whole vault or none.
 *
 * @throws {@link StrongroomError} `vault_exists`, `vault_in_use`, `read_only`, `storage_full`, and
 * the codes of slots.
 */
export async function initVault(directory: string, options: InitVaultOptions): Promise<NewVault> {
  selfTest();
  requireNone(directory);
  const settings = firstSettings();
  const absent = [directory, ...LOCK_FILES.map((name) => join(directory, name))].filter(
    (path) => !existsSync(path),
  );
  const lock = await lockedDirectory(directory, 'strongroom init');
  const building = join(directory, `${BUILDING}${uuidv7()}`);
  const vaultId = uuidv7(options.now);
  const files = vaultConfigFiles(vaultId, options.configDirectory);
  const handover: Handover = { keyFiles: [], recovery: undefined, shares: undefined };
  try {
    requireNone(directory);
    removeLeftovers(directory);
    createPrivateDirectory(building);
    const built = await build(building, vaultId, { ...options, files, handover, settings });
    const outsideFault = keepOutside(files, built, handover.keyFiles.includes(files.masterKey));
    // The last step: whatever fails before it leaves no vault, and nothing fails after it.
    putInPlace(join(building, 'vault.db'), join(directory, 'vault.db'));
    const auditKeyFile = outsideFault === undefined ? files.auditKey : undefined;
    return { id: vaultId, ...handover, auditKeyFile, outsideFault };
  } catch (error) {
    takeBack([...handover.keyFiles, files.auditKey, files.checkpoint]);
    throw translateFileError(error);
  } finally {
    rmSync(building, { recursive: true, force: true });
    const isMade = existsSync(join(directory, 'vault.db'));
    // Under the lock, so that nobody's but our own lock files go; SQLite still has one more there.
    if (!isMade) absent.filter((path) => path !== directory).forEach(removeQuietly);
    lock.release();
    if (!isMade && absent.includes(directory)) removeQuietly(directory);
  }
}

/**
 * Puts the verifier keys and the first checkpoint into the configuration
 * directory. A vault whose key is elsewhere, as in a container, can do without;
 * where the key is in that directory, a failure to write is one of the disk.
 */
function keepOutside(
  files: VaultConfigFiles,
  built: { readonly verifierKeys: string; readonly checkpoint: string },
  isNeeded: boolean,
): StrongroomError | undefined {
  try {
    createPrivateDirectory(dirname(files.auditKey));
    writePrivateFile(files.auditKey, built.verifierKeys);
    writeOutsideCheckpoint(files.checkpoint, built.checkpoint);
    return undefined;
  } catch (cause) {
    const fault = translateFileError(cause);
    if (isNeeded || !(fault instanceof StrongroomError)) throw fault;
    takeBack([files.auditKey, files.checkpoint]);
    return fault;
  }
}

async function build(
  building: string,
  vaultId: string,
  options: InitVaultOptions & {
    readonly files: ReturnType<typeof vaultConfigFiles>;
    readonly handover: Handover;
    readonly settings: readonly FirstSetting[];
  },
): Promise<{ readonly verifierKeys: string; readonly checkpoint: string }> {
  const { now = Date.now, owner } = options;
  const store = openSqlite(building, { create: true });
  const rootBytes = randomBytes(32);
  try {
    await migrate(store, { now });
    const root: RootKey = { id: rootKeyId(rootBytes, vaultId), bytes: rootBytes };
    const slots = await createSlots(vaultId, root, { ...options, now });
    const keyring = new Keyring(vaultId, { id: root.id, key: createSecretKey(rootBytes) }, now);
    const keys = GLOBAL_KEYS.map((purpose) =>
      keyring.create({ purpose, workspaceId: null, number: 1 }),
    );
    for (const key of keys) keyring.add(key);
    const mac = rowMacOf(keyring);
    const log = await store.write(async (transaction) => {
      const ownerId = uuidv7(now);
      const keyUses = new KeyUses(transaction, mac);
      const work: Work = { transaction, mac, keyring, keyUses, now: now(), actor: ownerId };
      await insertRow(transaction, mac, VAULT, {
        id: vaultId,
        created_at: work.now,
        restore_generation: 0,
        restore_id: null,
        restored_at: null,
        root_key_id: root.id,
      });
      for (const slot of slots) await insertRow(transaction, mac, SLOTS, slot);
      for (const key of keys) await insertRow(transaction, mac, KEYS, key);
      await ensureKeys(work);
      await writeFirstSettings(work, options.settings);
      return fill(work, owner);
    });
    const checkpoint = await store.write((transaction) => log.checkpoint(transaction, now()));
    return { verifierKeys: log.verifierKeys, checkpoint: checkpoint ?? '' };
  } finally {
    wipe(rootBytes);
    await store.close();
  }
}

/** The first workspace, the roles, the owner, and the log with its first entry. */
async function fill(work: Work, owner: string): Promise<AuditLog> {
  const { transaction, mac, keyring } = work;
  await insertWorkspace(work, FIRST_WORKSPACE);
  const roles = await createBuiltInRoles(work);
  const principal = await createUser(work, work.actor, owner);
  await assignRole(work, {
    principalId: principal.id,
    roleId: roles.get('owner') ?? '',
    workspaceId: null,
  });
  const log = await AuditLog.open(transaction, keyring, await AuditLog.create(work, 1));
  const staged = log.stage();
  staged.append(
    {
      request: uuidv7(),
      action: 'vault.init',
      outcome: 'ok',
      actor: principal.id,
      actorName: principal.name,
      actorKind: principal.kind,
      state: await integrityState(transaction, mac),
      detail: `vault ${keyring.vaultId}`,
    },
    work.now,
  );
  await staged.flush(transaction);
  staged.accept();
  return log;
}

async function createSlots(
  vaultId: string,
  root: RootKey,
  options: InitVaultOptions & {
    readonly now: Clock;
    readonly files: ReturnType<typeof vaultConfigFiles>;
    readonly handover: Handover;
  },
): Promise<Unprotected<SlotRow>[]> {
  const { handover, files, now, slots = [{ kind: 'keyfile' }] } = options;
  if (slots.length === 0) {
    throw new StrongroomError('invalid_input', 'a vault needs at least one slot');
  }
  for (const kind of ['recovery', 'shamir'] as const) {
    if (slots.filter((slot) => slot.kind === kind).length > 1) {
      throw new StrongroomError('invalid_input', `a vault begins with one ${kind} slot at most`, {
        hint: 'add further ones with `strongroom keys slots add`, which hands over one at a time',
      });
    }
  }
  const rows: Unprotected<SlotRow>[] = [];
  for (const slot of slots) {
    const spec: NewSlot =
      slot.kind === 'keyfile' ? { kind: 'keyfile', path: slot.path ?? files.masterKey } : slot;
    const created = await createSlot(vaultId, root, spec, now);
    if (spec.kind === 'keyfile') handover.keyFiles.push(spec.path);
    handover.recovery ??= created.recovery;
    handover.shares ??= created.shares;
    rows.push(created.row);
  }
  return rows;
}

/** Makes the directory of a vault that is to be there, and takes its lock. */
export async function lockedDirectory(
  directory: string,
  holder: string,
): Promise<{ release(): void }> {
  try {
    createPrivateDirectory(directory);
  } catch (cause) {
    const known = translateFileError(cause);
    if (known instanceof StrongroomError && known.code !== 'read_only') throw known;
    throw new StrongroomError('read_only', `the directory ${directory} cannot be made`, {
      hint: 'choose another place with --path',
      cause,
    });
  }
  return acquireVaultLock(directory, { holder, waitMs: 0 });
}

function requireNone(directory: string): void {
  if (!existsSync(join(directory, 'vault.db'))) return;
  throw new StrongroomError('vault_exists', `there is a vault in ${directory} already`, {
    hint: 'to bring a .env file into it, use `strongroom import .env`',
  });
}

/** A vault whose place is not certain to be kept is no vault: its key is about to be removed. */
export function putInPlace(from: string, to: string): void {
  renameSync(from, to);
  try {
    syncDirectory(dirname(to));
  } catch (error) {
    rmSync(to, { force: true });
    throw error;
  }
}

/** Removes files, and the directory of the last one unless it holds what is not ours. */
function takeBack(files: readonly string[]): void {
  try {
    for (const path of files) rmSync(path, { force: true });
    rmdirSync(dirname(files.at(-1) ?? ''));
  } catch {
    // What stopped the attempt may stop this too, and is what has to be told.
  }
}

/** A file, or a directory that is empty. */
export function removeQuietly(path: string): void {
  try {
    if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true) rmdirSync(path);
    else rmSync(path, { force: true });
  } catch {
    // What stopped the attempt may stop this too, and is what has to be told.
  }
}

/** What a killed attempt left behind. */
function removeLeftovers(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (name.startsWith(BUILDING)) rmSync(join(directory, name), { recursive: true, force: true });
  }
}
