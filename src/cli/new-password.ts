import { StrongroomError } from '../errors.ts';
import type { SecretValue } from '../secret-value.ts';
import type { Terminal } from './terminal.ts';

/**
 * Asks for a new password twice.
 *
 * @throws {@link StrongroomError} `usage` if the two differ, or nobody can be asked.
 */
export async function newPassword(terminal: Terminal): Promise<SecretValue> {
  const first = await terminal.askSecret('New password (15 characters or more)');
  using second = await terminal.askSecret('The same password again');
  if (first.equals(second)) return first;
  first.wipe();
  throw new StrongroomError('usage', 'the two passwords differ; nothing was changed');
}
