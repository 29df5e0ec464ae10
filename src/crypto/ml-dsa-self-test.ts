import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { StrongroomError } from '../errors.ts';
import { concat, utf8 } from '../lib/bytes.ts';
import { sha256 } from './hash.ts';
import { toBase64Url } from '../lib/base64.ts';

/** PKCS #8 of an ML-DSA-44 key that holds the seed alone (RFC 9881 §6), before the 32 bytes of the seed. */
const PKCS8_PREFIX = Uint8Array.from(
  Buffer.from('3034020100300b060960864801650304031104228020', 'hex'),
);

/**
 * SHA-256 over the SubjectPublicKeyInfo of the ML-DSA-44 example in RFC 9881
 * Appendix C, whose seed is the bytes 0 to 31.
 */
const PUBLIC_KEY_SHA256 = 'g3gycIxSNtlRWB8f3fK3mZGzQkoEhtFtod2tD9aXAb4';

/**
 * Known-answer test of ML-DSA-44 (FIPS 204): the key of a known seed, and that
 * a signature verifies, and does not over another message. It runs at first
 * use, because it takes about a millisecond.
 *
 * @param publicKeySha256 - The expected digest, base64url. Tests alter it.
 * @throws {@link StrongroomError} `self_test_failed`.
 */
export function selfTestMlDsa(publicKeySha256: string = PUBLIC_KEY_SHA256): void {
  const seed = Uint8Array.from({ length: 32 }, (_, i) => i);
  const key = concat([PKCS8_PREFIX, seed]);
  const privateKey = createPrivateKey({ key: Buffer.from(key), format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(privateKey);
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const message = utf8('strongroom self-test');
  const signature = sign(null, message, privateKey);
  const passed =
    toBase64Url(sha256(spki)) === publicKeySha256 &&
    verify(null, message, publicKey, signature) &&
    !verify(null, utf8('another message'), publicKey, signature);
  if (!passed) {
    throw new StrongroomError('self_test_failed', 'the self-test of ML-DSA-44 failed', {
      details: { test: 'ML-DSA-44' },
    });
  }
}
