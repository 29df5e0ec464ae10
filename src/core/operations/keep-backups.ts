import { resolve } from 'node:path';

import { z } from 'zod';

import { fileState, removeBackupFile, type FileState } from '../../domain/backup/backup-file.ts';
import type { BackupHeader } from '../../domain/backup/backup-header.ts';
import type { RowLook } from '../../domain/backup/fill-store.ts';
import { allBackups, insertBackup, updateBackup } from '../../domain/backup/backup-records.ts';
import { withBackupFile } from '../../domain/backup/read-backup.ts';
import { writeReceipt } from '../../domain/backup/receipt.ts';
import { expiredBackups } from '../../domain/backup/retention.ts';
import { factsOf, type BackupFacts } from '../../domain/backup/verify-file.ts';
import { readSetting } from '../../domain/settings/settings.ts';
import type { SlotKey } from '../../seal/slot.ts';
import type { BackupRow } from '../../store/tables.ts';
import { BackupEnvelopes, BackupRows } from '../backup-rows.ts';
import { backupDueAt, newestThere } from '../due-backup.ts';
import { openOwnBackup, readWholeBackup, type OwnBackup } from '../open-backup.ts';
import type { Operation, Services } from '../operation.ts';
import { proveBackup } from '../prove-backup.ts';
import {
  ADMINISTERS_BACKUPS,
  backupFile,
  backupSummary,
  BACKUPS_PATH,
  DAY_MS,
  filePath,
  KEEP_DAYS_MAX,
  recordOf,
  slotKeys,
  type BackupSummary,
} from './backup-view.ts';
import { createBackup, signerFor } from './create-backup.ts';
import * as schema from './schema.ts';

export interface VerifyBackupInput {
  /** The backup. Default: the place where the backup with `id` was written. */
  readonly file?: string | undefined;
  readonly id?: string | undefined;
  /** Tries a restore too, and keeps the receipt. Default no. */
  readonly prove?: boolean | undefined;
  /** What opened the vault when the backup was made, if its root key was changed since. */
  readonly keys?: readonly SlotKey[] | undefined;
}

/** A backup that was decrypted and read to its end: every row's MAC, and every value. */
export interface BackupVerified extends BackupFacts {
  /** Rows by table. */
  readonly rows: Readonly<Record<string, number>>;
  /** Values that were decrypted: all that there are. */
  readonly values: number;
  /** Values that the trial restore decrypted; `undefined` if none was asked for. */
  readonly decrypted: number | undefined;
  readonly receipt: string | undefined;
}

export interface PruneBackupsInput {
  /** Keeps what is younger than so many days. */
  readonly keepDays?: number | undefined;
  /** Keeps the newest so many. */
  readonly keepLast?: number | undefined;
  /** Removes also those whose own time is not over. Needs one of the other two. */
  readonly evenKept?: boolean | undefined;
}

