import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createUser } from '../../domain/access/principals.ts';
import { listBinding, secretCursor } from './cursor.ts';
import { listSecrets as list, type NextSecret } from '../../domain/secrets/list.ts';
import { Directory } from '../../domain/workspaces/directory.ts';
import { uuidBytes, uuidv7 } from '../../lib/ids.ts';
import { toBase64Url } from '../../lib/base64.ts';
import { checkIntegrity } from '../../store/integrity.ts';
import { GRANTS } from '../../store/protected-tables.ts';
import { insertRow } from '../../store/rows.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../session.ts';
import type { ListSecretsInput } from './list-secrets.ts';

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
const environment = 'production';
const paths = [
  'a',
  'a-b',
  'a.b',
  'a/b',
  'a/b/c',
  'a0',
  'aa',
  'A',
  'B/c',
  '-',
  '.env',
  '0',
  '_',
  'payments/STRIPE_KEY',
  'payments/STRIPE_KEY_2',
  'payments.old/STRIPE_KEY',
  'paymentsX',
  'z',
  'z/z/z',
];

beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  session = parts.as(OWNER);
  await session.secrets.import({
    environment,
    secrets: paths.map((path, index) => ({
      path,
      value: 'v',
      type: index % 2 === 0 ? ('password' as const) : ('api_key' as const),
    })),
  });
  await session.secrets.update({ environment, path: 'a/b', tags: ['one', 'two'] });
  await session.secrets.update({ environment, path: 'z', tags: ['one'] });
  for (const other of ['development', 'staging']) {
    await session.secrets.import({
      environment: other,
      secrets: ['a', 'a/b', 'only/here'].map((path) => ({ path, value: 'v' })),
    });
  }
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

/** All pages of a list, `environment path` each. */
async function all(who: Session, input: ListSecretsInput, limit = 1000): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await who.secrets.list({ ...input, limit, cursor });
    expect(page.secrets.length).toBeLessThanOrEqual(limit);
    found.push(...page.secrets.map((secret) => `${secret.environment} ${secret.path}`));
    cursor = page.next;
  } while (cursor !== undefined);
  return found;
}

const byBytes = (list: readonly string[]): string[] =>
  list.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
const inProduction = (list: readonly string[]): string[] =>
  byBytes(list).map((path) => `${environment} ${path}`);

/** The cursor of a list that goes on after a secret. */
function cursorAfter({ id }: { readonly id: string }): string {
  return toBase64Url(uuidBytes(id));
}

