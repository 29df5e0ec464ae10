import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { listSecretsAt, type PastCursor } from '../../domain/secrets/list-at.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import { Rights } from '../rights.ts';
import type { Session } from '../session.ts';

const EMPTY = 8;
const ALL = ['development/A', 'env7/Z'];

let now = Date.parse('2026-03-01T12:00:00Z');
let place: TemporaryVault;
let parts: OpenParts;
let secrets: Session['secrets'];
let at = '';
beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place, { now: () => (now += 10) });
  const session = parts.as(OWNER);
  ({ secrets } = session);
  for (let n = 0; n < EMPTY; n += 1) await session.environments.create({ name: `env${n}` });
  await secrets.create({ environment: 'development', path: 'A', value: 'x' });
  await secrets.create({ environment: 'env7', path: 'Z', value: 'y' });
  at = new Date((now += 1000)).toISOString();
  now += 1000;
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

/** All pages of a list, as `environment/path`. */
async function pagesOf(limit: number): Promise<readonly (readonly string[])[]> {
  const pages: string[][] = [];
  let cursor: string | undefined;
  do {
    const page = await secrets.list({ at, limit, cursor });
    pages.push(page.secrets.map(({ environment, path }) => `${environment}/${path}`));
    cursor = page.next;
  } while (cursor !== undefined && pages.length < 50);
  return pages;
}

describe('the cursor of a list of a moment', () => {
  it('A35 A36 goes on in that list alone: a prefix cannot find out where it stands', async () => {
    const { next } = await secrets.list({ at, limit: 1 });
    expect(next).toBeTypeOf('string');
    const page = await secrets.list({ at, limit: 7, cursor: next });
    expect(page.secrets.map(({ path }) => path)).toEqual(['Z']);
    for (const narrower of [
      { prefix: 'A' },
      { prefix: 'Z' },
      { prefix: 'nothing' },
      { type: 'password' as const },
      { tag: 'one' },
      { environment: 'development' },
      { at: new Date(Date.parse(at) - 1).toISOString() },
      { at: undefined },
    ]) {
      const refused = secrets.list({ at, ...narrower, cursor: next });
      await expect(refused).rejects.toMatchObject({
        code: 'invalid_input',
        message: 'the cursor is not one of ours',
      });
    }
  });
});

describe('a list of a moment over many environments', () => {
  it('is whole, however many of them are empty', async () => {
    for (const limit of [2, 100, 1000]) expect((await pagesOf(limit)).flat()).toEqual(ALL);
  });

  it('goes on in another environment than the one where a page was full', async () => {
    expect(await pagesOf(1)).toEqual([['development/A'], ['env7/Z']]);
  });

  it('goes on where it stopped looking, also between empty environments', async () => {
    const found: string[] = [];
    let pages = 0;
    await parts.write(async (work) => {
      const rights = new Rights(parts.mac);
      await rights.refresh(work.transaction);
      const { directory } = rights;
      const environments = directory.environments(directory.workspace('default'));
      let after: PastCursor | undefined;
      do {
        const page = await listSecretsAt(work, environments, {
          at: Date.parse(at),
          filter: {},
          limit: 100,
          after,
          looksMax: 1,
          mayList: () => true,
        });
        for (const { environment, former } of page.rows) {
          found.push(`${environment.name}/${former.path}`);
        }
        after = page.next;
        pages += 1;
      } while (after !== undefined && pages < 50);
      expect(pages).toBe(environments.length);
    });
    expect(found).toEqual(ALL);
  });
});
