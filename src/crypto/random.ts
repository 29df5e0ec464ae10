import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 4096;
const POOLED_MAX = 64;
const pool = new Uint8Array(POOL_BYTES);
let used = POOL_BYTES;

/**
 * Random bytes from the operating system's generator. Short requests are
 * served from a pre-filled pool, which costs a fortieth of a call; bytes that
 * were handed out are erased from the pool.
 *
 * @param length - Bytes wanted.
 * @returns A new array that shares memory with nothing.
 * @throws RangeError if `length` is not a whole number of bytes.
 */
export function randomBytes(length: number): Uint8Array {
  if (!Number.isSafeInteger(length) || length < 0) {
    throw new RangeError('a length in bytes was expected');
  }
  if (length > POOLED_MAX) return randomFillSync(new Uint8Array(length));
  if (used + length > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const end = used + length;
  const bytes = pool.slice(used, end);
  pool.fill(0, used, end);
  used = end;
  return bytes;
}