/** A principal with rules of its own. */
async function withGrants(
  name: string,
  grants: readonly (readonly ['allow' | 'deny', string, string])[],
): Promise<Session> {
  await parts.write(async (work) => {
    const { id } = await createUser(work, uuidv7(), name);
    for (const [effect, capabilities, pattern] of grants) {
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

describe('a list', () => {
  it('holds every secret of an environment once, in the order of its path', async () => {
    expect(await all(session, { environment })).toEqual(inProduction(paths));
  });

  it('is the same in pages of any size', async () => {
    for (const limit of [1, 2, 3, 7, paths.length - 1, paths.length, paths.length + 1]) {
      expect(await all(session, { environment }, limit)).toEqual(inProduction(paths));
    }
  });

  it('goes through all environments in their order if none is named', async () => {
    const expected = [
      ...['a', 'a/b', 'only/here'].map((path) => `development ${path}`),
      ...['a', 'a/b', 'only/here'].map((path) => `staging ${path}`),
      ...inProduction(paths),
    ];
    for (const limit of [1, 2, 3, 5, 1000]) {
      expect(await all(session, {}, limit)).toEqual(expected);
    }
  });

  it('has no next page when the last secret has been given', async () => {
    const page = await session.secrets.list({ environment, limit: paths.length });
    expect(page.next).toBeUndefined();
    expect((await session.secrets.list({ environment: 'testing' })).next).toBeUndefined();
  });

  it('gives 100 unless another number is asked for, and at most 1,000', async () => {
    await session.secrets.import({
      environment: 'testing',
      secrets: Array.from({ length: 101 }, (_, n) => ({ path: `n${n}`, value: 'v' })),
    });
    const page = await session.secrets.list({ environment: 'testing' });
    expect(page.secrets.length).toBe(100);
    expect(page.next).toBeTypeOf('string');
    for (const limit of [0, -1, 1001, 1.5, Number.NaN]) {
      await expect(session.secrets.list({ environment, limit })).rejects.toMatchObject({
        code: 'invalid_input',
      });
    }
  });

  it('of a prefix holds what begins with it, and nothing else, for any prefix', async () => {
    const prefixes = new Set(
      paths.flatMap((path) => [...path].map((_, at) => path.slice(0, at + 1))),
    );
    for (const prefix of ['', ...prefixes, 'none', 'zz', 'a/b/c/d', '/']) {
      expect([prefix, await all(session, { environment, prefix }, prefix.length + 1)]).toEqual([
        prefix,
        inProduction(paths.filter((path) => path.startsWith(prefix))),
      ]);
    }
    for (const prefix of ['é', 'a b', '%', 'a\u0000', 'x'.repeat(256)]) {
      await expect(session.secrets.list({ environment, prefix })).rejects.toMatchObject({
        code: 'invalid_input',
      });
    }
  });

  it('is narrowed by type and by tag', async () => {
    const passwords = paths.filter((_, index) => index % 2 === 0);
    expect(await all(session, { environment, type: 'password' }, 2)).toEqual(
      inProduction(passwords),
    );
    expect(await all(session, { environment, tag: 'one' }, 1)).toEqual(inProduction(['a/b', 'z']));
    expect(await all(session, { environment, tag: 'two' })).toEqual(inProduction(['a/b']));
    expect(await all(session, { environment, tag: 'On' })).toEqual([]);
    expect(await all(session, { environment, tag: 'one', type: 'jwt_secret' })).toEqual([]);
  });

  it('finds a row altered, also if the filter or the rights would leave it out', async () => {
    const part = await withGrants('outside', [['allow', 'list', 'default/*/only/**']]);
    const [at, other] = [
      'path = \'a/b\' AND tags = \'["one","two"]\'',
      "path = 'a/b' AND tags = '[]x'",
    ];
    const filters = [{ tag: 'one' }, { type: 'jwt_secret' as const }, {}, { prefix: 'a/' }];
    tamper(place, (db) => db.exec(`UPDATE secrets SET tags = '[]x' WHERE ${at}`));
    for (const who of [session, part]) {
      for (const filter of filters) {
        await expect(all(who, { environment, ...filter })).rejects.toMatchObject({
          code: 'integrity_error',
        });
      }
    }
    tamper(place, (db) => db.exec(`UPDATE secrets SET tags = '["one","two"]' WHERE ${other}`));
    expect(await all(session, { environment, tag: 'two' })).toEqual(inProduction(['a/b']));
  });

  it('never says a value, and says what else is known', async () => {
    const page = await session.secrets.list({ environment, prefix: 'payments/' });
    expect(page.secrets[0]).toEqual({
      id: expect.any(String) as string,
      workspace: 'default',
      workspaceId: expect.any(String) as string,
      environmentId: expect.any(String) as string,
      rotationIntervalDays: null,
      environment,
      path: 'payments/STRIPE_KEY',
      type: expect.any(String) as string,
      version: 1,
      tags: [],
      expiresAt: null,
      isExpired: false,
      isActive: true,
      owner: null,
      rotation: 'manual',
      rotationDueAt: null,
      rotatedAt: null,
      previousVersion: null,
      generator: null,
      createdAt: expect.any(String) as string,
      createdBy: expect.any(String) as string,
      updatedAt: expect.any(String) as string,
      updatedBy: expect.any(String) as string,
    });
  });

  it('in pages neither loses nor repeats what stays while others write and delete', async () => {
    const where = { environment: 'testing', prefix: 'm/' };
    const stable = Array.from({ length: 60 }, (_, n) => `m/${String(n * 2).padStart(3, '0')}`);
    await session.secrets.import({
      environment: 'testing',
      secrets: stable.map((path) => ({ path, value: 'v' })),
    });
    let n = 1;
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const [page] = await Promise.all([
        session.secrets.list({ ...where, limit: 7, cursor }),
        session.secrets.write({
          environment: 'testing',
          path: `m/${String(((n * 37) % 121) | 1).padStart(3, '0')}`,
          value: 'v',
        }),
      ]);
      if (n % 3 === 0) {
        const odd = page.secrets.find(({ path }) => Number(path.slice(2)) % 2 === 1);
        if (odd !== undefined) {
          await session.secrets.delete({ environment: 'testing', path: odd.path });
        }
      }
      n += 1;
      seen.push(...page.secrets.map(({ path }) => path));
      cursor = page.next;
    } while (cursor !== undefined);
    expect(new Set(seen).size).toBe(seen.length);
    expect(stable.every((path) => seen.includes(path))).toBe(true);
    expect(seen).toEqual(byBytes(seen));
  });
});

describe('a page', () => {
  it('ends after so many rows were looked at, and the next one goes on from there', async () => {
    const whole = await all(session, { tag: 'one' });
    for (const looksMax of [1, 2, 5, 1000]) {
      const found: string[] = [];
      const lengths: number[] = [];
      let after: NextSecret | undefined;
      do {
        const { rows, next } = await parts.write(async (work) => {
          const directory = Directory.from(await checkIntegrity(work.transaction, work.mac));
          const environments = directory.environments(directory.workspace('default'));
          const filter = { tag: 'one' };
          const mayList = (): boolean => true;
          return list(work, environments, { filter, limit: 10, after, looksMax, mayList });
        });
        found.push(...rows.map(({ row, environment: { name } }) => `${name} ${row.path}`));
        lengths.push(rows.length);
        after = next;
      } while (after !== undefined);
      expect(found).toEqual(whole);
      expect(lengths.length > 1).toBe(looksMax < 1000);
      if (looksMax < 1000) expect(lengths).toContain(0);
    }
  });

  it('A35 A36 takes no cursor of what the caller may not know, as if nothing had that id', async () => {
    const blind = await withGrants('blind', [['allow', 'list', 'default/production/z']]);
    const { next } = await session.secrets.list({ environment, limit: 1 });
    expect(Buffer.from(next ?? '', 'base64url')).toHaveLength(16);
    const told = (cursor: string | undefined, prefix?: string): Promise<unknown> =>
      blind.secrets.list({ environment, prefix, cursor }).then(
        () => 'a page',
        (error: unknown) => String(error),
      );
    const strange = await told(cursorAfter({ id: uuidv7() }));
    expect(strange).toContain('not one of this list');
    for (const prefix of [undefined, '-', 'z']) expect(await told(next, prefix)).toBe(strange);
    const { secrets } = await session.secrets.list({ environment: 'staging', prefix: 'only/' });
    const [elsewhere] = secrets.map(cursorAfter);
    for (const prefix of [undefined, 'only/', 'z']) {
      const page = blind.secrets.list({ prefix, cursor: elsewhere });
      await expect(page.catch(String)).resolves.toBe(strange);
    }
  });

  it('A35 A36 does not tell by the cursor of a secret where it was moved to', async () => {
    const opened = await withGrants('opened', [['allow', 'list', 'default/testing/open/**']]);
    const at = { environment: 'testing' };
    for (const path of ['open/old', 'open/other']) {
      await session.secrets.write({ ...at, path, value: 'v' });
    }
    const { next } = await opened.secrets.list({ ...at, limit: 1 });
    expect((await opened.secrets.list({ ...at, cursor: next })).secrets).toHaveLength(1);
    await session.secrets.move({ ...at, path: 'open/old', to: 'zz/merger' });
    for (const prefix of [undefined, 'zz/', 'zz/m', 'zz/n', 'open/']) {
      const page = opened.secrets.list({ ...at, prefix, cursor: next });
      await expect(page).rejects.toMatchObject({
        code: 'invalid_input',
        message: 'the cursor is not one of this list',
      });
    }
    await session.secrets.delete({ ...at, path: 'zz/merger' });
  });

  it('A35 A36 goes on after what is hidden in its own list alone, however that is narrowed', async () => {
    const narrow = await withGrants('own-list', [['allow', 'list', 'default/production/z/**']]);
    const { id } = (await session.secrets.describe({ environment, path: 'a/b' })) as { id: string };
    const sealedFor = (list: string, input: object): Promise<string> =>
      parts.write(async (work) => {
        const directory = Directory.from(await checkIntegrity(work.transaction, work.mac));
        const binding = listBinding({ directory }, list, input);
        return secretCursor(work, { id, isHidden: true }, binding) ?? '';
      });
    const cursor = await sealedFor('secrets.list', { environment, limit: 7 });
    const page = await narrow.secrets.list({ environment, limit: 5, cursor });
    expect(page.secrets.map(({ path }) => path)).toEqual(['z', 'z/z/z']);
    for (const narrower of [
      { prefix: 'a' },
      { prefix: 'a/' },
      { prefix: 'b' },
      { prefix: '' },
      { tag: 'one' },
      { search: 'a' },
      { type: 'password' as const },
      { environment: undefined },
      { environment: 'staging' },
      { at: new Date().toISOString() },
    ]) {
      // The owner too: the cursor is refused, not what it leads to.
      for (const who of [session, narrow]) {
        const refused = who.secrets.list({ environment, ...narrower, cursor });
        const code =
          narrower.environment === 'staging' && who === narrow ? 'denied' : 'invalid_input';
        await expect(refused).rejects.toMatchObject({ code });
      }
    }
    await expect(narrow.secrets.search({ environment, cursor })).rejects.toMatchObject({
      code: 'invalid_input',
    });
  });

  it('goes on after what the caller may not know with a cursor that does not say its id', async () => {
    const half = await withGrants('half', [['allow', 'list', 'default/testing/seen/**']]);
    const paths = Array.from({ length: 12 }, (_, n) => `hidden/${String(n).padStart(2, '0')}`);
    const secrets = [...paths, 'seen/a', 'seen/b'].map((path) => ({ path, value: 'v' }));
    await session.secrets.import({ environment: 'testing', secrets });
    const { secrets: known } = await session.secrets.list({ environment: 'testing', limit: 1000 });
    const hidden = known.filter(({ path }) => path.startsWith('hidden/')).map(({ id }) => id);
    const cursors: string[] = [];
    for (const looksMax of [1, 2, 5, 12]) {
      const cursor = await parts.write(async (work) => {
        const directory = Directory.from(await checkIntegrity(work.transaction, work.mac));
        const environments = directory
          .environments(directory.workspace('default'))
          .filter(({ name }) => name === 'testing');
        const mayList = (_: unknown, path: string): boolean => path.startsWith('seen/');
        const filter = { prefix: 'hidden/' };
        const options = { filter, limit: 10, after: undefined, looksMax, mayList };
        const { next } = await list(work, environments, options);
        const input = { environment: 'testing' };
        return secretCursor(work, next, listBinding({ directory }, 'secrets.list', input));
      });
      if (cursor !== undefined) cursors.push(cursor);
    }
    expect(cursors.length).toBeGreaterThan(2);
    for (const cursor of cursors) {
      const bytes = Buffer.from(cursor, 'base64url').toString('hex');
      expect(hidden.some((id) => bytes.includes(id.replaceAll('-', '')))).toBe(false);
      const page = await half.secrets.list({ environment: 'testing', cursor });
      expect(page.secrets.map(({ path }) => path)).toEqual(['seen/a', 'seen/b']);
    }
    const [first, second] = await Promise.all(
      ['seen/a', 'seen/b'].map(() => half.secrets.list({ environment: 'testing', limit: 1 })),
    );
    expect(first?.next).toBe(second?.next);
  });
});

describe('a part of a path, and an offset', () => {
  const list = (input: ListSecretsInput): Promise<string[]> => all(session, input);

  it('narrow a list like a search does', async () => {
    const found = inProduction(paths.filter((path) => path.toLowerCase().includes('pay')));
    expect(found.length).toBeGreaterThan(0);
    expect(await list({ environment, search: 'PAY' })).toEqual(found);
    expect(await list({ environment, search: 'nothing has this' })).toEqual([]);
  });

  it('pass over what fits and may be listed, and nothing else', async () => {
    const whole = await list({ environment });
    for (const offset of [0, 1, whole.length - 1, whole.length, 10_000]) {
      const page = await session.secrets.list({ environment, offset, limit: 2 });
      const listed = page.secrets.map(({ path }) => `${environment} ${path}`);
      expect(listed).toEqual(whole.slice(offset, offset + 2));
      expect(page.next !== undefined).toBe(offset + 2 < whole.length);
    }
    const { next } = await session.secrets.list({ environment, offset: 1, limit: 1 });
    expect(await session.secrets.list({ environment, cursor: next, limit: 1 })).toMatchObject({
      secrets: [{ path: whole[2]?.slice(environment.length + 1) }],
    });
  });

  it('do not count what may not be listed', async () => {
    const who = await withGrants('counts-own', [
      ['allow', 'list', 'default/production/**'],
      ['deny', 'list', 'default/production/payments/**'],
    ]);
    const whole = await all(who, { environment });
    expect(whole.length).toBeLessThan((await list({ environment })).length);
    const page = await who.secrets.list({ environment, offset: whole.length - 1 });
    expect(page.secrets.map(({ path }) => `${environment} ${path}`)).toEqual(whole.slice(-1));
  });

  it('are not taken together with a cursor, or for a moment of the past', async () => {
    const { next } = await session.secrets.list({ environment, limit: 1 });
    const at = new Date().toISOString();
    for (const more of [
      { cursor: next, offset: 1 },
      { at, offset: 1 },
      { at, search: 'a' },
    ]) {
      await expect(session.secrets.list({ environment, ...more })).rejects.toMatchObject({
        code: 'invalid_input',
      });
    }
  });
});

describe('a cursor', () => {
  it('that was made up is invalid_input', async () => {
    const cursors = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }).map(toBase64Url),
      fc
        .tuple(fc.constantFrom('production', 'nowhere'), fc.constantFrom(...paths))
        .map(([name, path]) => toBase64Url(Buffer.from(`${name}/${path}`))),
    );
    await fc.assert(
      fc.asyncProperty(cursors, async (cursor) => {
        await expect(session.secrets.list({ environment, cursor })).rejects.toMatchObject({
          code: 'invalid_input',
        });
      }),
      { numRuns: 300 },
    );
  });

  it('of another list is invalid_input where it is outside the list, and goes on inside', async () => {
    const whole = await all(session, { environment, prefix: 'payments/' });
    const { secrets } = await session.secrets.list({ limit: 1000 });
    const seen = { inside: 0, outside: 0 };
    for (const secret of secrets) {
      const cursor = cursorAfter(secret);
      const page = session.secrets.list({ environment, prefix: 'payments/', cursor });
      const index = whole.indexOf(`${secret.environment} ${secret.path}`);
      if (index < 0) {
        seen.outside += 1;
        await expect(page).rejects.toMatchObject({ code: 'invalid_input' });
      } else {
        seen.inside += 1;
        const listed = (await page).secrets.map((each) => `${each.environment} ${each.path}`);
        expect(listed).toEqual(whole.slice(index + 1, index + 101));
      }
    }
    expect(Math.min(seen.inside, seen.outside)).toBeGreaterThan(0);
    for (const secret of secrets.filter((each) => each.environment !== environment)) {
      const page = session.secrets.list({ environment, cursor: cursorAfter(secret) });
      await expect(page).rejects.toMatchObject({ code: 'invalid_input' });
    }
  });

  it('holds after its secret was deleted', async () => {
    const where = { environment: 'testing', prefix: 'gone/' };
    await session.secrets.import({
      environment: 'testing',
      secrets: ['gone/1', 'gone/2', 'gone/3'].map((path) => ({ path, value: 'v' })),
    });
    const { next } = await session.secrets.list({ ...where, limit: 2 });
    await session.secrets.delete({ environment: 'testing', path: 'gone/2' });
    const { secrets } = await session.secrets.list({ ...where, cursor: next });
    expect(secrets.map(({ path }) => path)).toEqual(['gone/3']);
  });

  it('does not lead to secrets that the caller may not list', async () => {
    const narrow = await withGrants('narrow', [
      ['allow', 'list', 'default/production/payments/**'],
    ]);
    const { secrets } = await session.secrets.list({ limit: 1000 });
    for (const secret of secrets.filter(({ path }) => !path.startsWith('payments/'))) {
      const page = narrow.secrets.list({ cursor: cursorAfter(secret) });
      await expect(page).rejects.toMatchObject({ code: 'invalid_input' });
    }
  });
});

