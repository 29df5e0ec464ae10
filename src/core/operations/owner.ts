import { principalNames } from '../../domain/access/principals.ts';
import { StrongroomError } from '../../errors.ts';
import type { Call } from '../operation.ts';

/**
 * The id of the principal that an input names as owner of a secret; `null` and
 * `undefined` stay.
 *
 * @param owner - A principal's name or id.
 * @throws {@link StrongroomError} `subject_not_found`.
 */
export async function ownerId(
  call: Call,
  owner: string | null | undefined,
): Promise<string | null | undefined> {
  if (owner === null || owner === undefined) return owner;
  const names = await principalNames(call.transaction, call.mac);
  if (names.has(owner)) return owner;
  for (const [id, name] of names) if (name === owner) return id;
  throw new StrongroomError('subject_not_found', 'there is no principal of the name of the owner', {
    hint: 'name a user or a machine of this vault',
  });
}
