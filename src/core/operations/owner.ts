import { StrongroomError } from '../../errors.ts';
import type { Call } from '../operation.ts';

/**
 * The id of the principal that an input names as owner of a secret; `null` and
 * `undefined` stay.
 *
 * @param owner - A principal's name or id.
 * @throws {@link StrongroomError} `subject_not_found`.
 */
export function ownerId(
  { policy }: Pick<Call, 'policy'>,
  owner: string | null | undefined,
): string | null | undefined {
  if (owner === null || owner === undefined) return owner;
  const id = policy.principalId(owner);
  if (id !== undefined) return id;
  throw new StrongroomError('subject_not_found', 'there is no principal of the name of the owner', {
    hint: 'name a user or a machine of this vault',
  });
}
