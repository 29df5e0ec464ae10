import { createCipheriv, createHmac } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StrongroomError } from '../errors.ts';
import { fernetDecrypt, fernetEncrypt, generateFernetKey } from './fernet.ts';

interface FernetVector {
  readonly desc: string;
  readonly token: string;
  readonly now: string;
  readonly iv: readonly number[];
  readonly src: string;
  readonly secret: string;
  readonly ttl_sec: number;
}

const FOLDER = new URL('../../../shared/vectors/fernet/', import.meta.url);
const NOW_MS = 1_700_000_000_000;
const key = generateFernetKey();

function vectors(name: string): readonly FernetVector[] {
  const list: FernetVector[] = JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8'));
  return list;
}

/** Everything that a caller could tell two failures apart by. */
function failureOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    if (!(error instanceof StrongroomError)) throw error;
    const { code, message, details, hint, cause } = error;
    return { code, message, details, hint, cause };
  }
  return 'nothing was thrown';
}

/** A token of a time that many seconds from now. */
function tokenOf(seconds: number): string {
  return fernetEncrypt(key, Uint8Array.of(1), { nowMs: NOW_MS + seconds * 1000 });
}

const FAILURE = {
  code: 'decryption_failed',
  message: 'the ciphertext could not be decrypted',
  details: {},
  hint: undefined,
  cause: undefined,
};

/** A token with a right MAC over anything. */
function forge(head: Uint8Array, body: Uint8Array): string {
  const raw = Buffer.from(key, 'base64url');
  const signed = Buffer.concat([head, body]);
  const mac = createHmac('sha256', raw.subarray(0, 16)).update(signed).digest();
  const text = Buffer.concat([signed, mac]).toString('base64url');
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}

function head(seconds: bigint, version = 0x80): Buffer {
  const bytes = Buffer.alloc(25);
  bytes[0] = version;
  bytes.writeBigUInt64BE(seconds, 1);
  return bytes;
}

function cbc(blocks: Uint8Array): Buffer {
  const raw = Buffer.from(key, 'base64url');
  const cipher = createCipheriv('aes-128-cbc', raw.subarray(16), new Uint8Array(16));
  cipher.setAutoPadding(false);
  return Buffer.concat([cipher.update(blocks), cipher.final()]);
}

describe.skipIf(!existsSync(FOLDER))('Fernet, run on the published vectors', () => {
  it('makes the token of generate.json', () => {
    for (const { now, iv, src, secret, token } of vectors('generate.json')) {
      const options = { nowMs: Date.parse(now), testOnlyIv: Uint8Array.from(iv) };
      expect(fernetEncrypt(secret, Buffer.from(src), options)).toBe(token);
    }
  });

  it('opens the token of verify.json', () => {
    for (const { now, ttl_sec, src, secret, token } of vectors('verify.json')) {
      const options = { nowMs: Date.parse(now), ttlSeconds: ttl_sec };
      expect(Buffer.from(fernetDecrypt(secret, token, options)).toString()).toBe(src);
    }
  });

  it('A82: gives one identical error for all 8 cases of invalid.json', () => {
    const cases = vectors('invalid.json');
    expect(cases).toHaveLength(8);
    for (const { desc, now, ttl_sec, secret, token } of cases) {
      const options = { nowMs: Date.parse(now), ttlSeconds: ttl_sec };
      expect({ desc, failure: failureOf(() => fernetDecrypt(secret, token, options)) }).toEqual({
        desc,
        failure: FAILURE,
      });
    }
  });
});

