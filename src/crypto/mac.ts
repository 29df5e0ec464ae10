import { createHmac } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/**
 * HMAC-SHA-256 (RFC 2104, FIPS 198-1).
 *
 * @param key - A secret key.
 * @returns 32 bytes. Compare them with `equalBytes` only.
 */
export function hmacSha256(key: KeyObject, message: Uint8Array): Uint8Array {
  const mac = createHmac('sha256', key).update(message).digest();
  return new Uint8Array(mac.buffer, mac.byteOffset, mac.length);
}