/** What a pruning did. The newest backup that was proven stays whatever was asked. */
export interface BackupsPruned {
  /** Files that are gone. */
  readonly removed: readonly string[];
  /** Files that could not be removed: they are not what was written, or their directory cannot be changed. */
  readonly failed: readonly string[];
  /** Files that were gone already, and are listed as removed now. */
  readonly missing: readonly string[];
  /** Backups that are there. */
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

/**
 * Lists the backup if nothing says of it yet, as when its making was stopped.
 *
 * Errors: `backup_not_found`, `backup_damaged`, `integrity_error`, `decryption_failed`,
 * `backup_unverifiable`, `backup_of_another_vault`, `key_not_found`, the codes of slots,
 * `file_not_found`, and those of a proof.
 */
export const verifyBackup: Operation<VerifyBackupInput, BackupVerified, Verified> = {
  name: 'backups.verify',
  summary: 'Decrypts a backup of this vault and checks all of it; may try a restore.',
  errors: [
    'file_not_found',
    'key_not_found',
    'wrong_key',
    'backup_damaged',
    'backup_unverifiable',
    'backup_of_another_vault',
    'backup_not_found',
  ],
  input: z.strictObject({
    file: filePath.optional(),
    id: z.uuid().optional(),
    prove: z.boolean().optional(),
    keys: slotKeys.optional(),
  }),
  output: schema.answer<BackupVerified>({
    id: z.uuid(),
    vault: z.uuid(),
    createdAt: schema.instant,
    sizeBytes: z.int(),
    sha256: z.string(),
    auditLog: z.string(),
    auditSize: z.int(),
    secrets: z.int(),
    versions: z.int(),
    opensWith: schema.texts,
    // Tables have the names that they have in the database.
    rows: z.record(z.string(), z.int()),
    values: z.int(),
    decrypted: z.int().optional(),
    receipt: z.string().optional(),
  }),
  rest: [{ method: 'POST', path: `${BACKUPS_PATH}/{id}/verify`, omit: ['file', 'keys.path'] }],
  secretMembers: ['keys'],
  mutates: true,
  requires: () => ADMINISTERS_BACKUPS,
  subject: ({ id }) => ({ detail: id === undefined ? undefined : `backup ${id}` }),
  prepare: async (input, services) => {
    const path = resolve(await backupFile(input, services));
    const which = { id: input.id, keys: input.keys };
    const verified = await decryptAll(path, which, services);
    if (input.prove !== true) return verified;
    const signer = await signerFor(services);
    const proven = await proveBackup(path, { ...services, ...which, signer });
    writeReceipt(path, proven.receipt);
    const { decrypted, receipt } = proven;
    return { ...verified, facts: { ...verified.facts, decrypted, receipt } };
  },
  apply: async (_input, call, { path, header, facts }) => {
    call.about({ detail: `backup ${facts.id}` });
    const row = (await allBackups(call)).find(({ id }) => id === facts.id);
    const { receipt } = facts;
    const proof = receipt === undefined ? {} : { proven_at: call.now, receipt };
    if (row === undefined) {
      const adopted = { ...recordOf(path, header, facts), verified_at: call.now, ...proof };
      const days = readSetting(call, null, 'backup_keep_days');
      const until = days === null ? null : header.createdAt + days * DAY_MS;
      await insertBackup(call, { ...adopted, keep_until: until });
    } else if (Buffer.from(row.sha256).toString('hex') === facts.sha256) {
      const back = row.file === path ? { removed_at: null } : {};
      await updateBackup(call, row, { verified_at: call.now, ...proof, ...back });
    }
    return facts;
  },
};

interface Removal {
  readonly gone: readonly BackupRow[];
  readonly missing: readonly BackupRow[];
  readonly failed: readonly BackupRow[];
  readonly kept: number;
}

export const pruneBackups: Operation<PruneBackupsInput, BackupsPruned, Removal> = {
  name: 'backups.prune',
  summary: 'Removes backups that need not be kept any longer.',
  errors: [],
  input: z
    .strictObject({
      keepDays: z.number().positive().max(KEEP_DAYS_MAX).optional(),
      keepLast: z.int().min(1).optional(),
      evenKept: z.boolean().optional(),
    })
    .refine(({ keepDays, keepLast, evenKept }) => {
      return evenKept !== true || keepDays !== undefined || keepLast !== undefined;
    }, 'takes how many days or backups are left, where those that are kept go too'),
  output: schema.answer<BackupsPruned>({
    removed: schema.texts,
    failed: schema.texts,
    missing: schema.texts,
    kept: z.int(),
  }),
  rest: [{ method: 'POST', path: `${BACKUPS_PATH}/prune` }],
  secretMembers: [],
  mutates: true,
  requires: () => ADMINISTERS_BACKUPS,
  subject: () => ({}),
  prepare: async ({ keepDays, keepLast, evenKept }, { store, mac, now }) => {
    const all = await store.read((transaction) => allBackups({ transaction, mac }));
    const rows = all.filter((row) => row.removed_at === null);
    const state = new Map(rows.map((row) => [row.id, fileState(row.file, row.size_bytes)]));
    const inState = (wanted: FileState): BackupRow[] =>
      rows.filter(({ id }) => state.get(id) === wanted);
    const there = inState('there');
    const keepMs = keepDays === undefined ? undefined : keepDays * DAY_MS;
    const expired = expiredBackups(there, { keepMs, keepLast, evenKept }, now());
    const gone = expired.filter(({ file }) => isRemoved(file));
    const stuck = expired.filter((row) => !gone.includes(row));
    return {
      gone,
      missing: inState('missing'),
      failed: [...stuck, ...inState('altered'), ...inState('unreachable')],
      kept: there.length - gone.length,
    };
  },
  apply: async (_input, call, { gone, missing, failed, kept }) => {
    const rows = await allBackups(call);
    for (const { id } of [...gone, ...missing]) {
      const row = rows.find((each) => each.id === id);
      if (row === undefined || row.removed_at !== null) continue;
      await updateBackup(call, row, { removed_at: call.now });
      call.record('backups.remove', { detail: `backup ${id}` });
    }
    return {
      removed: gone.map(({ file }) => file),
      failed: failed.map(({ file }) => file),
      missing: missing.map(({ file }) => file),
      kept,
    };
  },
};

/** Errors: those of `backups.create` and `backups.prune`. */
export const runScheduledBackup: Operation<ScheduledBackupInput, ScheduledBackup, ScheduledBackup> =
  {
    name: 'backups.runScheduled',
    errors: ['file_exists'],
    summary: 'Makes a backup if one is due by the setting backup_every, and removes old ones.',
    input: z.strictObject({ directory: filePath.optional() }),
    output: schema.answer<ScheduledBackup>({
      created: backupSummary.optional(),
      removed: schema.texts,
    }),
    rest: [{ method: 'POST', path: `${BACKUPS_PATH}/run-scheduled`, omit: ['directory'] }],
    secretMembers: [],
    mutates: false,
    requires: () => ADMINISTERS_BACKUPS,
    subject: () => ({}),
    prepare: async (input, services) => {
      const { store, mac, now } = services;
      const newestFirst = await store.read((transaction) => allBackups({ transaction, mac }));
      const newest = newestThere(newestFirst);
      const dueAt = backupDueAt({ standing: await services.settings() }, newest);
      if (dueAt === undefined) return { created: undefined, removed: [] };
      const created = dueAt <= now() ? await services.run(createBackup, input) : undefined;
      const { removed } = await services.run(pruneBackups, {});
      return { created, removed };
    },
    apply: async (_input, _call, done) => done,
  };

interface Verified {
  readonly path: string;
  readonly header: BackupHeader;
  readonly facts: BackupVerified;
}

/** Reads all of a backup: its signature, every chunk, every row's MAC and every value. */
async function decryptAll(path: string, which: OwnBackup, services: Services): Promise<Verified> {
  return withBackupFile(path, async (file) => {
    const { header, sizeBytes } = file;
    const opened = await openOwnBackup(file, which, services);
    const root = { id: header.rootKeyId, key: opened.rootKey };
    const checked = new BackupRows(header.vault, root, services.now);
    const envelopes = new BackupEnvelopes(checked);
    const look: RowLook = (table, row) => {
      checked.take(table, row);
      envelopes.take(table.table, row);
    };
    const tables = await readWholeBackup(file, opened.keys, look);
    const rows = Object.fromEntries(tables.map((each) => [each.table, each.rows]));
    const facts = { ...factsOf(header, sizeBytes, opened.digest), rows, values: envelopes.end() };
    return { path, header, facts: { ...facts, decrypted: undefined, receipt: undefined } };
  });
}

function isRemoved(file: string): boolean {
  try {
    return removeBackupFile(file);
  } catch {
    return false;
  }
}
