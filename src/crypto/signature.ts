import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign as signMessage,
  verify as verifyMessage,
} from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { StrongroomError } from '../errors.ts';
import { wipe } from '../lib/bytes.ts';
import { selfTestMlDsa } from './ml-dsa-self-test.ts';

/** Ed25519 (RFC 8032) or ML-DSA-44 (FIPS 204), both in their pure form without context. */
export type SignatureAlgorithm = 'ed25519' | 'ml-dsa-44';

/** A new pair of keys. */
export interface SigningKey {
  readonly privateKey: KeyObject;
  /** PKCS #8 DER; of ML-DSA-44 it holds the seed. Secret: the caller wipes it. */
  readonly pkcs8: Uint8Array;
  /** Raw: 32 bytes of Ed25519, 1,312 of ML-DSA-44. */
  readonly publicKey: Uint8Array;
}

interface AlgorithmFacts {
  /** What stands before the raw key in a SubjectPublicKeyInfo (RFC 8410 §4, RFC 9881 §4). */
  readonly spkiPrefix: Uint8Array;
  readonly publicKeyBytes: number;
  readonly signatureBytes: number;
}

const ALGORITHMS: Readonly<Record<SignatureAlgorithm, AlgorithmFacts>> = {
  ed25519: {
    spkiPrefix: hex('302a300506032b6570032100'),
    publicKeyBytes: 32,
    signatureBytes: 64,
  },
  'ml-dsa-44': {
    spkiPrefix: hex('30820532300b06096086480165030403110382052100'),
    publicKeyBytes: 1312,
    signatureBytes: 2420,
  },
};

let mlDsaTested = false;

/**
 * Makes a new signing key.
 *
 * @throws {@link StrongroomError} `self_test_failed` at the first use of ML-DSA-44.
 */
export function generateSigningKey(algorithm: SignatureAlgorithm): SigningKey {
  testBeforeFirstUse(algorithm);
  // The overloads of the types know no union of algorithms.
  const { privateKey } =
    algorithm === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ml-dsa-44');
  const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' });
  return { privateKey, pkcs8: plain(pkcs8), publicKey: publicKeyOf(privateKey) };
}

/**
 * Reads a private key.
 *
 * @param pkcs8 - PKCS #8 DER. It is not kept.
 * @throws {@link StrongroomError} `integrity_error` if the bytes are not a key of that algorithm.
 * @throws {@link StrongroomError} `self_test_failed` at the first use of ML-DSA-44.
 */
export function importSigningKey(algorithm: SignatureAlgorithm, pkcs8: Uint8Array): KeyObject {
  testBeforeFirstUse(algorithm);
  const key = Buffer.from(pkcs8.buffer, pkcs8.byteOffset, pkcs8.length);
  let privateKey: KeyObject | undefined;
  try {
    privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  } catch {
    // OpenSSL's reason may quote the input, so it goes no further.
  }
  if (privateKey?.asymmetricKeyType !== algorithm) {
    throw new StrongroomError('integrity_error', `the signing key is not an ${algorithm} key`);
  }
  return privateKey;
}

/**
 * The raw public key of a private one.
 *
 * @returns 32 bytes of Ed25519, 1,312 of ML-DSA-44.
 * @throws TypeError if the key is of another kind.
 */
export function publicKeyOf(privateKey: KeyObject): Uint8Array {
  const { spkiPrefix } = ALGORITHMS[algorithmOf(privateKey)];
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return new Uint8Array(spki).slice(spkiPrefix.length);
}

/**
 * Signs a message.
 *
 * @returns 64 bytes of Ed25519, 2,420 of ML-DSA-44.
 * @throws TypeError if the key is not a private key of a known algorithm.
 */
export function sign(key: KeyObject, message: Uint8Array): Uint8Array {
  testBeforeFirstUse(algorithmOf(key));
  return plain(signMessage(null, message, key));
}

/**
 * Verifies a signature.
 *
 * @param rawPublicKey - As {@link publicKeyOf} gives it.
 * @returns `false` for a wrong signature and for malformed input alike.
 * @throws {@link StrongroomError} `self_test_failed` at the first use of ML-DSA-44.
 */
export function verify(
  algorithm: SignatureAlgorithm,
  rawPublicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  testBeforeFirstUse(algorithm);
  const { spkiPrefix, publicKeyBytes, signatureBytes } = ALGORITHMS[algorithm];
  if (rawPublicKey.length !== publicKeyBytes || signature.length !== signatureBytes) return false;
  try {
    const spki = Buffer.concat([spkiPrefix, rawPublicKey]);
    const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    return verifyMessage(null, message, publicKey, signature);
  } catch {
    return false;
  }
}

function testBeforeFirstUse(algorithm: SignatureAlgorithm): void {
  if (algorithm !== 'ml-dsa-44' || mlDsaTested) return;
  selfTestMlDsa();
  mlDsaTested = true;
}

function algorithmOf(key: KeyObject): SignatureAlgorithm {
  const type = key.asymmetricKeyType;
  if (key.type === 'private' && (type === 'ed25519' || type === 'ml-dsa-44')) return type;
  throw new TypeError('a private key of Ed25519 or ML-DSA-44 was expected');
}

/** A plain array of the bytes, and nothing left behind. */
function plain(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes);
  wipe(bytes);
  return copy;
}

function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}
