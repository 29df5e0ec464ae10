import { z } from 'zod';

import { removeBackupFile } from '../../domain/backup/backup-file.ts';
import { unlockHeader } from '../../domain/backup/backup-header.ts';
import { allBackups, requireBackup, updateBackup } from '../../domain/backup/backup-records.ts';
import { withBackupFile } from '../../domain/backup/read-backup.ts';
import { writeReceipt } from '../../domain/backup/receipt.ts';
import { expiredBackups } from '../../domain/backup/retention.ts';
import { factsOf, type BackupFacts } from '../../domain/backup/verify-file.ts';
import { readSetting } from '../../domain/settings/settings.ts';
import { StrongroomError } from '../../errors.ts';
import { parseDuration } from '../../lib/duration.ts';
import type { BackupRow } from '../../store/tables.ts';
import { checkWholeBackup } from '../open-backup.ts';
import type { Operation, Services } from '../operation.ts';
import { proveBackup, requireOwnBackup } from '../prove-backup.ts';
import {
  ADMINISTERS_BACKUPS,
  DAY_MS,
  filePath,
  KEEP_DAYS_MAX,
  type BackupSummary,
} from './backup-view.ts';
import { createBackup, signerFor } from './create-backup.ts';

export interface VerifyBackupInput {
  /** The backup. Default: the place where the backup with `id` was written. */
  readonly file?: string | undefined;
  readonly id?: string | undefined;
  /** Tries a restore too, and keeps the receipt. Default no. */
  readonly prove?: boolean | undefined;
}

/** A backup that was decrypted and read to its end. */
export interface BackupVerified extends BackupFacts {
  /** Rows by table. */
  readonly rows: Readonly<Record<string, number>>;
  /** Values that the trial restore decrypted; `undefined` if none was asked for. */
  readonly decrypted: number | undefined;
  readonly receipt: string | undefined;
}

export interface PruneBackupsInput {
  /** Keeps what is younger than so many days. */
  readonly keepDays?: number | undefined;
  /** Keeps the newest so many. */
  readonly keepLast?: number | undefined;
}

/** What a pruning did. The newest backup that was proven stays whatever was asked. */
export interface BackupsPruned {
  /** Files that are gone. */
  readonly removed: readonly string[];
  /** Files that could not be removed: they are not what was written, or their directory cannot be changed. */
  readonly failed: readonly string[];
  readonly kept: number;
}

export interface ScheduledBackupInput {
  readonly directory?: string | undefined;
}

/** What a scheduled run did. */
export interface ScheduledBackup {
  /** The backup that was due, or `undefined`. */
  readonly created: BackupSummary | undefined;
  readonly removed: readonly string[];
}

/** Errors: `backup_not_found`, `backup_damaged`, `backup_unverifiable`, `backup_of_another_vault`, `file_not_found`, and those of a proof. */
export const verifyBackup: Operation<VerifyBackupInput, BackupVerified, BackupVerified> = {
  name: 'backups.verify',
  summary: 'Decrypts a backup of this vault and checks all of it; may try a restore.',
  input: z.strictObject({
    file: filePath.optional(),
    id: z.uuid().optional(),
    prove: z.boolean().optional(),
  }),
  secretMembers: [],
  mutates: true,
  requires: () => ADMINISTERS_BACKUPS,
  subject: ({ id }) => ({ detail: id === undefined ? undefined : `backup ${id}` }),
  prepare: async (input, services) => {
    const path = input.file ?? (await fileOf(input.id, services));
    const verified = await decryptAll(path, services);
    if (input.prove !== true) return { ...verified, decrypted: undefined, receipt: undefined };
    const { keyring, now } = services;
    const signer = await signerFor(services);
    const { decrypted, receipt } = await proveBackup(path, { keyring, signer, now });
    writeReceipt(path, receipt);
    return { ...verified, decrypted, receipt };
  },
  apply: async (_input, call, verified) => {
    call.about({ detail: `backup ${verified.id}` });
    const row = (await allBackups(call)).find(({ id }) => id === verified.id);
    // One that was made before the vault itself was restored may have no row.
    if (row !== undefined && Buffer.from(row.sha256).toString('hex') === verified.sha256) {
      const { receipt } = verified;
      const proof = receipt === undefined ? {} : { proven_at: call.now, receipt };
      await updateBackup(call, row, { verified_at: call.now, ...proof });
    }
    return verified;
  },
};

