import { SECRETS, TOKENS } from '../../store/protected-tables.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { Work } from '../work.ts';
import type { AuditEntry } from './entry.ts';

const secretById = statement((db, p: Parameters<{ id: string }>) =>
  db.selectFrom('secrets').selectAll().where('id', '=', p('id')),
);

const tokenById = statement((db, p: Parameters<{ id: string }>) =>
  db.selectFrom('tokens').selectAll().where('id', '=', p('id')),
);

/**
 * Whether an entry is what a row is still held against: the last that was said
 * of a secret's revision, or of what is left of a credential. Only a row that
 * is newer, and has its MAC, shows that something was said since: of one that
 * was put back or taken away the entry stays.
 *
 * @param isWorkspace - Whether there is a workspace of an id: with one its secrets are gone.
 * @throws {@link StrongroomError} `integrity_error`.
 */
export async function isStillSaid(
  work: Pick<Work, 'transaction' | 'mac'>,
  entry: AuditEntry,
  isWorkspace: (id: string) => boolean,
): Promise<boolean> {
  return (await isRevision(work, entry, isWorkspace)) || (await isUse(work, entry));
}

async function isRevision(
  { transaction, mac }: Pick<Work, 'transaction' | 'mac'>,
  { secret_id: id, revision, workspace_id: workspace }: AuditEntry,
  isWorkspace: (id: string) => boolean,
): Promise<boolean> {
  if (id === undefined || revision === undefined) return false;
  if (workspace !== undefined && !isWorkspace(workspace)) return false;
  const row = await transaction.get(secretById, { id });
  if (row === undefined) return true;
  mac.check(SECRETS, row);
  return row.row_revision <= revision;
}

async function isUse(
  { transaction, mac }: Pick<Work, 'transaction' | 'mac'>,
  { credential, target, uses_left: left }: AuditEntry,
): Promise<boolean> {
  const id = credential ?? target;
  if (id === undefined || left === undefined) return false;
  // A credential whose row is gone opens nothing, and is not looked for.
  const row = await transaction.get(tokenById, { id });
  if (row === undefined) return false;
  mac.check(TOKENS, row);
  return (row.uses_left ?? Infinity) >= left;
}
