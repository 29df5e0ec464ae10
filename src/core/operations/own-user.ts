import type { PrincipalRow } from '../../store/tables.ts';
import { notAccepted } from '../denials.ts';
import { reauthRequired } from '../require-fresh.ts';
import type { Call } from '../operation.ts';

/**
 * The user who calls for themselves: in a session, or where the vault itself is.
 *
 * @throws {@link StrongroomError} `reauth_required` for a token, which is nobody's presence;
 * `unauthenticated` for whoever is no user.
 */
export function ownUser(call: Call): PrincipalRow {
  if (call.credential !== undefined && call.credential.kind !== 'session') throw reauthRequired();
  const row = call.standing.principal(call.principal.id);
  if (row === undefined || row.kind !== 'user') throw notAccepted('no user');
  return row;
}
