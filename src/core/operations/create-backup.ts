import { dirname, resolve } from 'node:path';

import { z } from 'zod';

import {
  backupFilesIn,
  fileState,
  prepareDirectory,
  removeBackupFile,
  removeLeftovers,
  settleBackup,
} from '../../domain/backup/backup-file.ts';
import { allBackups, insertBackup } from '../../domain/backup/backup-records.ts';
import { verifySignature, withBackupFile } from '../../domain/backup/read-backup.ts';
import { writeReceipt } from '../../domain/backup/receipt.ts';
import { findSigner, signerOfVault, type BackupSigner } from '../../domain/backup/signing-key.ts';
import { writeBackup, type WrittenBackup } from '../../domain/backup/write-backup.ts';
import { readSetting } from '../../domain/settings/settings.ts';
import { StrongroomError } from '../../errors.ts';
import { createPrivateDirectory, writePrivateFile } from '../../store/private-files.ts';
import type { BackupRow } from '../../store/tables.ts';
import type { Operation, Services } from '../operation.ts';
import { proveBackup, type ProvenBackup } from '../prove-backup.ts';
import {
  ADMINISTERS_BACKUPS,
  backupSummary,
  BACKUPS_PATH,
  DAY_MS,
  filePath,
  KEEP_DAYS_MAX,
  READS_BACKUPS,
  recordOf,
  toBackup,
  type BackupSummary,
} from './backup-view.ts';
import * as schema from './schema.ts';

/** The variable of the environment that names the directory of backups. */
export const BACKUP_PATH = 'STRONGROOM_BACKUP_PATH';

export interface CreateBackupInput {
  /** A directory outside the vault's own. Default: `STRONGROOM_BACKUP_PATH`. */
  readonly directory?: string | undefined;
  /**
   * `now`: a restore is tried at once, and the receipt kept. `later`: not before
   * `backups.verify` is asked to. Default `now`.
   */
  readonly proof?: 'now' | 'later' | undefined;
  /** How many days nobody removes it; `null`: as long as nobody asks to. Default: the setting `backup_keep_days`. */
  readonly keepDays?: number | null | undefined;
}

export const backupKey: Operation<Record<string, never>, { readonly verifierKeys: string }> = {
  name: 'backups.key',
  summary: "Gives the key that the vault's backups are verified with, and makes it first.",
  errors: [],
  input: z.strictObject({}),
  output: schema.answer<{ readonly verifierKeys: string }>({ verifierKeys: z.string() }),
  rest: [{ method: 'POST', path: `${BACKUPS_PATH}/key` }],
  secretMembers: [],
  mutates: true,
  requires: () => READS_BACKUPS,
  subject: () => ({}),
  apply: async (_input, call) => ({ verifierKeys: (await signerOfVault(call)).verifierKeys }),
};

/** A backup that is in its place and not listed yet. It is gone when it was not asked for after all. */
class MadeBackup implements Disposable {
  readonly written: WrittenBackup;
  readonly digest: Uint8Array;
  readonly proven: ProvenBackup | undefined;
  /** Whether it was given to the list. Not so where an idempotency key has an answer already. */
  isListed = false;

  constructor(written: WrittenBackup, digest: Uint8Array, proven?: ProvenBackup) {
    this.written = written;
    this.digest = digest;
    this.proven = proven;
  }

  [Symbol.dispose](): void {
    settleBackup(this.written.path);
    if (!this.isListed) removeBackupFile(this.written.path);
  }
}