describe('Fernet', () => {
  it('gives back any plaintext', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (plaintext) => {
        const token = fernetEncrypt(key, plaintext, { nowMs: NOW_MS });
        expect(token.length % 4).toBe(0);
        expect(fernetDecrypt(key, token, { nowMs: NOW_MS })).toEqual(plaintext);
      }),
    );
  });

  it('draws a new key and a new initialisation vector each time', () => {
    const keys = Array.from({ length: 50 }, generateFernetKey);
    expect(new Set(keys).size).toBe(50);
    for (const each of keys) expect(each).toMatch(/^[A-Za-z0-9_-]{43}=$/);
    const empty = new Uint8Array(0);
    const tokens = Array.from({ length: 50 }, () => fernetEncrypt(key, empty, { nowMs: NOW_MS }));
    expect(new Set(tokens).size).toBe(50);
  });

  it('refuses a timestamp more than 60 seconds in the future, with and without a time to live', () => {
    for (const extra of [{}, { ttlSeconds: 10 }]) {
      const options = { nowMs: NOW_MS, ...extra };
      expect(fernetDecrypt(key, tokenOf(60), options)).toEqual(Uint8Array.of(1));
      expect(failureOf(() => fernetDecrypt(key, tokenOf(61), options))).toEqual(FAILURE);
    }
    const farthest = forge(head(2n ** 64n - 1n), cbc(Buffer.alloc(16, 16)));
    expect(failureOf(() => fernetDecrypt(key, farthest, { nowMs: NOW_MS }))).toEqual(FAILURE);
  });

  it('refuses a token older than its time to live, to the second', () => {
    const token = fernetEncrypt(key, Uint8Array.of(1), { nowMs: NOW_MS });
    const after = (seconds: number) => ({ nowMs: NOW_MS + seconds * 1000, ttlSeconds: 30 });
    expect(fernetDecrypt(key, token, after(30))).toEqual(Uint8Array.of(1));
    expect(failureOf(() => fernetDecrypt(key, token, after(31)))).toEqual(FAILURE);
    expect(fernetDecrypt(key, token, { nowMs: NOW_MS * 2 })).toEqual(Uint8Array.of(1));
  });

  it('A82: a token with any bit flipped fails with the one error', () => {
    const token = fernetEncrypt(key, Buffer.from('hidden'), { nowMs: NOW_MS });
    const raw = Buffer.from(token, 'base64url');
    for (let bit = 0; bit < raw.length * 8; bit += 1) {
      const altered = Buffer.from(raw);
      altered[bit >> 3]! ^= 1 << (bit & 7);
      const text = altered.toString('base64url').padEnd(token.length, '=');
      expect(failureOf(() => fernetDecrypt(key, text, { nowMs: NOW_MS }))).toEqual(FAILURE);
    }
  });

  it('A82: another version, bad padding or a partial block fail with the one error, though the MAC is right', () => {
    const now = BigInt(NOW_MS / 1000);
    const good = cbc(Buffer.alloc(16, 16));
    expect(fernetDecrypt(key, forge(head(now), good), { nowMs: NOW_MS })).toHaveLength(0);
    const tokens = [
      forge(head(now, 0x81), good),
      forge(head(now, 0), good),
      forge(head(now), cbc(Buffer.alloc(16, 17))),
      forge(head(now), cbc(Buffer.alloc(16, 0))),
      forge(head(now), cbc(Buffer.alloc(32, 32))),
      forge(head(now), good.subarray(1)),
      forge(head(now), Buffer.concat([good, Buffer.alloc(1)])),
      forge(head(now), Buffer.alloc(0)),
      forge(head(now).subarray(0, 9), Buffer.alloc(0)),
    ];
    for (const token of tokens) {
      expect(failureOf(() => fernetDecrypt(key, token, { nowMs: NOW_MS }))).toEqual(FAILURE);
    }
  });

  it('A82: text that is not canonical base64url fails with the one error', () => {
    const token = fernetEncrypt(key, Buffer.alloc(15), { nowMs: NOW_MS });
    expect(token.endsWith('=')).toBe(true);
    const variants = [
      '',
      '=',
      '====',
      token.replace(/=+$/, ''),
      `${token}====`,
      `${token}\n`,
      ` ${token}`,
      token.replaceAll('A', '+'),
      `${token.slice(0, 8)}=${token.slice(9)}`,
    ];
    for (const text of variants) {
      expect(failureOf(() => fernetDecrypt(key, text, { nowMs: NOW_MS }))).toEqual(FAILURE);
    }
  });

  it('refuses a key that is not 32 bytes as padded base64url, without repeating it', () => {
    const bad = [key.slice(0, -1), key.slice(0, 40), `${key}${key}`, '', `+${key.slice(1)}`];
    for (const text of bad) {
      for (const run of [
        (): unknown => fernetEncrypt(text, new Uint8Array(0), { nowMs: NOW_MS }),
        (): unknown => fernetDecrypt(text, 'gAAA', { nowMs: NOW_MS }),
      ]) {
        expect(failureOf(run)).toEqual({
          code: 'invalid_input',
          message: 'a Fernet key is 32 bytes as base64url with padding',
          details: {},
          hint: undefined,
          cause: undefined,
        });
      }
    }
  });
});
