import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { pathFault } from './path.ts';

/** The rule of the documentation in one expression and two lengths. */
function isPath(text: string): boolean {
  const segments = text.split('/');
  return (
    text.length >= 1 &&
    text.length <= 255 &&
    segments.length <= 16 &&
    segments.every((each) => /^[A-Za-z0-9._-]+$/.test(each) && each !== '.' && each !== '..')
  );
}

describe('a path', () => {
  it.each([
    'a',
    'STRIPE_KEY',
    'payments/STRIPE_KEY',
    'a.b-c_d/0',
    '...',
    '.env',
    '-',
    '__proto__',
    'constructor/toString',
    'x'.repeat(255),
    Array.from({ length: 16 }, () => 'a').join('/'),
  ])('may be %s', (path) => {
    expect(pathFault(path)).toBeUndefined();
  });

  it.each([
    '',
    '.',
    '..',
    '../a',
    'a/..',
    'a/../b',
    './a',
    'a/./b',
    '/',
    '/a',
    'a/',
    'a//b',
    'a b',
    'a\\b',
    'a\u0000b',
    'a\nb',
    'a\r',
    '\ta',
    'a\u007f',
    'a\u0085',
    'é',
    '数',
    'a\u202eb',
    'a%2fb',
    'a*',
    '**',
    'a~',
    'a:b',
    'a\u2215b',
    '\ud800',
    'x'.repeat(256),
    Array.from({ length: 17 }, () => 'a').join('/'),
  ])('may not be %j', (path) => {
    const fault = pathFault(path);
    expect(fault).toMatchObject({ code: 'invalid_name' });
    // It may be a value in the wrong place.
    if (path.trim().length > 3) expect(String(fault)).not.toContain(path);
  });

  it('is exactly what the rule says, in 20,000 random texts', () => {
    const near = fc
      .array(
        fc.oneof(
          {
            weight: 9,
            arbitrary: fc.string({
              unit: fc.constantFrom('a', 'Z', '0', '.', '_', '-'),
              maxLength: 30,
            }),
          },
          { weight: 1, arbitrary: fc.constantFrom('', '.', '..', '...', 'a\n', ' ', 'é', '*') },
        ),
        { maxLength: 18 },
      )
      .map((segments) => segments.join('/'));
    let accepted = 0;
    fc.assert(
      fc.property(fc.oneof(near, fc.string({ unit: 'binary', maxLength: 12 })), (text) => {
        const isRight = pathFault(text) === undefined;
        if (isRight) accepted += 1;
        expect(isRight).toBe(isPath(text));
      }),
      { numRuns: 20_000 },
    );
    expect(accepted).toBeGreaterThan(1000);
  });
});
