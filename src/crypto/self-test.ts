import { argon2Sync, createSecretKey, pbkdf2Sync } from 'node:crypto';
import { StrongroomError } from '../errors.ts';
import { utf8 } from '../lib/bytes.ts';
import { decrypt, encrypt } from './aead.ts';
import { equalBytes } from '../lib/compare.ts';
import { sha256 } from './hash.ts';
import { hkdfSha512 } from './hkdf.ts';
import { hmacSha256 } from './mac.ts';
import { importSigningKey, sign, verify } from './signature.ts';

export { selfTestMlDsa } from './ml-dsa-self-test.ts';

/** One known-answer test. */
export interface KnownAnswerTest {
  readonly name: string;
  /** The known answer, hexadecimal. */
  readonly answer: string;
  /** Whether the primitive gives that answer. */
  readonly check: (answer: Uint8Array) => boolean;
}

const NOTHING = new Uint8Array(0);

/** McGrew and Viega, "The Galois/Counter Mode of Operation", test case 16. */
const GCM = {
  key: hex('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308'),
  nonce: hex('cafebabefacedbaddecaf888'),
  additionalData: hex('feedfacedeadbeeffeedfacedeadbeefabaddad2'),
  plaintext: hex(
    'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72' +
      '1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
  ),
  sealed:
    '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa' +
    '8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662' +
    '76fc6ece0f4e1768cddf8853bb2d551b',
} as const;

/** RFC 8032 §7.1, test 2. */
const ED25519 = {
  pkcs8: hex(
    '302e020100300506032b657004220420' +
      '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
  ),
  publicKey: hex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'),
  message: hex('72'),
  signature:
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
    '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
} as const;

/** What {@link selfTest} runs. */
export const KNOWN_ANSWER_TESTS: readonly KnownAnswerTest[] = [
  {
    name: 'SHA-256 (FIPS 180-4)',
    answer: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    check: (answer) => equalBytes(sha256(utf8('abc')), answer),
  },
  {
    name: 'HMAC-SHA-256 (RFC 4231 §4.3)',
    answer: '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    check: (answer) => {
      const key = createSecretKey(utf8('Jefe'));
      return equalBytes(hmacSha256(key, utf8('what do ya want for nothing?')), answer);
    },
  },
  {
    name: 'HKDF-SHA-512 (Wycheproof hkdf_sha512 1)',
    answer: 'dd2599840b09699c6200b5cba79002b3aa75c61b',
    check: (answer) => {
      const inputKey = hex('24aeff2645e3e0f5494a9a102778c43a');
      return equalBytes(hkdfSha512(inputKey, NOTHING, '', 20), answer);
    },
  },
  {
    name: 'AES-256-GCM encryption (GCM test case 16)',
    answer: GCM.sealed,
    check: (answer) =>
      equalBytes(encrypt(GCM.key, GCM.nonce, GCM.plaintext, GCM.additionalData), answer),
  },
  {
    name: 'AES-256-GCM decryption (GCM test case 16)',
    answer: GCM.sealed,
    check: (answer) =>
      equalBytes(decrypt(GCM.key, GCM.nonce, answer, GCM.additionalData), GCM.plaintext),
  },
  {
    name: 'Ed25519 signing (RFC 8032 §7.1)',
    answer: ED25519.signature,
    check: (answer) =>
      equalBytes(sign(importSigningKey('ed25519', ED25519.pkcs8), ED25519.message), answer),
  },
  {
    name: 'Ed25519 verification (RFC 8032 §7.1)',
    answer: ED25519.signature,
    check: (answer) =>
      verify('ed25519', ED25519.publicKey, ED25519.message, answer) &&
      !verify('ed25519', ED25519.publicKey, utf8('another message'), answer),
  },
  {
    // The vector of RFC 9106 §5.3 has four lanes, whose threads wait for each other on a busy machine. This is its
    // password and salt with one lane and the least memory; the tag is that of the reference
    // implementation (argon2-cffi 25.1.0, version 19). password.test.ts runs the RFC's own.
    name: 'argon2id (RFC 9106)',
    answer: 'd0a9aa054e90095ae9dc46d190a9427d70e22e6944f5ff644c385b9d4ecdc5e3',
    check: (answer) => equalBytes(argon2idExample(), answer),
  },
  {
    name: 'PBKDF2-HMAC-SHA-256 (RFC 7914 §11)',
    answer: '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc',
    check: (answer) =>
      equalBytes(pbkdf2Sync(utf8('passwd'), utf8('salt'), 1, 32, 'sha256'), answer),
  },
];

/**
 * Runs a known-answer test of every primitive that the vault rests on. It
 * runs at every start and takes a few milliseconds; ML-DSA-44 is tested at its first
 * use.
 *
 * @param tests - The table; tests of this function alter it.
 * @throws {@link StrongroomError} `self_test_failed`, with the name of the test.
 */
export function selfTest(tests: readonly KnownAnswerTest[] = KNOWN_ANSWER_TESTS): void {
  for (const test of tests) {
    const outcome = attempt(test);
    if (outcome.passed) continue;
    throw new StrongroomError('self_test_failed', `the self-test of ${test.name} failed`, {
      details: { test: test.name },
      cause: outcome.cause,
    });
  }
}

function attempt(test: KnownAnswerTest): { readonly passed: boolean; readonly cause?: unknown } {
  try {
    return { passed: test.check(hex(test.answer)) };
  } catch (cause) {
    return { passed: false, cause };
  }
}

function argon2idExample(): Uint8Array {
  return argon2Sync('argon2id', {
    message: new Uint8Array(32).fill(1),
    nonce: new Uint8Array(16).fill(2),
    memory: 8,
    passes: 3,
    parallelism: 1,
    tagLength: 32,
  });
}

function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}
