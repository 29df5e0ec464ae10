import type { Session } from '../core/session.ts';
import { createUser } from '../domain/access/principals.ts';
import { uuidv7 } from '../lib/ids.ts';
import { GRANTS } from '../store/protected-tables.ts';
import { insertRow } from '../store/rows.ts';
import type { OpenParts } from './temporary-vault.ts';

/** What somebody may, or may not: capabilities, separated by spaces, and where. */
export type Rule = readonly [capabilities: string, pattern: string, effect?: 'allow' | 'deny'];

/** Makes a user who has these rights and no others, and calls the vault as that user. */
export async function giveRole(
  parts: OpenParts,
  name: string,
  rules: readonly Rule[],
): Promise<Session> {
  await parts.write(async (work) => {
    const { id } = await createUser(work, uuidv7(), name);
    for (const [capabilities, pattern, effect = 'allow'] of rules) {
      await insertRow(work.transaction, work.mac, GRANTS, {
        id: uuidv7(),
        workspace_id: null,
        subject_kind: 'principal',
        subject_id: id,
        effect,
        capabilities,
        pattern,
        conditions: null,
        created_at: 1,
        created_by: null,
        secret_id: null,
      });
    }
  });
  return parts.as(name);
}
