import { createHash, hash, type Hash } from 'node:crypto';

/**
 * SHA-256 (FIPS 180-4).
 *
 * @returns 32 bytes.
 */
export function sha256(bytes: Uint8Array | string): Uint8Array {
  const digest = new Uint8Array(32);
  sha256Into(bytes, digest, 0);
  return digest;
}

/** As {@link sha256}, into 32 bytes of an array that is there. */
export function sha256Into(bytes: Uint8Array | string, target: Uint8Array, offset: number): void {
  // Measured on 64 bytes: 0.32 µs by way of a string, 0.70 µs with a Buffer as output.
  const text = hash('sha256', bytes, 'latin1');
  for (let i = 0; i < 32; i += 1) target[offset + i] = text.charCodeAt(i);
}

/** SHA-256 (FIPS 180-4) of a text as a key of a map: base64, by which nobody finds the text. */
export function fingerprintOf(text: string): string {
  return hash('sha256', text, 'base64');
}

/** SHA-2 (FIPS 180-4) of a text, with as many bits as another's format asks for. */
export function sha2(bits: 256 | 384 | 512, text: string): Uint8Array {
  return new Uint8Array(hash(`sha${bits}`, text, 'buffer'));
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
