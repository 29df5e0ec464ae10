import { requireActive } from '../../domain/secrets/find.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Call } from '../operation.ts';
import { mayAt } from '../rights-at.ts';

/** Whether the value of a secret is given out, or the caller could see to that: activating it takes `write`. */
export function isGivenOut(call: Call, environment: Environment, row: SecretRow): boolean {
  return row.inactive_at === null || mayAt(call, 'write', environment, row.path);
}

/**
 * Refuses to work with the value of a secret that is not given out, as reading it is refused.
 *
 * @throws {@link StrongroomError} `secret_inactive`.
 */
export function requireGivenOut(call: Call, environment: Environment, row: SecretRow): void {
  if (!isGivenOut(call, environment, row)) requireActive(row, environment);
}
