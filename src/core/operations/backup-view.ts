import { z } from 'zod';

import type { BackupHeader } from '../../domain/backup/backup-header.ts';
import { requireBackup } from '../../domain/backup/backup-records.ts';
import type { BackupFacts } from '../../domain/backup/verify-file.ts';
import { StrongroomError } from '../../errors.ts';
import type { SlotKey } from '../../seal/slot.ts';
import { isoTime } from '../../lib/iso-time.ts';
import type { Unprotected } from '../../store/row-mac.ts';
import type { BackupRow } from '../../store/tables.ts';
import type { Requirement, Services } from '../operation.ts';
import { ADMIN } from '../rest-binding.ts';
import * as schema from './schema.ts';
import { opener } from './slots.ts';

/** A backup that was made. Times are RFC 3339. */
export interface BackupSummary {
  readonly id: string;
  /** Where it was written. */
  readonly file: string;
  readonly createdAt: string;
  readonly sizeBytes: number;
  /** Of the file, hexadecimal. */
  readonly sha256: string;
  readonly rootKeyId: string;
  readonly auditLog: string;
  readonly auditSize: number;
  readonly secrets: number;
  readonly versions: number;
  /** When a restore of it was last tried with success. */
  readonly provenAt: string | null;
  /** The signed receipt of that. */
  readonly receipt: string | null;
  /** When all of it was last read and found to be whole. */
  readonly verifiedAt: string | null;
  readonly keepUntil: string | null;
  readonly removedAt: string | null;
}

/** The right to look at what backups there are. */
export const READS_BACKUPS: readonly Requirement[] = [
  { capability: 'read', resource: ['sys', 'backups'] },
];

/** The right to make, try and remove backups. */
export const ADMINISTERS_BACKUPS: readonly Requirement[] = [
  { capability: 'admin', resource: ['sys', 'backups'] },
];

/** How long a backup may be kept, in days. */
export const KEEP_DAYS_MAX = 3650;

/** Milliseconds of a day. */
export const DAY_MS = 86_400_000;

/** The path of a file or a directory. */
export const filePath: z.ZodType<string> = z.string().min(1).max(4096);

/** What opens slots. */
export const slotKeys: z.ZodType<SlotKey[]> = z.array(opener).max(16);

/** Where backups are looked after over REST. */
export const BACKUPS_PATH: string = `${ADMIN}/backups`;

/** A backup as answers have it. */
export const backupSummary: z.ZodType<BackupSummary> = schema.answer({
  id: z.uuid(),
  file: z.string(),
  createdAt: schema.instant,
  sizeBytes: z.int(),
  sha256: z.string(),
  rootKeyId: z.guid(),
  auditLog: z.string(),
  auditSize: z.int(),
  secrets: z.int(),
  versions: z.int(),
  provenAt: schema.instant.nullable(),
  receipt: z.string().nullable(),
  verifiedAt: schema.instant.nullable(),
  keepUntil: schema.instant.nullable(),
  removedAt: schema.instant.nullable(),
});

/**
 * Where the backup is that is named by its path, or by its id.
 *
 * @throws {@link StrongroomError} `backup_not_found`; `invalid_input` if none is named.
 */
export async function backupFile(
  { file, id }: { readonly file?: string | undefined; readonly id?: string | undefined },
  { store, mac }: Services,
): Promise<string> {
  if (file !== undefined) return file;
  if (id === undefined) throw new StrongroomError('invalid_input', 'which backup?');
  return (await store.read((transaction) => requireBackup({ transaction, mac }, id))).file;
}

/** What is recorded of a backup that was found to be whole. */
export function recordOf(
  file: string,
  header: BackupHeader,
  { sizeBytes, sha256 }: Pick<BackupFacts, 'sizeBytes' | 'sha256'>,
): Unprotected<BackupRow> {
  return {
    id: header.id,
    file,
    created_at: header.createdAt,
    size_bytes: sizeBytes,
    sha256: new Uint8Array(Buffer.from(sha256, 'hex')),
    root_key_id: header.rootKeyId,
    audit_log: header.auditLog,
    audit_size: header.auditSize,
    secrets: header.secrets,
    versions: header.versions,
    proven_at: null,
    receipt: null,
    verified_at: null,
    keep_until: null,
    removed_at: null,
  };
}

/** What callers are told of a backup. */
export function toBackup(row: BackupRow): BackupSummary {
  return {
    id: row.id,
    file: row.file,
    createdAt: isoTime(row.created_at),
    sizeBytes: row.size_bytes,
    sha256: Buffer.from(row.sha256).toString('hex'),
    rootKeyId: row.root_key_id,
    auditLog: row.audit_log,
    auditSize: row.audit_size,
    secrets: row.secrets,
    versions: row.versions,
    provenAt: isoOrNull(row.proven_at),
    receipt: row.receipt,
    verifiedAt: isoOrNull(row.verified_at),
    keepUntil: isoOrNull(row.keep_until),
    removedAt: isoOrNull(row.removed_at),
  };
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms);
}