describe('what may not be listed', () => {
  it('is passed over, and does not make a page short', async () => {
    const some = await withGrants('some', [
      ['allow', 'list', 'default/*/a/**'],
      ['allow', 'list', 'default/production/z'],
      ['deny', 'list', 'default/production/a/b/*'],
    ]);
    const expected = [
      'development a',
      'development a/b',
      'staging a',
      'staging a/b',
      'production a',
      'production a/b',
      'production z',
    ];
    for (const limit of [1, 2, 3, 1000]) expect(await all(some, {}, limit)).toEqual(expected);
    const { next } = await some.secrets.list({ environment, limit: 3 });
    expect(next).toBeUndefined();
  });

  it('is denied where there is nothing at all, and where a deny covers everything', async () => {
    const none = await withGrants('none', [['allow', 'read write', '**']]);
    await expect(none.secrets.list({ environment })).rejects.toMatchObject({ code: 'denied' });
    const barred = await withGrants('barred', [
      ['allow', 'list', '**'],
      ['deny', 'list', 'default/production/**'],
    ]);
    await expect(barred.secrets.list({ environment })).rejects.toMatchObject({ code: 'denied' });
    const rest = await all(barred, {});
    expect(rest.length).toBeGreaterThan(0);
    expect(rest.some((each) => each.startsWith('production'))).toBe(false);
  });

  it('is not shown by history, workspaces and environments either', async () => {
    await session.workspaces.create({ name: 'other' });
    const part = await withGrants('part', [['allow', 'list', 'default/staging/a']]);
    expect((await part.workspaces.list()).map(({ name }) => name)).toEqual(['default']);
    expect((await part.environments.list()).map(({ name }) => name)).toEqual(['staging']);
    const { versions } = await part.secrets.history({ path: 'a' });
    expect(versions.map((each) => each.environment)).toEqual(['staging']);
    await expect(part.secrets.history({ path: 'a/b' })).rejects.toMatchObject({
      code: 'secret_not_found',
    });
    await expect(part.environments.list({ workspace: 'other' })).rejects.toMatchObject({
      code: 'workspace_not_found',
    });
    await expect(part.secrets.describe({ environment, path: 'a' })).rejects.toMatchObject({
      code: 'denied',
    });
  });
});
