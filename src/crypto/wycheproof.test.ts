import { createSecretKey } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { StrongroomError } from '../errors.ts';
import { decrypt, encrypt } from './aead.ts';
import { equalBytes } from '../lib/compare.ts';
import { testOnlyHkdf } from './hkdf.ts';
import { hmacSha256 } from './mac.ts';
import { testOnlyDerivePbkdf2 } from './password.ts';
import { verify } from './signature.ts';

interface Group<Test, Facts> {
  readonly tests: readonly (Test & Verdict)[];
  readonly facts: Facts;
}

interface Verdict {
  readonly tcId: number;
  readonly result: 'valid' | 'invalid' | 'acceptable';
}

const FOLDER = new URL('../../../shared/vectors/wycheproof/', import.meta.url);
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

function groups<Test, Facts = unknown>(name: string): readonly Group<Test, Facts>[] {
  const text = readFileSync(new URL(name, FOLDER), 'utf8');
  const file: { testGroups: (Facts & { tests: (Test & Verdict)[] })[] } = JSON.parse(text);
  return file.testGroups.map((group) => ({ tests: group.tests, facts: group }));
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof StrongroomError) return error.code;
    throw error;
  }
  return 'nothing was thrown';
}

describe.skipIf(!existsSync(FOLDER))('run on the Wycheproof vectors', () => {
  it('AES-GCM: 256-bit keys, 96-bit nonces and 128-bit tags give the published answers, and A71: every other group is refused', () => {
    interface Facts {
      readonly ivSize: number;
      readonly keySize: number;
      readonly tagSize: number;
    }
    type Aead = Record<'key' | 'iv' | 'aad' | 'msg' | 'ct' | 'tag', string>;
    const counts = { valid: 0, invalid: 0, refused: 0 };
    for (const { facts, tests } of groups<Aead, Facts>('aes_gcm_test.json')) {
      const ours = facts.ivSize === 96 && facts.keySize === 256 && facts.tagSize === 128;
      for (const test of tests) {
        const [key, nonce, data, message] = [test.key, test.iv, test.aad, test.msg].map(bytes);
        const sealed = bytes(test.ct + test.tag);
        if (key === undefined || nonce === undefined) throw new Error('a malformed vector');
        if (data === undefined || message === undefined) throw new Error('a malformed vector');
        const open = (): Uint8Array => decrypt(key, nonce, sealed, data);
        if (ours && test.result === 'valid') {
          counts.valid += 1;
          expect(encrypt(key, nonce, message, data)).toEqual(sealed);
          expect(open()).toEqual(message);
        } else {
          counts[ours ? 'invalid' : 'refused'] += 1;
          expect(codeOf(open)).toBe('decryption_failed');
        }
        if (!ours) expect(() => encrypt(key, nonce, message, data)).toThrow(RangeError);
      }
    }
    expect(counts).toEqual({ valid: 39, invalid: 27, refused: 250 });
  });

  it.each(['sha256', 'sha512'] as const)('HKDF with %s gives the published keys', (digest) => {
    type Hkdf = Record<'ikm' | 'salt' | 'info' | 'okm', string> & { readonly size: number };
    const all = groups<Hkdf>(`hkdf_${digest}_test.json`).flatMap((group) => group.tests);
    expect(all.length).toBeGreaterThan(80);
    for (const test of all) {
      const input = {
        inputKey: bytes(test.ikm),
        salt: bytes(test.salt),
        info: bytes(test.info),
      };
      const derive = (): Uint8Array => testOnlyHkdf(digest, input, test.size);
      if (test.result === 'valid') expect(derive()).toEqual(bytes(test.okm));
      else expect(derive).toThrow(RangeError);
    }
  });

  it('PBKDF2-HMAC-SHA-256 gives the first 32 bytes of the published keys', async () => {
    type Pbkdf = Record<'password' | 'salt' | 'dk', string> & { readonly iterationCount: number };
    const all = groups<Pbkdf>('pbkdf2_hmacsha256_test.json').flatMap((group) => group.tests);
    expect(all).toHaveLength(60);
    for (const test of all) {
      const parameters = { iterations: test.iterationCount };
      const derived = await testOnlyDerivePbkdf2(
        bytes(test.password),
        bytes(test.salt),
        parameters,
      );
      const expected = bytes(test.dk);
      const length = Math.min(32, expected.length);
      expect(test.result).toBe('valid');
      expect(derived.slice(0, length)).toEqual(expected.slice(0, length));
    }
  });

  it('HMAC-SHA-256 gives the published tags, and no altered one', () => {
    type Mac = Record<'key' | 'msg' | 'tag', string>;
    const all = groups<Mac>('hmac_sha256_test.json').flatMap((group) => group.tests);
    expect(all).toHaveLength(174);
    for (const test of all) {
      const tag = bytes(test.tag);
      const mac = hmacSha256(createSecretKey(bytes(test.key)), bytes(test.msg));
      expect(equalBytes(mac.subarray(0, tag.length), tag)).toBe(test.result === 'valid');
    }
  });

  it('Ed25519 accepts the valid signatures alone', () => {
    type Signature = Record<'msg' | 'sig', string>;
    interface Facts {
      readonly publicKey: { readonly pk: string };
    }
    let count = 0;
    for (const { facts, tests } of groups<Signature, Facts>('ed25519_test.json')) {
      const publicKey = bytes(facts.publicKey.pk);
      for (const test of tests) {
        count += 1;
        const accepted = verify('ed25519', publicKey, bytes(test.msg), bytes(test.sig));
        expect({ id: test.tcId, accepted }).toEqual({
          id: test.tcId,
          accepted: test.result === 'valid',
        });
      }
    }
    expect(count).toBe(151);
  });

  it('ML-DSA-44 accepts the valid signatures without a context alone', () => {
    type Signature = Record<'msg' | 'sig', string> & { readonly ctx?: string };
    interface Facts {
      readonly publicKey: string;
    }
    let count = 0;
    for (const { facts, tests } of groups<Signature, Facts>('mldsa_44_verify_test.json')) {
      const publicKey = bytes(facts.publicKey);
      for (const test of tests) {
        count += 1;
        const accepted = verify('ml-dsa-44', publicKey, bytes(test.msg), bytes(test.sig));
        expect({ id: test.tcId, accepted }).toEqual({
          id: test.tcId,
          accepted: test.result === 'valid' && (test.ctx ?? '') === '',
        });
      }
    }
    expect(count).toBe(180);
  });
});
