import * as fc from 'fast-check';
import { combine } from 'shamir-secret-sharing';
import { describe, expect, it } from 'vitest';
import { StrongroomError } from '../errors.ts';
import type { ErrorDetails } from '../errors.ts';
import { randomBytes } from './random.ts';
import { combineShares, parseShare, splitSecret } from './shamir.ts';
import { formatChecked } from './token.ts';

const secret = randomBytes(32);

interface Failure {
  readonly code: string;
  readonly details: ErrorDetails;
  readonly text: string;
}

async function failureOf(shares: readonly string[]): Promise<Failure> {
  try {
    await combineShares(shares);
  } catch (error) {
    if (!(error instanceof StrongroomError)) throw error;
    const { code, details, message } = error;
    return { code, details, text: message + JSON.stringify(details) + String(error.cause) };
  }
  throw new Error('nothing was thrown');
}

/** Writes a share with parts that need not fit, and a right check. */
function forge(text: string, changes: { at: number; value: number }[]): string {
  const share = parseShare(text)!;
  const packed = Buffer.concat([
    Uint8Array.of(1),
    share.setId,
    Uint8Array.of(share.index, share.threshold),
    share.bytes,
  ]);
  for (const { at, value } of changes) packed[at] = value;
  return formatChecked('share', packed);
}

const VERSION_AT = 0;
const INDEX_AT = 9;
const THRESHOLD_AT = 10;
const COORDINATE_AT = 43;

