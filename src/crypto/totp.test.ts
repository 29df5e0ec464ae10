import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { utf8 } from '../lib/bytes.ts';
import { findTotpStep, totpCode, totpStep } from './totp.ts';

const SECRET = utf8('12345678901234567890');

/** RFC 6238, Appendix B, SHA-1: seconds and the last six of the eight digits. */
const RFC_6238: readonly (readonly [seconds: number, code: string])[] = [
  [59, '287082'],
  [1111111109, '081804'],
  [1111111111, '050471'],
  [1234567890, '005924'],
  [2000000000, '279037'],
  [20000000000, '353130'],
];

/** RFC 4226, Appendix D. */
const RFC_4226: readonly string[] = [
  '755224',
  '287082',
  '359152',
  '969429',
  '338314',
  '254676',
  '287922',
  '162583',
  '399871',
  '520489',
];

describe('time-based codes', () => {
  it('are those of RFC 6238 and RFC 4226', () => {
    for (const [seconds, code] of RFC_6238) {
      expect(totpCode(SECRET, totpStep(seconds * 1000))).toBe(code);
    }
    expect(RFC_4226.map((_, counter) => totpCode(SECRET, counter))).toEqual(RFC_4226);
  });

  it('are taken one step early and late, and no more', () => {
    const now = 1_700_000_000_000;
    const step = totpStep(now);
    const found = [-2, -1, 0, 1, 2].map((skew) =>
      findTotpStep(SECRET, totpCode(SECRET, step + skew), { now, after: 0 }),
    );
    expect(found).toEqual([undefined, step - 1, step, step + 1, undefined]);
  });

  it('A3 are taken at most once each, in whatever order they come', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 0, max: 300_000 })), {
          maxLength: 40,
        }),
        (tries) => {
          const begin = 1_700_000_010_000;
          const accepted = new Map<number, number>();
          let after = 0;
          for (const [skew, ms] of tries.toSorted(([, a], [, b]) => a - b)) {
            const now = begin + ms;
            const code = totpCode(SECRET, totpStep(now) + skew - 4);
            const step = findTotpStep(SECRET, code, { now, after });
            if (step === undefined) continue;
            accepted.set(step, (accepted.get(step) ?? 0) + 1);
            after = step;
          }
          return [...accepted.values()].every((count) => count === 1);
        },
      ),
    );
  });

  it.each([
    '123456 ',
    ' 287082',
    '+87082',
    '0x1234',
    '１２３４５６',
    '28708',
    '2870820',
    '287\u200b082',
    '',
  ])('A1 are six digits of ASCII and nothing else: %j', (code) => {
    expect(findTotpStep(SECRET, code, { now: 59_000, after: -1 })).toBeUndefined();
  });
});
