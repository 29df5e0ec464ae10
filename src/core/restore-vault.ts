import { existsSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { selfTest } from '../crypto/self-test.ts';
import { signerOf } from '../domain/backup/backup-header.ts';
import { factsOf, type BackupFacts } from '../domain/backup/verify-file.ts';
import { fillStore, type RowLook } from '../domain/backup/fill-store.ts';
import { findSigner } from '../domain/backup/signing-key.ts';
import { verifySignature, withBackupFile, type BackupFile } from '../domain/backup/read-backup.ts';
import { StrongroomError } from '../errors.ts';
import { uuidv7, type Clock } from '../lib/ids.ts';
import type { Keyring } from '../keys/keyring.ts';
import { vaultConfigFiles, type VaultConfigFiles } from '../seal/locations.ts';
import type { SlotKey } from '../seal/slot.ts';
import { translateFileError } from '../store/file-errors.ts';
import { migrate } from '../store/migrate.ts';
import { createPrivateDirectory, writePrivateFile } from '../store/private-files.ts';
import { PRINCIPALS } from '../store/protected-tables.ts';
import type { RowMac } from '../store/row-mac.ts';
import { openSqlite } from '../store/sqlite.ts';
import { query } from '../store/statement.ts';
import type { Store } from '../store/store.ts';
import type { PrincipalRow } from '../store/tables.ts';
import { LOCK_FILES, lockedDirectory, putInPlace, removeQuietly } from './init-vault.ts';
import { ensureKeys } from './ensure-keys.ts';
import { beginFactorUses, nextGeneration } from './next-generation.ts';
import { openBackup, readWholeBackup, type OpenedBackup } from './open-backup.ts';
import { openTrustedLog, unsealWith } from './unseal-rows.ts';
import { readOutsideCheckpoint, writeOutsideCheckpoint } from './outside-checkpoint.ts';
import { startNewLog } from './start-new-log.ts';
import { asStrongroomError } from './unforeseen.ts';

/** Options of {@link restoreVault}. */
export interface RestoreVaultOptions {
  /** The backup. */
  readonly file: string;
  /** What opens a slot of the backup. Default: the key file of the vault that it is of. */
  readonly keys?: readonly SlotKey[] | undefined;
  /** Name of who decides to restore; on record in the restored vault's log. */
  readonly by: string;
  readonly now?: Clock | undefined;
  /** The directory of key files and checkpoints. Default: the user's configuration directory. */
  readonly configDirectory?: string | undefined;
  /**
   * Whether the restored vault takes the place of the one that this machine knows: from then on
   * that one is refused here, as an older copy. Default no.
   */
  readonly replace?: boolean | undefined;
}

/** A vault that was restored. */
export interface RestoredVault extends BackupFacts {
  /** How often the vault was restored; what was given out before this is void. */
  readonly restoreGeneration: number;
  /** Path of the new log's verifier keys, unless {@link RestoredVault.outsideFault} kept it from being written. */
  readonly auditKeyFile: string | undefined;
  /** Why nothing could be kept in the configuration directory. */
  readonly outsideFault: StrongroomError | undefined;
}

const BUILDING = '.restore-';

/** What of a vault was being built when the attempt was killed. */
const UNFINISHED = /^\.(init|restore)-/;

/** What attempts that were killed may have left in a directory that counts as empty. */
const LEFTOVER = /^(lock\.(db(-journal|-wal|-shm)?|json(\.new)?)|\.(init|restore)-.*)$/;

/**
 * Restores a whole vault from a backup into an empty directory. The backup is
 * read to its end before anything is written; then the vault is built beside
 * its place and put there in one step.
 *
 * @throws {@link StrongroomError} `backup_damaged`, `schema_too_new`, `file_not_found`, the codes of
 * slots, `vault_exists`, `file_exists` if the directory is not empty, `vault_has_checkpoint` if this
 * machine knows the vault and it is not to be replaced, `vault_in_use`, `read_only`, `storage_full`.
 */
export async function restoreVault(
  directory: string,
  options: RestoreVaultOptions,
): Promise<RestoredVault> {
  selfTest();
  requireEmpty(directory);
  return withBackupFile(options.file, async (file) => {
    const opened = await openBackup(file, { ...options, directory });
    if (options.replace !== true) requireUnknown(file.header.vault, options.configDirectory);
    // No vault is there that would know its signer. The header's MAC, under the root key, vouches for the one named.
    const digest = await verifySignature(file, [signerOf(file.header)]);
    await readWholeBackup(file, opened.keys);
    const facts = factsOf(file.header, file.sizeBytes, digest);
    return { ...facts, ...(await restoreChecked(directory, file, opened, options)) };
  });
}

async function restoreChecked(
  directory: string,
  file: BackupFile,
  opened: OpenedBackup,
  options: RestoreVaultOptions,
): Promise<Omit<RestoredVault, keyof BackupFacts>> {
  const absent = [directory, ...LOCK_FILES.map((name) => join(directory, name))].filter(
    (path) => !existsSync(path),
  );
  const lock = await lockedDirectory(directory, 'strongroom backup restore');
  const building = join(directory, `${BUILDING}${uuidv7()}`);
  const files = vaultConfigFiles(file.header.vault, options.configDirectory);
  try {
    requireEmpty(directory);
    removeLeftovers(directory);
    createPrivateDirectory(building);
    const built = await build(building, file, opened, { ...options, files });
    putInPlace(join(building, 'vault.db'), join(directory, 'vault.db'));
    // Opening finds what was outside before in the new log's first entry, so that it may come last.
    const outsideFault = keepOutside(files, built);
    return {
      restoreGeneration: built.generation,
      outsideFault,
      auditKeyFile: outsideFault === undefined ? files.auditKey : undefined,
    };
  } catch (error) {
    throw asStrongroomError(translateFileError(error));
  } finally {
    rmSync(building, { recursive: true, force: true });
    const isMade = existsSync(join(directory, 'vault.db'));
    if (!isMade) absent.filter((path) => path !== directory).forEach(removeQuietly);
    lock.release();
    if (!isMade && absent.includes(directory)) removeQuietly(directory);
  }
}

interface Built {
  readonly generation: number;
  readonly verifierKeys: string;
  readonly backupKeys: string | undefined;
  readonly checkpoint: string;
}

async function build(
  building: string,
  file: BackupFile,
  opened: OpenedBackup,
  options: RestoreVaultOptions & { readonly files: VaultConfigFiles },
): Promise<Built> {
  const { now = Date.now, by, files } = options;
  const { store, keyring, mac } = await fillScratch(building, file, opened, { now });
  try {
    const { row: old } = await openTrustedLog(store, { keyring, mac });
    let generation = 0;
    const time = new Date(file.header.createdAt).toISOString();
    const log = await startNewLog(
      store,
      { keyring, mac, now },
      {
        old,
        outside: readOutsideCheckpoint(files.checkpoint),
        reason: `restored from backup ${file.header.id} of ${time}`,
        by: await namedBy(store, mac, by),
        change: async (work) => {
          generation = await nextGeneration(work);
          await ensureKeys(work);
          await beginFactorUses(work);
        },
      },
    );
    const checkpoint = await store.write((transaction) => log.checkpoint(transaction, now()));
    return {
      generation,
      verifierKeys: log.verifierKeys,
      backupKeys: findSigner(keyring)?.verifierKeys,
      checkpoint: checkpoint ?? '',
    };
  } finally {
    await store.close();
  }
}

/** An open database that holds a backup, and what gives access to it. */
export interface FilledStore {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly mac: RowMac;
}

/**
 * Fills a new database with a backup, and checks every row that decides. The caller closes it.
 *
 * @throws {@link StrongroomError} `backup_damaged`, `integrity_error`, storage codes.
 */
export async function fillScratch(
  directory: string,
  file: BackupFile,
  { rootKey, keys }: OpenedBackup,
  { now, look }: { readonly now: Clock; readonly look?: RowLook },
): Promise<FilledStore> {
  const store = openSqlite(directory, { create: true });
  try {
    await migrate(store, { now });
    await fillStore(store, file, keys, look);
    const root = { rootKey, rootKeyId: file.header.rootKeyId };
    return { store, ...(await unsealWith(store, root, now)) };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Who decided, with the principal of that name if there is one. */
async function namedBy(
  store: Store,
  mac: RowMac,
  name: string,
): Promise<{ readonly actorName: string; readonly actor?: string; readonly actorKind?: string }> {
  const row: PrincipalRow | undefined = await store.read((transaction) =>
    transaction.get(
      query((db) => db.selectFrom('principals').selectAll().where('name', '=', name)),
      {},
    ),
  );
  if (row === undefined) return { actorName: name };
  mac.check(PRINCIPALS, row);
  return { actorName: name, actor: row.id, actorKind: row.kind };
}

function keepOutside(files: VaultConfigFiles, built: Built): StrongroomError | undefined {
  try {
    createPrivateDirectory(dirname(files.auditKey));
    writePrivateFile(files.auditKey, built.verifierKeys);
    if (built.backupKeys !== undefined) writePrivateFile(files.backupKey, built.backupKeys);
    writeOutsideCheckpoint(files.checkpoint, built.checkpoint);
    return undefined;
  } catch (cause) {
    return asStrongroomError(translateFileError(cause));
  }
}

/** The new checkpoint would be kept where the old one is, and the vault of that one refused. */
function requireUnknown(vault: string, configDirectory: string | undefined): void {
  const { checkpoint } = vaultConfigFiles(vault, configDirectory);
  if (readOutsideCheckpoint(checkpoint) === undefined) return;
  throw new StrongroomError(
    'vault_has_checkpoint',
    'this machine knows that vault: a restored one would take its place, and it would be refused here',
    {
      details: { path: checkpoint },
      hint: 'try a restore with `strongroom backup verify FILE --prove`, or have both with another STRONGROOM_CONFIG_HOME for the restored one; if the old vault is gone, go on with --replace',
    },
  );
}

function requireEmpty(directory: string): void {
  if (existsSync(join(directory, 'vault.db'))) {
    throw new StrongroomError('vault_exists', `there is a vault in ${directory} already`, {
      hint: 'restore into a new directory, or move the vault away first',
    });
  }
  let names: readonly string[];
  try {
    names = existsSync(directory) ? readdirSync(directory) : [];
  } catch (error) {
    throw translateFileError(error);
  }
  if (names.every((name) => LEFTOVER.test(name))) return;
  throw new StrongroomError('file_exists', `there are other files in ${directory}`, {
    details: { path: directory },
    hint: 'name a new directory with --to',
  });
}

/** What a killed attempt left behind. */
function removeLeftovers(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (UNFINISHED.test(name)) rmSync(join(directory, name), { recursive: true, force: true });
  }
}
