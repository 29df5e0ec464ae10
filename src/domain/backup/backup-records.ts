import { StrongroomError } from '../../errors.ts';
import { BACKUPS } from '../../store/protected-tables.ts';
import type { Unprotected } from '../../store/row-mac.ts';
import { insertRow, updateRow } from '../../store/rows.ts';
import { statement } from '../../store/statement.ts';
import type { BackupRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';

/** What is needed to look at the backups that were made. */
export type BackupsWork = Pick<Work, 'transaction' | 'mac'>;

const all = statement((db) =>
  db.selectFrom('backups').selectAll().orderBy('created_at', 'desc').orderBy('id', 'desc'),
);

/** Every backup that was made and recorded, newest first. */
export async function allBackups({ transaction, mac }: BackupsWork): Promise<BackupRow[]> {
  const rows = await transaction.all(all, {});
  for (const row of rows) mac.check(BACKUPS, row);
  return rows;
}

/**
 * A backup by id.
 *
 * @throws {@link StrongroomError} `backup_not_found`.
 */
export async function requireBackup(work: BackupsWork, id: string): Promise<BackupRow> {
  const row = (await allBackups(work)).find((each) => each.id === id);
  if (row !== undefined) return row;
  throw new StrongroomError('backup_not_found', 'there is no record of such a backup', {
    details: { backup: id },
    hint: 'see `strongroom backup list`',
  });
}

/**
 * When the last backup that still holds what is destroyed now will have been
 * removed, in milliseconds: the present moment if there is none, `null` if one
 * of them is kept without an end.
 */
export async function shredCompleteAfter(
  work: BackupsWork & Pick<Work, 'now'>,
): Promise<number | null> {
  let last = work.now;
  for (const row of await allBackups(work)) {
    if (row.removed_at !== null || row.created_at > work.now) continue;
    if (row.keep_until === null) return null;
    last = Math.max(last, row.keep_until);
  }
  return last;
}

/** Records a backup that was made. */
export function insertBackup(work: Work, row: Unprotected<BackupRow>): Promise<BackupRow> {
  return insertRow(work.transaction, work.mac, BACKUPS, row);
}

/** Changes what is recorded of a backup. */
export function updateBackup(
  work: Work,
  from: BackupRow,
  set: Partial<Unprotected<BackupRow>>,
): Promise<BackupRow> {
  return updateRow(work.transaction, work.mac, BACKUPS, { from, set });
}
