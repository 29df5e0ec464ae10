import { argon2Sync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { StrongroomError } from '../errors.ts';
import {
  ARGON2ID_DEFAULTS,
  PBKDF2_DEFAULTS,
  deriveArgon2id,
  derivePbkdf2,
  testOnlyDeriveArgon2id,
  testOnlyDerivePbkdf2,
} from './password.ts';

const passphrase = Buffer.from('correct horse battery staple');
const salt = new Uint8Array(32).fill(5);
const FLOOR = { memoryKib: 64 * 1024, passes: 3, lanes: 4 };
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof StrongroomError) return { code: error.code, details: error.details };
    throw error;
  }
  return 'nothing was thrown';
}

describe('deriveArgon2id', () => {
  it('derives with the parameters of the floor what RFC 9106 code gives', async () => {
    const expected = argon2Sync('argon2id', {
      message: passphrase,
      nonce: salt,
      memory: 65_536,
      passes: 3,
      parallelism: 4,
      tagLength: 32,
    });
    const derived = await deriveArgon2id(passphrase, salt, FLOOR);
    expect(hex(derived)).toBe(expected.toString('hex'));
    expect(Buffer.isBuffer(derived)).toBe(false);
  });

  it('rests on an argon2id that gives the tag of RFC 9106 §5.3', () => {
    const tag = argon2Sync('argon2id', {
      message: new Uint8Array(32).fill(1),
      nonce: new Uint8Array(16).fill(2),
      secret: new Uint8Array(8).fill(3),
      associatedData: new Uint8Array(12).fill(4),
      memory: 32,
      passes: 3,
      parallelism: 4,
      tagLength: 32,
    });
    expect(hex(tag)).toBe('0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659');
  });

  it('gives the tag of the reference implementation (phc-winner-argon2, argon2id version 19)', async () => {
    const parameters = { memoryKib: 256, passes: 2, lanes: 1 };
    const derived = await testOnlyDeriveArgon2id(
      Buffer.from('password'),
      Buffer.from('somesalt'),
      parameters,
    );
    expect(hex(derived)).toBe('9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe');
  });

  it('changes with each parameter, the passphrase and the salt', async () => {
    const base = { memoryKib: 256, passes: 2, lanes: 1 };
    const results = await Promise.all([
      testOnlyDeriveArgon2id(passphrase, salt, base),
      testOnlyDeriveArgon2id(passphrase, salt, { ...base, memoryKib: 264 }),
      testOnlyDeriveArgon2id(passphrase, salt, { ...base, passes: 3 }),
      testOnlyDeriveArgon2id(passphrase, salt, { ...base, lanes: 2 }),
      testOnlyDeriveArgon2id(Buffer.from('x'), salt, base),
      testOnlyDeriveArgon2id(passphrase, salt.subarray(1), base),
    ]);
    expect(new Set(results.map(hex)).size).toBe(results.length);
  });

  it.each([
    ['memory_kib', { ...FLOOR, memoryKib: 65_535 }, 65_536, 2_097_152],
    ['memory_kib', { ...FLOOR, memoryKib: 2_097_153 }, 65_536, 2_097_152],
    ['memory_kib', { ...FLOOR, memoryKib: Number.NaN }, 65_536, 2_097_152],
    ['passes', { ...FLOOR, passes: 2 }, 3, 16],
    ['passes', { ...FLOOR, passes: 17 }, 3, 16],
    ['passes', { ...FLOOR, passes: 3.5 }, 3, 16],
    ['lanes', { ...FLOOR, lanes: 3 }, 4, 16],
    ['lanes', { ...FLOOR, lanes: 17 }, 4, 16],
  ])(
    'refuses %s out of bounds before it derives anything: %o',
    async (parameter, given, min, max) => {
      // A salt that the derivation itself would reject shows that it was not reached.
      expect(await failureOf(deriveArgon2id(passphrase, new Uint8Array(0), given))).toEqual({
        code: 'kdf_out_of_bounds',
        details: { parameter, min, max },
      });
    },
  );

  it('uses 256 MiB, 3 passes, 4 lanes for new slots', () => {
    expect(ARGON2ID_DEFAULTS).toEqual({ memoryKib: 262_144, passes: 3, lanes: 4 });
  });
});

describe('derivePbkdf2', () => {
  it('gives the keys of RFC 7914 §11', async () => {
    const [one, many] = await Promise.all([
      testOnlyDerivePbkdf2(Buffer.from('passwd'), Buffer.from('salt'), { iterations: 1 }),
      testOnlyDerivePbkdf2(Buffer.from('Password'), Buffer.from('NaCl'), { iterations: 80_000 }),
    ]);
    expect(hex(one)).toBe('55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc');
    expect(hex(many)).toBe('4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56');
  });

  it('derives at the floor', async () => {
    const derived = await derivePbkdf2(passphrase, salt, { iterations: 600_000 });
    const same = await testOnlyDerivePbkdf2(passphrase, salt, { iterations: 600_000 });
    expect(derived).toHaveLength(32);
    expect(derived).toEqual(same);
    expect(Buffer.isBuffer(derived)).toBe(false);
  });

  it.each([0, 1, 599_999, 10_000_001, 600_000.5, Number.NaN])(
    'refuses %d iterations before it derives anything',
    async (iterations) => {
      expect(await failureOf(derivePbkdf2(passphrase, salt, { iterations }))).toEqual({
        code: 'kdf_out_of_bounds',
        details: { parameter: 'iterations', min: 600_000, max: 10_000_000 },
      });
    },
  );

  it('uses 1,300,000 iterations for new slots', () => {
    expect(PBKDF2_DEFAULTS).toEqual({ iterations: 1_300_000 });
  });
});
