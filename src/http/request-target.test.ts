import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseTarget } from './request-target.ts';

const refused = expect.objectContaining({ code: 'invalid_request' }) as unknown;

describe('a request target', () => {
  it('is taken apart into decoded segments and parameters', () => {
    expect(parseTarget('/api/secrets/a...b/%C3%A9?limit=5&tag=a+b%2Bc')).toEqual({
      segments: ['api', 'secrets', 'a...b', 'é'],
      query: [
        ['limit', '5'],
        ['tag', 'a b+c'],
      ],
    });
    expect(parseTarget('/')).toEqual({ segments: [], query: [] });
  });

  it('keeps names that only look like dot segments', () => {
    expect(parseTarget('/a/.../a..b/.hidden/x.').segments).toEqual([
      'a',
      '...',
      'a..b',
      '.hidden',
      'x.',
    ]);
  });

  it.each([
    '',
    'x',
    '*',
    'http://host/api',
    '//host/api',
    '/a//b',
    '/a/',
    '/a/./b',
    '/a/../b',
    '/..',
    '/a/%2e%2e/b',
    '/a/%2E/b',
    '/a/.%2e/b',
    '/a%2fb',
    '/a%2Fb',
    '/a%252fb',
    '/a%5cb',
    '/a\\b',
    '/a%00b',
    '/a%0ab',
    '/a%0d%0ab',
    '/a%09b',
    '/a\tb',
    '/a b',
    '/a%7Fb',
    '/a%C2%85b',
    '/a%c0%af',
    '/a%c0%ae%c0%ae/b',
    '/a%ff',
    '/a%ed%a0%80',
    '/a%e2%82',
    '/a%2',
    '/a%zz',
    '/a%u002e',
    '/a#b',
    '/a%41',
    '/a%2dx',
    '/a%7e',
    '/a|b',
    '/a"b',
    '/a<b',
    '/a^b',
    '/a`b',
    '/{a}',
    '/é',
    '/a?b',
    '/a?=b',
    '/a?b=c&',
    '/a?b=%zz',
    '/a?b=%00',
    '/a?b=c#d',
    '/a?b=c d',
    `/${'a/'.repeat(60)}a`,
    `/${'a'.repeat(9000)}`,
  ])('A27 A41 %j is refused, not put in order', (target) => {
    expect(() => parseTarget(target)).toThrow(refused);
  });

  it('A62 takes no line break in a parameter', () => {
    expect(() => parseTarget('/a?name=x%0d%0aSet-Cookie:%20a')).toThrow(refused);
  });

  it('A41 has one spelling: what is accepted, spelt anew from its segments, is what came', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '%2e',
        '%2F',
        '%',
        '/',
        '//',
        '.',
        '..',
        ';',
        '\\',
        '%C3%A9',
        '?',
        '#',
        '@',
        ':',
        '+',
        '%40',
        'é',
      ),
      fc.string({ maxLength: 4 }),
    );
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const target = `/${pieces.join('')}`;
        let segments: readonly string[];
        try {
          ({ segments } = parseTarget(target));
        } catch {
          return;
        }
        accepted += 1;
        const path = target.split('?')[0] ?? '';
        expect(segments.join('/')).toBe(decodeURIComponent(path.slice(1)));
        expect(segments.every((each) => each !== '' && each !== '.' && each !== '..')).toBe(true);
        expect(segments.some((each) => /[/\\]/.test(each))).toBe(false);
      }),
      { numRuns: 20_000, seed: 41 },
    );
    expect(accepted).toBeGreaterThan(500);
  });
});