/** Errors: `file_exists`, `storage_full`, `read_only`, and those of a proof. */
export const createBackup: Operation<CreateBackupInput, BackupSummary, MadeBackup> = {
  name: 'backups.create',
  summary: 'Writes a backup of the whole vault, and tries a restore of it.',
  errors: ['file_exists'],
  input: z.strictObject({
    directory: filePath.optional(),
    proof: z.enum(['now', 'later']).optional(),
    keepDays: z.number().positive().max(KEEP_DAYS_MAX).nullable().optional(),
  }),
  output: backupSummary,
  // Who may call writes no file of their choice on the server.
  rest: [{ method: 'POST', path: BACKUPS_PATH, status: 201, omit: ['directory'] }],
  secretMembers: [],
  mutates: true,
  fresh: true,
  requires: () => ADMINISTERS_BACKUPS,
  subject: () => ({}),
  prepare: async (input, services) => {
    const place = prepareDirectory(chosenDirectory(input.directory), services.directory);
    removeLeftovers(place, services.keyring.vaultId);
    const signer = await signerFor(services);
    const auditKeys = services.log.verifierKeys;
    const written = await writeBackup({ ...services, signer, auditKeys, directory: place });
    try {
      if (input.proof !== 'later') {
        const proven = await proveBackup(written.path, { ...services, signer });
        writeReceipt(written.path, proven.receipt);
        return new MadeBackup(written, proven.digest, proven);
      }
      const digest = await withBackupFile(written.path, (file) =>
        verifySignature(file, [signer.key]),
      );
      return new MadeBackup(written, digest);
    } catch (error) {
      // What does not restore is no backup.
      removeBackupFile(written.path);
      settleBackup(written.path);
      throw error;
    }
  },
  undo: ({ written }) => {
    removeBackupFile(written.path);
  },
  apply: async (input, call, made) => {
    const { written, digest, proven } = made;
    const { header } = written;
    const days = input.keepDays ?? readSetting(call, null, 'backup_keep_days');
    const keepDays = input.keepDays === null ? null : days;
    const { sizeBytes, path } = written;
    const sha256 = Buffer.from(digest).toString('hex');
    const row = await insertBackup(call, {
      ...recordOf(path, header, { sizeBytes, sha256 }),
      proven_at: proven?.provenAt ?? null,
      receipt: proven?.receipt ?? null,
      verified_at: proven?.provenAt ?? null,
      keep_until: keepDays === null ? null : header.createdAt + keepDays * DAY_MS,
    });
    made.isListed = true;
    call.about({ detail: `backup ${row.id}` });
    return toBackup(row);
  },
};

/** The backups of a vault. */
export interface BackupList {
  readonly backups: readonly BackupSummary[];
  /**
   * Files beside them, or in `STRONGROOM_BACKUP_PATH`, that have the name of a backup of this vault
   * and are not listed: whoever made them was stopped. `backups.verify` lists one that is whole.
   */
  readonly unlisted: readonly string[];
  /** Files of backups that were not removed, and that are not in their place or cannot be reached. */
  readonly missing: readonly string[];
}

export const listBackups: Operation<Record<string, never>, BackupList, readonly string[]> = {
  name: 'backups.list',
  summary: 'Lists the backups that were made, newest first.',
  errors: [],
  input: z.strictObject({}),
  output: schema.answer<BackupList>({
    backups: z.array(backupSummary),
    unlisted: schema.texts,
    missing: schema.texts,
  }),
  rest: [{ method: 'GET', path: BACKUPS_PATH }],
  secretMembers: [],
  mutates: false,
  requires: () => READS_BACKUPS,
  subject: () => ({}),
  prepare: async (_input, { store, mac, keyring }) => {
    const rows = await store.read((transaction) => allBackups({ transaction, mac }));
    const usual = process.env[BACKUP_PATH] ?? '';
    const directories = rows.map(({ file }) => dirname(file));
    if (usual !== '') directories.push(resolve(usual));
    return [...new Set(directories)].flatMap((at) => backupFilesIn(at, keyring.vaultId));
  },
  apply: async (_input, call, files) => {
    const rows = await allBackups(call);
    const kept = rows.filter((row) => row.removed_at === null);
    const listed = new Set(kept.map(({ file }) => file));
    const isMissing = (row: BackupRow): boolean =>
      ['missing', 'unreachable'].includes(fileState(row.file, row.size_bytes));
    return {
      backups: rows.map(toBackup),
      unlisted: files.filter((file) => !listed.has(file)),
      missing: kept.filter(isMissing).map(({ file }) => file),
    };
  },
};

function chosenDirectory(given: string | undefined): string {
  const chosen = given ?? process.env[BACKUP_PATH] ?? '';
  if (chosen !== '') return chosen;
  throw new StrongroomError('invalid_input', 'there is no directory for backups', {
    hint: 'name one in STRONGROOM_BACKUP_PATH; where the vault is, --to names one too',
  });
}

/** The vault's signer. It is made, on record, before the first backup, so that every backup holds it. */
export async function signerFor(services: Services): Promise<BackupSigner> {
  if (findSigner(services.keyring) === undefined) await services.run(backupKey, {});
  const signer = findSigner(services.keyring);
  if (signer === undefined) throw new TypeError('the key of backups was just made');
  keepVerifierKey(services, signer);
  return signer;
}

/** Keeps the key where the audit log's is. Whoever has none there can still print it. */
function keepVerifierKey({ checkpointPath }: Services, { verifierKeys }: BackupSigner): void {
  try {
    const place = dirname(checkpointPath);
    createPrivateDirectory(place);
    writePrivateFile(resolve(place, 'backup.pub'), verifierKeys);
  } catch {
    // As with the checkpoint, a vault whose key is elsewhere can do without; the file is whole.
  }
}
