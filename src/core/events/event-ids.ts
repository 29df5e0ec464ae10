import { createSecretKey, type KeyObject } from 'node:crypto';

import { decrypt, encrypt, KEY_BYTES, NONCE_BYTES } from '../../crypto/aead.ts';
import { randomBytes } from '../../crypto/random.ts';
import { StrongroomError } from '../../errors.ts';
import { fromBase64Url, toBase64Url } from '../../lib/base64.ts';
import { concat, tuple, u64, wipe } from '../../lib/bytes.ts';

/** What an id is for: part of its additional data. */
const EVENT_ID = 'strongroom/v1/event-id';
const FIRST = 'e';

/**
 * Turns numbers of changes into ids, and back. A number would show how much
 * others do; so it is encrypted (AES-256-GCM, random nonce) under a key of this
 * process, with the principal as additional data. The same change has another
 * id for everybody and each time it is told, and an id is of use to the
 * principal alone that it was given to, for as long as the process has the vault.
 */
export class EventIds {
  readonly #key: KeyObject;

  constructor() {
    const bytes = randomBytes(KEY_BYTES);
    this.#key = createSecretKey(bytes);
    wipe(bytes);
  }

  /** The id of a number for a principal, 49 characters. It does not begin as a credential does. */
  encode(number: number, principalId: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const sealed = encrypt(this.#key, nonce, u64(number), dataOf(principalId));
    return FIRST + toBase64Url(concat([nonce, sealed]));
  }

  /** The number in an id, or `undefined` for one of another principal or process, or none at all. */
  decode(id: string, principalId: string): number | undefined {
    const bytes = id.startsWith(FIRST) ? fromBase64Url(id.slice(FIRST.length)) : undefined;
    if (bytes === undefined) return undefined;
    const nonce = bytes.subarray(0, NONCE_BYTES);
    try {
      const plain = decrypt(this.#key, nonce, bytes.subarray(NONCE_BYTES), dataOf(principalId));
      return Number(new DataView(plain.buffer, plain.byteOffset).getBigUint64(0));
    } catch (error) {
      if (error instanceof StrongroomError && error.code === 'decryption_failed') return undefined;
      throw error;
    }
  }
}

function dataOf(principalId: string): Uint8Array {
  return tuple([EVENT_ID, principalId]);
}
