import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { StrongroomError } from '../errors.ts';
import { randomBytes } from './random.ts';

/** Bytes of an AES-256 key. */
export const KEY_BYTES = 32;
/** Bytes of a nonce: 96 bits (NIST SP 800-38D §8.2.2). */
export const NONCE_BYTES = 12;
/** Bytes of a tag: 128 bits; shorter ones are never made nor accepted. */
export const TAG_BYTES = 16;

const ALGORITHM = 'aes-256-gcm';
const OPTIONS = { authTagLength: TAG_BYTES } as const;

/**
 * Encrypts with AES-256-GCM (NIST SP 800-38D).
 *
 * @param key - 32 bytes, or a secret key of that size.
 * @param nonce - 12 bytes, never used twice with one key.
 * @returns ciphertext ‖ tag (16 bytes).
 * @throws RangeError if the key or the nonce has another size.
 */
export function encrypt(
  key: KeyObject | Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  additionalData: Uint8Array,
): Uint8Array {
  if (keySize(key) !== KEY_BYTES) throw new RangeError('a key of 32 bytes was expected');
  if (nonce.length !== NONCE_BYTES) throw new RangeError('a nonce of 12 bytes was expected');
  const cipher = createCipheriv(ALGORITHM, key, nonce, OPTIONS);
  cipher.setAAD(additionalData);
  const sealed = new Uint8Array(plaintext.length + TAG_BYTES);
  sealed.set(cipher.update(plaintext));
  cipher.final();
  sealed.set(cipher.getAuthTag(), plaintext.length);
  return sealed;
}

/**
 * Decrypts what {@link encrypt} made.
 *
 * @param sealed - ciphertext ‖ tag (16 bytes).
 * @returns The plaintext; the caller wipes it.
 * @throws {@link StrongroomError} `decryption_failed`, the same for every reason.
 */
export function decrypt(
  key: KeyObject | Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  additionalData: Uint8Array,
): Uint8Array {
  const length = sealed.length - TAG_BYTES;
  if (keySize(key) !== KEY_BYTES || nonce.length !== NONCE_BYTES || length < 0) {
    throw decryptionFailed();
  }
  const decipher = createDecipheriv(ALGORITHM, key, nonce, OPTIONS);
  decipher.setAAD(additionalData);
  decipher.setAuthTag(sealed.subarray(length));
  const plaintext = decipher.update(sealed.subarray(0, length));
  try {
    decipher.final();
  } catch {
    plaintext.fill(0);
    throw decryptionFailed();
  }
  return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length);
}

/**
 * Encrypts a key, or another short secret, under a key with a fresh random nonce.
 *
 * @returns nonce (12) ‖ ciphertext ‖ tag (16).
 * @throws RangeError if `key` is not a secret key of 32 bytes.
 */
export function wrapKey(
  key: KeyObject,
  plaintext: Uint8Array,
  additionalData: Uint8Array,
): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const sealed = encrypt(key, nonce, plaintext, additionalData);
  const wrapped = new Uint8Array(NONCE_BYTES + sealed.length);
  wrapped.set(nonce);
  wrapped.set(sealed, NONCE_BYTES);
  return wrapped;
}

/**
 * Decrypts what {@link wrapKey} made.
 *
 * @returns The plaintext; the caller wipes it.
 * @throws {@link StrongroomError} `decryption_failed`, the same for every reason.
 */
export function unwrapKey(
  key: KeyObject,
  wrapped: Uint8Array,
  additionalData: Uint8Array,
): Uint8Array {
  const nonce = wrapped.subarray(0, NONCE_BYTES);
  return decrypt(key, nonce, wrapped.subarray(NONCE_BYTES), additionalData);
}

/** The one error of every failed decryption. */
export function decryptionFailed(cause?: unknown): StrongroomError {
  return new StrongroomError('decryption_failed', 'the ciphertext could not be decrypted', {
    cause,
  });
}

function keySize(key: KeyObject | Uint8Array): number | undefined {
  return key instanceof Uint8Array ? key.length : key.symmetricKeySize;
}
