import { mintToken } from '../domain/identities/tokens.ts';
import { OWNER, type OpenParts } from './temporary-vault.ts';

/** The text of a session of a user or machine that has just been proven. */
export async function freshSession(parts: OpenParts, name: string): Promise<string> {
  const owner = parts.as(OWNER);
  const lists = await Promise.all([
    owner.users.list({ limit: 1000 }),
    owner.machines.list({ limit: 1000 }),
  ]);
  const found = lists.flatMap(({ principals }) => principals).find((each) => each.name === name);
  if (found === undefined) throw new TypeError(`there is no ${name}`);
  const minted = await parts.write((work) =>
    mintToken(work, {
      kind: 'session',
      principal_id: found.id,
      principal_generation: 0,
      restore_id: '',
      authenticated_at: work.now,
    }),
  );
  return minted.text.reveal();
}
