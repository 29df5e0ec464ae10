import { dirname, isAbsolute, relative, resolve } from 'node:path';

import { z } from 'zod';

import {
  prepareDirectory,
  removeBackupFile,
  removeLeftovers,
} from '../../domain/backup/backup-file.ts';
import { allBackups, insertBackup } from '../../domain/backup/backup-records.ts';
import { verifySignature, withBackupFile } from '../../domain/backup/read-backup.ts';
import { writeReceipt } from '../../domain/backup/receipt.ts';
import { findSigner, signerOfVault, type BackupSigner } from '../../domain/backup/signing-key.ts';
import { writeBackup, type WrittenBackup } from '../../domain/backup/write-backup.ts';
import { readSetting } from '../../domain/settings/settings.ts';
import { StrongroomError } from '../../errors.ts';
import { createPrivateDirectory, writePrivateFile } from '../../store/private-files.ts';
import type { Operation, Services } from '../operation.ts';
import { proveBackup, type ProvenBackup } from '../prove-backup.ts';
import {
  ADMINISTERS_BACKUPS,
  DAY_MS,
  filePath,
  KEEP_DAYS_MAX,
  READS_BACKUPS,
  toBackup,
  type BackupSummary,
} from './backup-view.ts';

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

/** Errors: none of its own. */
export const backupKey: Operation<Record<string, never>, { readonly verifierKeys: string }> = {
  name: 'backups.key',
  summary: "Gives the key that the vault's backups are verified with, and makes it first.",
  input: z.strictObject({}),
  secretMembers: [],
  mutates: true,
  requires: () => READS_BACKUPS,
  subject: () => ({}),
  apply: async (_input, call) => ({ verifierKeys: (await signerOfVault(call)).verifierKeys }),
};

interface MadeBackup {
  readonly written: WrittenBackup;
  readonly digest: Uint8Array;
  readonly proven: ProvenBackup | undefined;
}

/** Errors: `file_exists`, `storage_full`, `read_only`, and those of a proof. */
export const createBackup: Operation<CreateBackupInput, BackupSummary, MadeBackup> = {
  name: 'backups.create',
  summary: 'Writes a backup of the whole vault, and tries a restore of it.',
  input: z.strictObject({
    directory: filePath.optional(),
    proof: z.enum(['now', 'later']).optional(),
    keepDays: z.number().positive().max(KEEP_DAYS_MAX).nullable().optional(),
  }),
  secretMembers: [],
  mutates: true,
  requires: () => ADMINISTERS_BACKUPS,
  subject: () => ({}),
  prepare: async (input, services) => {
    const place = prepareDirectory(chosenDirectory(input.directory, services));
    removeLeftovers(place, services.keyring.vaultId);
    const signer = await signerFor(services);
    const { store, keyring, log, now } = services;
    const auditKeys = log.verifierKeys;
    const written = await writeBackup({ store, keyring, signer, auditKeys, directory: place, now });
    try {
      if (input.proof !== 'later') {
        const proven = await proveBackup(written.path, { keyring, signer, now });
        writeReceipt(written.path, proven.receipt);
        return { written, proven, digest: proven.digest };
      }
      const digest = await withBackupFile(written.path, (file) => verifySignature(file));
      return { written, proven: undefined, digest };
    } catch (error) {
      // What does not restore is no backup.
      removeBackupFile(written.path);
      throw error;
    }
  },
  apply: async (input, call, { written, digest, proven }) => {
    const { header } = written;
    const days = input.keepDays ?? (await readSetting(call, null, 'backup_keep_days'));
    const keepDays = input.keepDays === null ? null : days;
    const row = await insertBackup(call, {
      id: header.id,
      file: written.path,
      created_at: header.createdAt,
      size_bytes: written.sizeBytes,
      sha256: digest,
      root_key_id: header.rootKeyId,
      audit_log: header.auditLog,
      audit_size: header.auditSize,
      secrets: header.secrets,
      versions: header.versions,
      proven_at: proven?.provenAt ?? null,
      receipt: proven?.receipt ?? null,
      verified_at: proven?.provenAt ?? null,
      keep_until: keepDays === null ? null : header.createdAt + keepDays * DAY_MS,
      removed_at: null,
    });
    call.about({ detail: `backup ${row.id}` });
    return toBackup(row);
  },
};

/** Errors: none of its own. */
export const listBackups: Operation<
  Record<string, never>,
  { readonly backups: readonly BackupSummary[] }
> = {
  name: 'backups.list',
  summary: 'Lists the backups that were made, newest first.',
  input: z.strictObject({}),
  secretMembers: [],
  mutates: false,
  requires: () => READS_BACKUPS,
  subject: () => ({}),
  apply: async (_input, call) => ({ backups: (await allBackups(call)).map(toBackup) }),
};

/** Where backups go: never into the vault, which a backup has to outlive. */
function chosenDirectory(given: string | undefined, { directory: vault }: Services): string {
  const chosen = given ?? process.env['STRONGROOM_BACKUP_PATH'] ?? '';
  if (chosen === '') {
    throw new StrongroomError('invalid_input', 'there is no directory for backups', {
      hint: 'name one with --to or STRONGROOM_BACKUP_PATH',
    });
  }
  const path = resolve(chosen);
  const way = relative(resolve(vault), path);
  if (way.startsWith('..') || isAbsolute(way)) return path;
  throw new StrongroomError('invalid_input', `${path} is in the vault's directory`, {
    details: { path },
    hint: 'backups belong somewhere else, best on another disk',
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
