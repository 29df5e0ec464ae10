import { createHash, hash, type Hash } from 'node:crypto';

/**
 * SHA-256 (FIPS 180-4).
 *
 * @returns 32 bytes.
 */
export function sha256(bytes: Uint8Array | string): Uint8Array {
  // Measured on 64 bytes: 0.32 µs by way of a string, 0.70 µs with a Buffer as output.
  const text = hash('sha256', bytes, 'latin1');
  const digest = new Uint8Array(32);
  for (let i = 0; i < 32; i += 1) digest[i] = text.charCodeAt(i);
  return digest;
}

/** SHA-256 (FIPS 180-4) of bytes that come piece by piece. */
export class Sha256 {
  readonly #hash: Hash;

  constructor(begun: Hash = createHash('sha256')) {
    this.#hash = begun;
  }

  /** Another one that has had the same bytes. */
  copy(): Sha256 {
    return new Sha256(this.#hash.copy());
  }

  /** Adds bytes. */
  update(bytes: Uint8Array): this {
    this.#hash.update(bytes);
    return this;
  }

  /** The hash of all that was added, 32 bytes. Nothing can be added afterwards. */
  digest(): Uint8Array {
    return new Uint8Array(this.#hash.digest());
  }
}
