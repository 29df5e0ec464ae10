import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatToken, parseToken } from './token.ts';

const bits = fc.uint8Array({ minLength: 32, maxLength: 32 });
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

function checkOf(body: string): string {
  const digest = createHash('sha256').update(`strongroom/v1/token${body}`).digest('base64url');
  return digest.slice(0, 6);
}

describe('a token', () => {
  it('is given back, also when its text holds underscores', () => {
    fc.assert(
      fc.property(bits, (bytes) => {
        const token = formatToken('key', bytes);
        expect(token).toMatch(/^sr_key_[A-Za-z0-9_-]{43}_[A-Za-z0-9_-]{6}$/);
        expect(parseToken('key', token)).toEqual(bytes);
      }),
      { numRuns: 500 },
    );
    const underscores = formatToken('key', new Uint8Array(32).fill(255));
    expect(underscores.startsWith('sr_key___________')).toBe(true);
    expect(parseToken('key', underscores)).toEqual(new Uint8Array(32).fill(255));
  });

  it('ends in the first six characters of the hash that docs/spec/envelope.md names', () => {
    const body = `sr_recovery_${'A'.repeat(43)}`;
    expect(formatToken('recovery', new Uint8Array(32))).toBe(`${body}_${checkOf(body)}`);
  });

  it('with any one character replaced is no token', () => {
    const token = formatToken(
      'key',
      Uint8Array.from({ length: 32 }, (_, i) => i * 7),
    );
    for (let at = 0; at < token.length; at += 1) {
      for (const character of `${ALPHABET}+/= é`) {
        if (token[at] === character) continue;
        const typo = token.slice(0, at) + character + token.slice(at + 1);
        expect(parseToken('key', typo)).toBeUndefined();
      }
    }
  });

  it('is refused cut, padded, surrounded, in other case or as another type', () => {
    const token = formatToken('key', new Uint8Array(32).fill(9));
    const variants = [
      '',
      token.slice(1),
      token.slice(0, -1),
      `${token}\n`,
      ` ${token}`,
      `${token}=`,
      token.toUpperCase(),
      token.replace('sr_key_', 'sr_env_'),
    ];
    for (const text of variants) expect(parseToken('key', text)).toBeUndefined();
    expect(parseToken('recovery', token)).toBeUndefined();
    expect(parseToken('env', token)).toBeUndefined();
    expect(parseToken('ke', token)).toBeUndefined();
  });

  it('with a right check over bits that base64url would not write is refused', () => {
    const body = `sr_key_${'A'.repeat(42)}B`;
    expect(parseToken('key', `${body}_${checkOf(body)}`)).toBeUndefined();
    const fine = `sr_key_${'A'.repeat(42)}E`;
    expect(parseToken('key', `${fine}_${checkOf(fine)}`)).toBeDefined();
  });

  it('is written for 32 bytes and a type of lower-case letters only', () => {
    for (const length of [0, 31, 33]) {
      expect(() => formatToken('key', new Uint8Array(length))).toThrow(RangeError);
    }
    for (const type of ['', 'Key', 'k_y', 'key1']) {
      expect(() => formatToken(type, new Uint8Array(32))).toThrow(RangeError);
    }
  });
});
