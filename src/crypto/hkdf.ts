import { hkdfSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/**
 * HKDF with SHA-512, extract and expand (RFC 5869).
 *
 * @param inputKey - Key material with at least as much entropy as is wanted.
 * @param salt - Random and public, or empty.
 * @param info - What the derived key is for, at most 1,024 bytes of UTF-8.
 * @param length - Bytes wanted, at most 16,320.
 * @returns A new array; the caller wipes it.
 * @throws RangeError if `length` or `info` is out of bounds.
 */
export function hkdfSha512(
  inputKey: Uint8Array | KeyObject,
  salt: Uint8Array,
  info: string,
  length: number,
): Uint8Array {
  return new Uint8Array(hkdfSync('sha512', inputKey, salt, info, length));
}

/** Parameters of {@link testOnlyHkdf}. */
export interface TestOnlyHkdfInput {
  readonly inputKey: Uint8Array;
  readonly salt: Uint8Array;
  readonly info: Uint8Array;
}

/** The same derivation with any hash and binary info, so that published vectors can be run. */
export function testOnlyHkdf(
  digest: 'sha256' | 'sha512',
  input: TestOnlyHkdfInput,
  length: number,
): Uint8Array {
  return new Uint8Array(hkdfSync(digest, input.inputKey, input.salt, input.info, length));
}
