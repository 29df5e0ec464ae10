import type { KeyObject } from 'node:crypto';

import { decrypt, encrypt, NONCE_BYTES, TAG_BYTES } from './aead.ts';

/** Bytes of plaintext in every chunk but the last. */
export const CHUNK_BYTES: number = 64 * 1024;

/** Bytes of an encrypted chunk, the last one's aside. */
export const SEALED_CHUNK_BYTES: number = CHUNK_BYTES + TAG_BYTES;

const COUNTER_MAX = 2 ** 40;
const NOTHING = new Uint8Array(0);

/**
 * Encrypts a stream in chunks (STREAM of Hoang, Reyhanitabar, Rogaway and
 * Vizár, 2015, with the nonces of age: counter 11 bytes ‖ last 1 byte). A chunk
 * that is missing, moved or appended does not decrypt.
 */
export class ChunkSealer {
  readonly #key: KeyObject;
  readonly #nonces = new Nonces();

  /** @param key - 32 bytes, used for this one stream. */
  constructor(key: KeyObject) {
    this.#key = key;
  }

  /**
   * Encrypts the next chunk.
   *
   * @param plaintext - 65,536 bytes; of the last chunk 1 to 65,536.
   * @throws RangeError if it has another length, or the last chunk was there.
   */
  seal(plaintext: Uint8Array, isLast: boolean): Uint8Array {
    const fits = isLast ? plaintext.length > 0 : plaintext.length === CHUNK_BYTES;
    if (!fits || plaintext.length > CHUNK_BYTES) throw new RangeError('not the size of a chunk');
    return encrypt(this.#key, this.#nonces.next(isLast), plaintext, NOTHING);
  }
}

/** Decrypts what {@link ChunkSealer} made, in the same order. */
export class ChunkOpener {
  readonly #key: KeyObject;
  readonly #nonces = new Nonces();

  /** @param key - 32 bytes. */
  constructor(key: KeyObject) {
    this.#key = key;
  }

  /**
   * Decrypts the next chunk.
   *
   * @returns The plaintext; the caller wipes it.
   * @throws {@link StrongroomError} `decryption_failed` if it is not the next chunk of this stream.
   */
  open(sealed: Uint8Array, isLast: boolean): Uint8Array {
    return decrypt(this.#key, this.#nonces.next(isLast), sealed, NOTHING);
  }
}

class Nonces {
  #counter = 0;
  #isOver = false;

  next(isLast: boolean): Uint8Array {
    if (this.#isOver || this.#counter >= COUNTER_MAX) throw new RangeError('the stream is over');
    const nonce = new Uint8Array(NONCE_BYTES);
    new DataView(nonce.buffer).setBigUint64(NONCE_BYTES - 9, BigInt(this.#counter));
    nonce[NONCE_BYTES - 1] = isLast ? 1 : 0;
    this.#counter += 1;
    this.#isOver = isLast;
    return nonce;
  }
}
