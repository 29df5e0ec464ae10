import { createCipheriv, createSecretKey } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StrongroomError } from '../errors.ts';
import { decrypt, encrypt, unwrapKey, wrapKey } from './aead.ts';

const key = createSecretKey(new Uint8Array(32).fill(1));
const nonce = new Uint8Array(12).fill(2);
const additionalData = new Uint8Array(5).fill(3);
const plaintext = new Uint8Array(20).fill(4);

function failureOf(run: () => unknown): StrongroomError {
  try {
    run();
  } catch (error) {
    if (error instanceof StrongroomError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const KEY_SIZE = new RangeError('a key of 32 bytes was expected');

describe('encrypt and decrypt', () => {
  it('give back any plaintext, with a key as an object or as bytes', () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    const keys = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(keys, bytes, bytes, (raw, message, data) => {
        const sealed = encrypt(raw, nonce, message, data);
        expect(sealed).toHaveLength(message.length + 16);
        expect(decrypt(createSecretKey(raw), nonce, sealed, data)).toEqual(message);
        expect(encrypt(createSecretKey(raw), nonce, message, data)).toEqual(sealed);
      }),
    );
  });

  it('notice a flip of any bit of the ciphertext, the tag, the nonce or the additional data', () => {
    const sealed = encrypt(key, nonce, plaintext, additionalData);
    const parts = [nonce, sealed, additionalData] as const;
    for (const [which, part] of parts.entries()) {
      for (let bit = 0; bit < part.length * 8; bit += 1) {
        const altered = parts.map((bytes) => bytes.slice());
        const target = altered[which]!;
        target[bit >> 3]! ^= 1 << (bit & 7);
        const error = failureOf(() => decrypt(key, altered[0]!, altered[1]!, altered[2]!));
        expect(error.code).toBe('decryption_failed');
      }
    }
  });

  it('A71: refuse to encrypt with a nonce that is not 12 bytes or a key that is not 32', () => {
    for (const length of [0, 1, 8, 11, 13, 16, 128]) {
      expect(() => encrypt(key, new Uint8Array(length), plaintext, additionalData)).toThrow(
        RangeError,
      );
    }
    for (const length of [0, 16, 24, 31, 33, 64]) {
      const short = new Uint8Array(length);
      expect(() => encrypt(short, nonce, plaintext, additionalData)).toThrow(KEY_SIZE);
    }
    const short = createSecretKey(new Uint8Array(16));
    expect(() => encrypt(short, nonce, plaintext, additionalData)).toThrow(KEY_SIZE);
  });

  it('A71: refuse a genuine ciphertext whose tag was truncated to 4, 8, 12 or 15 bytes', () => {
    const sealed = encrypt(key, nonce, plaintext, additionalData);
    for (const length of [0, 4, 8, 12, 15]) {
      const truncated = sealed.subarray(0, plaintext.length + length);
      const error = failureOf(() => decrypt(key, nonce, truncated, additionalData));
      expect(error.code).toBe('decryption_failed');
    }
    const empty = encrypt(key, nonce, new Uint8Array(0), additionalData);
    for (let length = 0; length < 16; length += 1) {
      const run = (): unknown => decrypt(key, nonce, empty.subarray(0, length), additionalData);
      expect(failureOf(run).code).toBe('decryption_failed');
    }
  });

  it('A71: refuse a ciphertext that is valid under a nonce of 1, 8, 16 or 128 bytes', () => {
    for (const length of [1, 8, 16, 128]) {
      const odd = new Uint8Array(length).fill(9);
      const cipher = createCipheriv('aes-256-gcm', key, odd, { authTagLength: 16 });
      cipher.setAAD(additionalData);
      const body = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
      const error = failureOf(() => decrypt(key, odd, body, additionalData));
      expect(error.code).toBe('decryption_failed');
    }
  });

  it('fail in one way: same code, message and details for every reason', () => {
    const sealed = encrypt(key, nonce, plaintext, additionalData);
    const other = createSecretKey(new Uint8Array(32).fill(7));
    const failures = [
      (): unknown => decrypt(other, nonce, sealed, additionalData),
      (): unknown => decrypt(new Uint8Array(16), nonce, sealed, additionalData),
      (): unknown => decrypt(key, new Uint8Array(1), sealed, additionalData),
      (): unknown => decrypt(key, nonce, sealed.subarray(1), additionalData),
      (): unknown => decrypt(key, nonce, new Uint8Array(3), additionalData),
      (): unknown => decrypt(key, nonce, sealed, new Uint8Array(0)),
    ].map(failureOf);
    for (const { code, message, details, cause, hint } of failures) {
      expect({ code, message, details, cause, hint }).toEqual({
        code: 'decryption_failed',
        message: 'the ciphertext could not be decrypted',
        details: {},
        cause: undefined,
        hint: undefined,
      });
    }
  });
});

describe('wrapKey and unwrapKey', () => {
  it('give back the key; the layout is nonce, ciphertext, tag', () => {
    const wrapped = wrapKey(key, plaintext, additionalData);
    expect(wrapped).toHaveLength(12 + plaintext.length + 16);
    expect(unwrapKey(key, wrapped, additionalData)).toEqual(plaintext);
    const sealed = wrapped.subarray(12);
    expect(decrypt(key, wrapped.subarray(0, 12), sealed, additionalData)).toEqual(plaintext);
  });

  it('never use a nonce twice', () => {
    const nonces = new Set<string>();
    for (let i = 0; i < 10_000; i += 1) {
      const wrapped = wrapKey(key, plaintext, additionalData);
      nonces.add(Buffer.from(wrapped.subarray(0, 12)).toString('hex'));
    }
    expect(nonces.size).toBe(10_000);
  });

  it('refuse what is too short, altered, or under other additional data', () => {
    const wrapped = wrapKey(key, plaintext, additionalData);
    for (let length = 0; length < wrapped.length; length += 1) {
      const run = (): unknown => unwrapKey(key, wrapped.subarray(0, length), additionalData);
      expect(failureOf(run).code).toBe('decryption_failed');
    }
    expect(failureOf(() => unwrapKey(key, wrapped, plaintext)).code).toBe('decryption_failed');
  });
});
