import { fileState } from '../domain/backup/backup-file.ts';
import { settingOf, type SettingsWork } from '../domain/settings/settings.ts';
import { parseDuration } from '../lib/duration.ts';
import type { BackupRow } from '../store/tables.ts';

/**
 * The newest backup whose file is in its place.
 *
 * @param rows - All backups, the newest first.
 */
export function newestThere(rows: readonly BackupRow[]): BackupRow | undefined {
  return rows.find(
    ({ removed_at: removedAt, file, size_bytes: size }) =>
      removedAt === null && fileState(file, size) === 'there',
  );
}

/**
 * When the next backup by the setting `backup_every` is due, or was: milliseconds since 1970. Of a vault
 * without any, one was due when that was set.
 *
 * @param newest - As {@link newestThere} gives it.
 * @returns `undefined` if none is wanted.
 */
export function backupDueAt(work: SettingsWork, newest: BackupRow | undefined): number | undefined {
  const { value: every, row } = settingOf(
    'backup_every',
    work.standing.setting(null, 'backup_every'),
  );
  if (every === null) return undefined;
  return newest === undefined
    ? (row?.updated_at ?? 0)
    : newest.created_at + (parseDuration(every) ?? 0);
}
