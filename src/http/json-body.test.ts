import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { utf8 } from '../lib/bytes.ts';
import { BODY_LIMITS, parseJsonBody } from './json-body.ts';

const parse = (text: string): unknown => parseJsonBody(utf8(text));
const failure = (text: string): { readonly code?: string; readonly message?: string } => {
  try {
    parse(text);
  } catch (error) {
    return error as { readonly code?: string };
  }
  return {};
};

describe('a JSON body', () => {
  it('is what JSON.parse makes of it, whatever it is', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => {
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '[{"b":{"c":1,"c":1}}]',
    '{"a":1,"b":2,"a":{}}',
  ])('with a name twice in an object is refused: %s', (text) =>
    expect(failure(text)).toMatchObject({ code: 'invalid_request' }),
  );

  it('may have the same name in several objects, and what looks like members in a text', () => {
    expect(parse('[{"a":1},{"a":"{\\"a\\":1,\\"a\\":2}"}]')).toEqual([
      { a: 1 },
      { a: '{"a":1,"a":2}' },
    ]);
  });

  it('A46 makes a member of __proto__ like any other, and no prototype', () => {
    const value = parse('{"__proto__":{"isAdmin":true}}') as Readonly<Record<string, unknown>>;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect(value['isAdmin']).toBeUndefined();
    expect(({} as Readonly<Record<string, unknown>>)['isAdmin']).toBeUndefined();
  });

  it('A57 is refused by its depth and number of members before anything is built', () => {
    const deep = BODY_LIMITS.depthMax;
    expect(parse('['.repeat(deep) + ']'.repeat(deep))).toBeInstanceOf(Array);
    for (const text of [
      '['.repeat(deep + 1) + ']'.repeat(deep + 1),
      '['.repeat(1_000_000),
      '{"a":'.repeat(100_000),
      `[${'[],'.repeat(BODY_LIMITS.tokensMax)}[]]`,
      `{${Array.from({ length: BODY_LIMITS.tokensMax }, (_, i) => `"${i}":0`).join()}}`,
    ]) {
      expect(failure(text)).toMatchObject({ code: 'request_too_large' });
    }
  });

  it('A84 a fault repeats nothing of the document, wherever it is', () => {
    const marker = 'MARKER-7f3a';
    const whole = `{"value":"${marker}","more":["${marker}"]}`;
    for (let at = 0; at < whole.length; at += 1) {
      for (const broken of [whole.slice(0, at), `${whole.slice(0, at)}\u0001${whole.slice(at)}`]) {
        const { message = '' } = failure(broken);
        expect(message).not.toContain('MARKER');
      }
    }
  });

  it('is refused if it is not UTF-8', () => {
    expect(() => parseJsonBody(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });
});
