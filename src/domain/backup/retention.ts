import type { BackupRow } from '../../store/tables.ts';

/** Which backups are kept, besides those whose own time is not over. Without a rule those without an end are. */
export interface Retention {
  /** Those that are younger than this, in milliseconds. */
  readonly keepMs?: number | undefined;
  /** So many, the newest first. */
  readonly keepLast?: number | undefined;
  /** Spares none for its own time. */
  readonly evenKept?: boolean | undefined;
}

/**
 * The backups that are to be removed. What any rule keeps is kept, and the
 * newest one that was proven to restore, or the newest at all, always is.
 *
 * @param there - Of backups whose files are there, newest first.
 * @param now - Milliseconds since 1970.
 */
export function expiredBackups(
  there: readonly BackupRow[],
  { keepMs, keepLast, evenKept = false }: Retention,
  now: number,
): readonly BackupRow[] {
  const spared = there.find((row) => row.proven_at !== null) ?? there[0];
  return there.filter((row, at) => {
    if (row === spared) return false;
    if (keepMs === undefined && keepLast === undefined) {
      return row.keep_until !== null && row.keep_until <= now;
    }
    if (!evenKept && row.keep_until !== null && row.keep_until > now) return false;
    const isYoung = keepMs !== undefined && row.created_at > now - keepMs;
    return !isYoung && !(keepLast !== undefined && at < keepLast);
  });
}
