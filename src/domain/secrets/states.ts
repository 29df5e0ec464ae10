import { SECRET_STATES, SECRETS } from '../../store/protected-tables.ts';
import type { Unprotected } from '../../store/row-mac.ts';
import { insertRow, updateRow } from '../../store/rows.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';

/**
 * Changes what the row of a secret says besides its versions, and keeps what
 * it said until now, so that any moment of the past can be looked at. A clock
 * that was set back does not make a state end before it began.
 *
 * @param row - As it was read and checked.
 * @param set - May also move on the current version.
 */
export async function changeState(
  work: Work,
  row: SecretRow,
  set: Partial<Unprotected<SecretRow>>,
): Promise<SecretRow> {
  const number = (row.states ?? 0) + 1;
  const since = row.state_since ?? row.created_at;
  const until = Math.max(work.now, since);
  await insertRow(work.transaction, work.mac, SECRET_STATES, {
    secret_id: row.id,
    number,
    workspace_id: row.workspace_id,
    environment_id: row.environment_id,
    path: row.path,
    type: row.type,
    tags: row.tags,
    metadata_revision: row.metadata_revision,
    metadata: row.metadata,
    expires_at: row.expires_at,
    inactive_at: row.inactive_at,
    owner: row.owner,
    rotation_policy: row.rotation_policy,
    generator: row.generator,
    deleted_at: row.deleted_at,
    deleted_by: row.deleted_by,
    since,
    until,
    ended_by: work.actor,
  });
  return updateRow(work.transaction, work.mac, SECRETS, {
    from: row,
    set: { ...set, states: number, state_since: until },
  });
}
