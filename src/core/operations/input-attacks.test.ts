import type { ZodType } from 'zod';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../session.ts';
import { operations } from './operations.ts';

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  session = parts.as(OWNER);
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

/** Every member of that name of an operation's input, with the operation's name. */
function members(...names: readonly string[]): readonly (readonly [string, ZodType])[] {
  return Object.values(operations)
    .flatMap((methods) => Object.values(methods as Readonly<Record<string, unknown>>))
    .flatMap((each) => {
      const { name, input } = each as {
        readonly name: string;
        readonly input: { readonly shape?: Readonly<Record<string, ZodType>> };
      };
      return Object.entries(input.shape ?? {})
        .filter(([member]) => names.includes(member))
        .map(([member, type]) => [`${name} ${member}`, type] as const);
    });
}

const ENCODINGS = [
  '..',
  '.',
  '../x',
  './x',
  'x/..',
  'x/.',
  'a/../b',
  'a/./b',
  '/../b',
  'a//b',
  '//',
  '/',
  '/a',
  'a/',
  '%2f',
  'a%2fb',
  'a%2Fb',
  '%2e%2e',
  '%2e%2e/b',
  '..%2fb',
  '%252f',
  '%252e%252e%252f',
  '%5c',
  'a%5cb',
  'a\\b',
  '..\\b',
  '\\',
  '%00',
  'a\u0000b',
  'a%00b',
  'a;b',
  ';',
  'a/..;/b',
  '%c0%af',
  '..%c0%af',
  'a\u00c0\u00afb',
  'a\tb',
  'a\nb',
  'a\r\nb',
  '\ta',
  'a\n',
  'a ',
  ' a',
  'a b',
  'a?b',
  'a#b',
  'a*b',
  '*',
  '**',
  'a\u2215b',
  'a\u2024b',
  '\uff0e\uff0e',
  'a\uff0fb',
  'a\u200bb',
  '\ufeffa',
  '',
  '~',
  'a:b',
  '${a}',
  'a+b',
];

describe('A27 a path that is written otherwise', () => {
  it('is one of 40 encodings or more', () => {
    expect(new Set(ENCODINGS).size).toBeGreaterThanOrEqual(40);
    expect(members('path').length).toBeGreaterThan(15);
    expect(members('environment', 'workspace').length).toBeGreaterThan(40);
  });

  /** These take folders too, whose names end with a slash; that makes no other resource of them. */
  const FOLDERS = /^secrets\.(?:rename|move|copy|diff) /;

  it.each(members('path'))('is refused by %s, and dots that mean nothing are not', (name, type) => {
    const taken = ENCODINGS.filter((text) => type.safeParse(text).success);
    expect(taken).toEqual(FOLDERS.test(name) ? ['a/'] : []);
    for (const legal of ['...', 'a..b', '..a', 'a...', '.env', 'a/.../b']) {
      expect(type.safeParse(legal).success).toBe(true);
    }
  });

  it.each(members('environment', 'workspace', 'toEnvironment', 'toWorkspace'))(
    'is refused as %s',
    (_, type) => {
      const taken = [...ENCODINGS, '...', 'a..b', 'Default', 'a_b', '-a'].filter(
        (text) => type.safeParse(text).success,
      );
      expect(taken).toEqual([]);
      expect(type.safeParse('production').success).toBe(true);
    },
  );

  it.each(members('pattern', 'resource'))('is refused in %s', (_, type) => {
    const harmless = new Set(['*', '**', 'a', '~']);
    const taken = ENCODINGS.filter((text) => !harmless.has(text)).filter(
      (text) => type.safeParse(`default/production/${text}`).success,
    );
    expect(taken).toEqual([]);
  });

  it('is never another resource: nothing is read, and the refusal says what is wrong with it', async () => {
    const environment = 'production';
    for (const path of ['b', 'a/b', 'x', 'a', '...', 'a..b', 'a/.../b']) {
      await session.secrets.write({ environment, path, value: 'v' });
    }
    const code = (work: Promise<unknown>): Promise<string | undefined> =>
      work.then(
        () => 'ok',
        (error: unknown) => (error as { code?: string }).code,
      );
    for (const text of ENCODINGS) {
      const codes = await Promise.all([
        code(session.secrets.read({ environment, path: text })),
        code(session.secrets.delete({ environment, path: text })),
        code(session.secrets.write({ environment, path: text, value: 'w' })),
        code(session.secrets.read({ environment: text, path: 'b' })),
        code(session.secrets.read({ workspace: text, environment, path: 'b' })),
        code(session.workspaces.create({ name: text })),
        code(session.environments.create({ name: text })),
      ]);
      expect([text, new Set(codes)]).toEqual([text, new Set(['invalid_name'])]);
    }
    for (const path of ['...', 'a..b', 'a/.../b']) {
      expect(await code(session.secrets.read({ environment, path }))).toBe('ok');
    }
    const { secrets } = await session.secrets.list({ environment });
    expect(secrets.length).toBe(7);
    expect(secrets.every(({ version }) => version === 1)).toBe(true);
  });
});

describe('A30 a limit that is none', () => {
  const LIMITS = [
    0,
    -1,
    1e9,
    1001,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '',
    '10',
    [],
    1.5,
    null,
    true,
  ];

  // How much one call of a long work does is bounded by it, and no page of a list.
  const lists = members('limit').filter(([name]) => name !== 'keys.rewrap limit');

  it.each(lists)('is refused by %s', (_, type) => {
    expect(LIMITS.filter((limit) => type.safeParse(limit).success)).toEqual([]);
    for (const limit of [1, 1000]) expect(type.safeParse(limit).success).toBe(true);
  });

  it('is refused in a call, and pages of any size give everything once', async () => {
    for (let n = 0; n < 7; n += 1) await session.machines.create({ name: `m${n}` });
    for (const limit of LIMITS) {
      const call = session.machines.list({ limit: limit as number });
      await expect(call).rejects.toMatchObject({ code: 'invalid_input' });
    }
    for (const limit of [1, 2, 3, 7, 8, 1000]) {
      const names: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await session.machines.list({ limit, cursor });
        expect(page.principals.length).toBeLessThanOrEqual(limit);
        names.push(...page.principals.map(({ name }) => name));
        cursor = page.next;
      } while (cursor !== undefined);
      expect(names).toEqual(Array.from({ length: 7 }, (_, n) => `m${n}`));
    }
    for (const cursor of ['x', 'AAAA', '../..', '0'.repeat(64)]) {
      await expect(session.machines.list({ cursor })).rejects.toMatchObject({
        code: 'invalid_input',
      });
    }
  });
});
