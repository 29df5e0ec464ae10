import type { Session } from '../core/session.ts';
import { createUser } from '../domain/access/principals.ts';
import { uuidv7 } from '../lib/ids.ts';
import { GRANTS } from '../store/protected-tables.ts';
import { insertRow } from '../store/rows.ts';
import type { OpenParts } from './temporary-vault.ts';

/**
 * A new user who has some rights and no others.
 *
 * @param rights - Capabilities, separated by spaces, each with a pattern.
 */
export async function limitedUser(
  parts: OpenParts,
  ...rights: readonly (readonly [capabilities: string, pattern: string])[]
): Promise<Session> {
  const name = `user-${uuidv7().slice(-12)}`;
  await parts.write(async (work) => {
    const { id } = await createUser(work, uuidv7(), name);
    for (const [capabilities, pattern] of rights) {
      await insertRow(work.transaction, work.mac, GRANTS, {
        id: uuidv7(),
        workspace_id: null,
        subject_kind: 'principal',
        subject_id: id,
        effect: 'allow',
        capabilities,
        pattern,
        conditions: null,
        created_at: work.now,
        created_by: work.actor,
        secret_id: null,
      });
    }
  });
  return parts.as(name);
}