/** Multiplication in GF(2⁸) bit by bit, without tables. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ ((product >> 7) * 0x11b);
    product ^= a * ((b >> bit) & 1);
  }
  return product;
}

function invert(a: number): number {
  let result = 1;
  for (let i = 0; i < 254; i += 1) result = multiply(result, a);
  return result;
}

describe('splitSecret and combineShares', () => {
  it('give back the secret from any shares at the threshold or above, in any order', async () => {
    const numbers = fc
      .integer({ min: 2, max: 9 })
      .chain((shares) => fc.tuple(fc.constant(shares), fc.integer({ min: 2, max: shares })));
    const bits = fc.uint8Array({ minLength: 32, maxLength: 32 });
    await fc.assert(
      fc.asyncProperty(numbers, bits, fc.nat(), async ([shares, threshold], bytes, more) => {
        const split = await splitSecret(bytes, { threshold, shares });
        expect(split.shares).toHaveLength(shares);
        const order = split.shares.map((text, i) => ({ text, key: (i * 7 + more) % 11 }));
        order.sort((a, b) => a.key - b.key);
        const used = threshold + (more % (shares - threshold + 1));
        const given = order.slice(0, used).map(({ text }) => text);
        expect(await combineShares(given)).toEqual(bytes);
      }),
    );
  });

  it('write shares as docs/spec/keyring.md has them', async () => {
    const { setId, shares } = await splitSecret(secret, { threshold: 3, shares: 5 });
    expect(setId).toHaveLength(8);
    for (const [i, text] of shares.entries()) {
      expect(text).toMatch(/^sr_share_[A-Za-z0-9_-]{59}_[A-Za-z0-9_-]{6}$/);
      const share = parseShare(text);
      expect(share).toMatchObject({ setId, index: i + 1, threshold: 3 });
      expect(share?.bytes).toHaveLength(33);
      const packed = [1, ...setId, i + 1, 3, ...(share?.bytes ?? [])];
      expect([...Buffer.from(text.slice(9, 68), 'base64url')]).toEqual(packed);
    }
  });

  it('take the largest split, 255 of 255, and a secret in a Buffer', async () => {
    const { shares } = await splitSecret(Buffer.from(secret), { threshold: 255, shares: 255 });
    expect(await combineShares(shares)).toEqual(secret);
    expect((await failureOf(shares.slice(1))).code).toBe('too_few_shares');
  });

  it('leave the secret of the caller as it was', async () => {
    const mine = secret.slice();
    await splitSecret(mine, { threshold: 2, shares: 2 });
    expect(mine).toEqual(secret);
  });

  it('draw new coefficients each time, so a share alone is not the secret', async () => {
    const zeros = new Uint8Array(32);
    const seen = new Set<string>();
    for (let i = 0; i < 200; i += 1) {
      const { shares } = await splitSecret(zeros, { threshold: 2, shares: 2 });
      const { bytes } = parseShare(shares[0]!)!;
      expect(bytes.subarray(0, 32).filter((byte) => byte === 0).length).toBeLessThan(16);
      seen.add(Buffer.from(bytes.subarray(0, 32)).toString('hex'));
    }
    expect(seen.size).toBe(200);
  });

  it('refuse another length of secret, or numbers that make no split', async () => {
    for (const length of [0, 31, 33]) {
      const split = splitSecret(new Uint8Array(length), { threshold: 2, shares: 3 });
      await expect(split).rejects.toThrow(RangeError);
    }
    const numbers = [
      [1, 3],
      [0, 0],
      [4, 3],
      [2, 256],
      [2.5, 4],
      [2, 3.5],
      [Number.NaN, 3],
    ] as const;
    for (const [threshold, shares] of numbers) {
      await expect(splitSecret(secret, { threshold, shares })).rejects.toThrow(RangeError);
    }
  });
});

describe('A43: a share counts once', () => {
  it('A43: the same share given twice does not reach a threshold of two', async () => {
    const { shares } = await splitSecret(secret, { threshold: 2, shares: 3 });
    const failure = await failureOf([shares[1]!, shares[1]!]);
    expect(failure).toMatchObject({
      code: 'invalid_share',
      details: { position: 2, reason: 'repeated' },
    });
  });

  it('A43: one share under two indexes, or one index over two shares, is refused', async () => {
    const { shares } = await splitSecret(secret, { threshold: 2, shares: 3 });
    const renumbered = forge(shares[0]!, [{ at: INDEX_AT, value: 9 }]);
    const sameIndex = forge(shares[1]!, [{ at: INDEX_AT, value: 1 }]);
    for (const other of [renumbered, sameIndex]) {
      expect(await failureOf([shares[0]!, other])).toMatchObject({
        code: 'invalid_share',
        details: { position: 2, reason: 'repeated' },
      });
    }
  });
});

describe('A76: the arithmetic of the library', () => {
  it('A76: agrees with one without tables on all 65,024 products that two shares form', async () => {
    const values = Uint8Array.from({ length: 257 }, (_, i) => i);
    for (let x = 2; x < 256; x += 1) {
      // Two shares (1, y) and (x, 0) meet zero at y · x / (x ⊕ 1); x runs over every factor but 0 and 1.
      const first = values.slice();
      first[256] = 1;
      const second = new Uint8Array(257);
      second[256] = x;
      const factor = multiply(x, invert(x ^ 1));
      const expected = values.slice(0, 256).map((y) => multiply(y, factor));
      expect(await combine([first, second])).toEqual(expected);
    }
  });
});

describe('A78: wrong and mixed shares', () => {
  it('A78: any one character replaced in a share is refused by its position', async () => {
    const { shares } = await splitSecret(secret, { threshold: 2, shares: 2 });
    const [good, text] = [shares[0]!, shares[1]!];
    for (let at = 0; at < text.length; at += 1) {
      for (const character of ['A', 'b', '7', '-', '_', '=']) {
        if (text[at] === character) continue;
        const typo = text.slice(0, at) + character + text.slice(at + 1);
        expect(await failureOf([good, typo])).toMatchObject({
          code: 'invalid_share',
          details: { position: 2, reason: 'malformed' },
        });
      }
    }
  });

  it('A78: shares of two sets are refused, also when all else agrees', async () => {
    const a = await splitSecret(secret, { threshold: 2, shares: 3 });
    const b = await splitSecret(secret, { threshold: 2, shares: 3 });
    expect(await failureOf([a.shares[0]!, b.shares[1]!])).toMatchObject({
      code: 'invalid_share',
      details: { position: 2, reason: 'other_set' },
    });
    const threshold = forge(a.shares[1]!, [{ at: THRESHOLD_AT, value: 3 }]);
    expect(await failureOf([a.shares[0]!, threshold])).toMatchObject({
      details: { position: 2, reason: 'other_set' },
    });
  });

  it('A78: a share of any other version, or of none, is refused', async () => {
    const { shares } = await splitSecret(secret, { threshold: 2, shares: 2 });
    const share = parseShare(shares[0]!)!;
    const parts = [share.setId, Uint8Array.of(share.index, share.threshold), share.bytes];
    const others = Array.from({ length: 256 }, (_, value) => value).filter((value) => value !== 1);
    const texts = others.map((value) => forge(shares[0]!, [{ at: VERSION_AT, value }]));
    for (const text of [...texts, formatChecked('share', Buffer.concat(parts))]) {
      expect(await failureOf([text, shares[1]!])).toMatchObject({
        code: 'invalid_share',
        details: { position: 1, reason: 'malformed' },
      });
    }
    expect(parseShare(forge(shares[0]!, [{ at: VERSION_AT, value: 1 }]))).toEqual(share);
  });

  it('A78: index 0, coordinate 0, and a threshold below 2 are refused', async () => {
    const { shares } = await splitSecret(secret, { threshold: 2, shares: 2 });
    const forgeries = [
      [{ at: INDEX_AT, value: 0 }],
      [{ at: COORDINATE_AT, value: 0 }],
      [{ at: THRESHOLD_AT, value: 1 }],
      [{ at: THRESHOLD_AT, value: 0 }],
    ].map((changes) => forge(shares[0]!, changes));
    for (const text of forgeries) {
      expect(parseShare(text)).toBeUndefined();
      expect(await failureOf([text, shares[1]!])).toMatchObject({
        code: 'invalid_share',
        details: { position: 1, reason: 'malformed' },
      });
    }
  });

  it('A78: one share fewer than the threshold is too few, and none at all too', async () => {
    const { shares } = await splitSecret(secret, { threshold: 4, shares: 6 });
    expect(await failureOf(shares.slice(0, 3))).toMatchObject({
      code: 'too_few_shares',
      details: { needed: 4, given: 3 },
    });
    expect((await failureOf([])).code).toBe('too_few_shares');
  });

  it('A78: no text, however strange, does anything but be refused', async () => {
    const { shares } = await splitSecret(secret, { threshold: 2, shares: 2 });
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 90 }), async (text) => {
        expect((await failureOf([shares[0]!, text])).code).toBe('invalid_share');
      }),
    );
  });

  it('A78: no error holds a share or a part of one', async () => {
    const { shares } = await splitSecret(secret, { threshold: 3, shares: 3 });
    const other = await splitSecret(secret, { threshold: 3, shares: 3 });
    const sets = [
      [shares[0]!, shares[0]!],
      [shares[0]!, other.shares[0]!],
      [shares[0]!, `${shares[1]!}x`],
      [shares[0]!, shares[1]!],
    ];
    for (const given of sets) {
      const { text } = await failureOf(given);
      for (const share of given) {
        for (let at = 9; at + 8 <= share.length; at += 1) {
          expect(text).not.toContain(share.slice(at, at + 8));
        }
      }
    }
  });
});
