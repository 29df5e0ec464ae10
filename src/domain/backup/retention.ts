import type { BackupRow } from '../../store/tables.ts';

/** Which backups are kept. Without any member: those whose own time is not over. */
export interface Retention {
  /** Those that are younger than this, in milliseconds. */
  readonly keepMs?: number | undefined;
  /** So many, the newest first. */
  readonly keepLast?: number | undefined;
}

/**
 * The backups that are to be removed. What any rule keeps is kept, and the
 * newest one that was proven to restore, or the newest at all, always is.
 *
 * @param rows - Of backups that are not removed, newest first.
 * @param now - Milliseconds since 1970.
 */
export function expiredBackups(
  rows: readonly BackupRow[],
  { keepMs, keepLast }: Retention,
  now: number,
): readonly BackupRow[] {
  const there = rows.filter((row) => row.removed_at === null);
  const spared = there.find((row) => row.proven_at !== null) ?? there[0];
  return there.filter((row, at) => {
    if (row === spared) return false;
    if (keepMs === undefined && keepLast === undefined) {
      return row.keep_until !== null && row.keep_until <= now;
    }
    const isYoung = keepMs !== undefined && row.created_at > now - keepMs;
    return !isYoung && !(keepLast !== undefined && at < keepLast);
  });
}
