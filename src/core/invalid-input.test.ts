import { describe, expect, it } from 'vitest';
import { z, type ZodType } from 'zod';

import { everyOperation } from './every-operation.ts';
import { readInput } from './read-input.ts';

/** What a check of a schema is, as zod keeps it. */
interface Definition {
  readonly check?: string;
  readonly format?: string;
  readonly fn?: unknown;
  readonly error?: (issue: object) => unknown;
}

/** A schema, or a check of one, as zod keeps it. */
interface Node {
  readonly _zod?: { readonly def: Definition & Readonly<Record<string, unknown>> };
}

const CANARY = 'not-a-real-value-9f3c';

describe('what an input is refused with', () => {
  it.each([
    ['tokens.create', { ttl: CANARY.slice(0, 9) }, "the input's ttl takes a duration such as"],
    ['tokens.create', { ttl: CANARY }, "the input's ttl takes a duration such as"],
    [
      'trusts.create',
      { trust: { kind: 'github', repository: CANARY, ref: 'main' } },
      "the input's trust.repository takes owner/repository",
    ],
    [
      'trusts.create',
      { trust: { kind: 'kubernetes', serviceAccount: CANARY, issuer: 'https://oidc.example' } },
      "the input's trust.serviceAccount takes namespace/name",
    ],
    [
      'trusts.create',
      { trust: { kind: 'certificate', names: [CANARY] } },
      "the input's trust.names.0 takes dns:, uri: or email: and a name, such as dns:app.example",
    ],
    [
      'trusts.create',
      { trust: { kind: 'certificate', keys: [CANARY] } },
      "the input's trust.keys.0 takes base64 of the SHA-256 of a public key",
    ],
    [
      'secrets.write',
      { environment: 'production', path: 'db/password' },
      "the input's value is missing: it takes text or bytes, or fields of these",
    ],
    [
      'secrets.write',
      { environment: 'production', path: 'db/password', value: null },
      "the input's value takes text or bytes, or fields of these",
    ],
    [
      'secrets.write',
      { environment: 'production', path: 'db/password', value: 'x', tags: ['-'] },
      "the input's tags.0 takes 1 to 64 letters",
    ],
    [
      'secrets.readMany',
      { environment: 'production', paths: ['a', 'a'] },
      "the input's paths takes each of them once",
    ],
    ['secrets.undo', { change: CANARY }, "the input's change takes the number of an entry"],
    ['backups.prune', { evenKept: true }, 'the input takes how many days or backups are left'],
    ['secrets.list', { limit: 0 }, "the input's limit takes at least 1"],
    ['secrets.list', { limit: CANARY }, "the input's limit takes a number"],
    ['secrets.list', { cursor: CANARY.repeat(99) }, "the input's cursor takes at most 1024 char"],
    ['tokens.revoke', { token: CANARY }, "the input's token takes an id such as"],
    ['machines.create', { name: 7 }, "the input's name takes text"],
  ])('of %s (%#) says the form that is expected, and never what was given', (name, given, said) => {
    const refused = refusalOf(name, given);
    expect(refused).toMatchObject({ code: 'invalid_input' });
    expect(refused).toHaveProperty('message', expect.stringContaining(said));
    expect(JSON.stringify([String(refused), refused])).not.toContain(CANARY.slice(0, 9));
  });

  it('has words of its own for every check that zod has none for', () => {
    const wordless = everyOperation().flatMap(({ name, input }) =>
      checksOf(input)
        .filter((definition) => isOwn(definition) && !wordsOf(definition).startsWith('takes '))
        .map(() => name),
    );
    expect(wordless).toEqual([]);
    // What the search would find.
    const checks = checksOf(z.strictObject({ a: z.array(z.string().regex(/b/)).optional() }));
    expect(checks.filter(isOwn)).toHaveLength(1);
    expect(checksOf(z.custom(() => false)).filter(isOwn)).toHaveLength(1);
  });
});

function refusalOf(name: string, given: object): unknown {
  const operation = everyOperation().find((each) => each.name === name);
  if (operation === undefined) throw new RangeError(`there is no operation ${name}`);
  try {
    readInput(operation, given);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Whether a check is one of a pattern or a function of ours, which says nothing by itself. */
function isOwn({ check, format, fn }: Definition): boolean {
  return format === 'regex' || (check === 'custom' && fn !== undefined);
}

function wordsOf({ error }: Definition): string {
  return String(error?.({}) ?? '');
}

/** The definitions of a schema, of its checks and of all that it holds, each once. */
function checksOf(schema: ZodType): readonly Definition[] {
  const found = new Set<Definition>();
  const look = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const definition = (value as Node)['_zod']?.def;
    if (definition === undefined) {
      for (const each of Object.values(value)) look(each);
      return;
    }
    if (found.has(definition)) return;
    found.add(definition);
    look({ ...definition });
  };
  look(schema);
  return [...found];
}