interface Removal {
  readonly gone: readonly BackupRow[];
  readonly failed: readonly BackupRow[];
}

/** Errors: none of its own. */
export const pruneBackups: Operation<PruneBackupsInput, BackupsPruned, Removal> = {
  name: 'backups.prune',
  summary: 'Removes backups that need not be kept any longer.',
  input: z.strictObject({
    keepDays: z.number().positive().max(KEEP_DAYS_MAX).optional(),
    keepLast: z.int().min(1).optional(),
  }),
  secretMembers: [],
  mutates: true,
  requires: () => ADMINISTERS_BACKUPS,
  subject: () => ({}),
  prepare: async ({ keepDays, keepLast }, { store, mac, now }) => {
    const rows = await store.read((transaction) => allBackups({ transaction, mac }));
    const keepMs = keepDays === undefined ? undefined : keepDays * DAY_MS;
    const expired = expiredBackups(rows, { keepMs, keepLast }, now());
    const gone = expired.filter(({ file }) => isRemoved(file));
    return { gone, failed: expired.filter((row) => !gone.includes(row)) };
  },
  apply: async (_input, call, { gone, failed }) => {
    const rows = await allBackups(call);
    for (const { id } of gone) {
      const row = rows.find((each) => each.id === id);
      if (row === undefined || row.removed_at !== null) continue;
      await updateBackup(call, row, { removed_at: call.now });
      call.record('backups.remove', { detail: `backup ${id}` });
    }
    const kept = rows.filter(({ id, removed_at: removedAt }) => {
      return removedAt === null && !gone.some((each) => each.id === id);
    });
    return {
      removed: gone.map(({ file }) => file),
      failed: failed.map(({ file }) => file),
      kept: kept.length,
    };
  },
};

/** Errors: those of `backups.create` and `backups.prune`. */
export const runScheduledBackup: Operation<ScheduledBackupInput, ScheduledBackup, ScheduledBackup> =
  {
    name: 'backups.runScheduled',
    summary: 'Makes a backup if one is due by the setting backup_every, and removes old ones.',
    input: z.strictObject({ directory: filePath.optional() }),
    secretMembers: [],
    mutates: false,
    requires: () => ADMINISTERS_BACKUPS,
    subject: () => ({}),
    prepare: async (input, services) => {
      const { store, mac, now } = services;
      const { every, newest } = await store.read(async (transaction) => {
        const [newest] = await allBackups({ transaction, mac });
        return { newest, every: await readSetting({ transaction, mac }, null, 'backup_every') };
      });
      const everyMs = every === null ? undefined : parseDuration(every);
      if (everyMs === undefined) return { created: undefined, removed: [] };
      const isDue = newest === undefined || newest.created_at + everyMs <= now();
      const created = isDue ? await services.run(createBackup, input) : undefined;
      const { removed } = await services.run(pruneBackups, {});
      return { created, removed };
    },
    apply: async (_input, _call, done) => done,
  };

async function fileOf(id: string | undefined, { store, mac }: Services): Promise<string> {
  if (id === undefined) throw new StrongroomError('invalid_input', 'which backup?');
  return (await store.read((transaction) => requireBackup({ transaction, mac }, id))).file;
}

async function decryptAll(
  path: string,
  { keyring }: Services,
): Promise<Omit<BackupVerified, 'decrypted' | 'receipt'>> {
  return withBackupFile(path, async (file) => {
    requireOwnBackup(file, keyring);
    const keys = unlockHeader(file, keyring.backupKey(file.header.rootKeyId));
    const { digest, tables } = await checkWholeBackup(file, keys);
    const rows = Object.fromEntries(tables.map((each) => [each.table, each.rows]));
    return { ...factsOf(file.header, file.sizeBytes, digest), rows };
  });
}

function isRemoved(file: string): boolean {
  try {
    return removeBackupFile(file);
  } catch {
    return false;
  }
}
