// Nothing of Strongroom's own is encrypted with this: the format is offered as such, and held to its published vectors.
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { StrongroomError } from '../errors.ts';
import { fromBase64Url, toBase64Url } from '../lib/base64.ts';
import { concat, u64, wipe } from '../lib/bytes.ts';
import { decryptionFailed } from './aead.ts';
import { equalBytes } from '../lib/compare.ts';
import { randomBytes } from './random.ts';

/** Options of {@link fernetEncrypt}. */
export interface FernetEncryptOptions {
  /** The time that the token carries, in milliseconds since 1970. */
  readonly nowMs: number;
  /** 16 bytes in place of random ones, for published vectors. */
  readonly testOnlyIv?: Uint8Array;
}

/** Options of {@link fernetDecrypt}. */
export interface FernetDecryptOptions {
  /** The current time in milliseconds since 1970. */
  readonly nowMs: number;
  /** How old a token may be, in seconds. Without it a token does not expire. */
  readonly ttlSeconds?: number;
}

const VERSION = 0x80;
const TIME_AT = 1;
const IV_AT = 9;
const CIPHERTEXT_AT = 25;
const IV_BYTES = 16;
const BLOCK_BYTES = 16;
const MAC_BYTES = 32;
const KEY_BYTES = 32;
const CLOCK_SKEW_SECONDS_MAX = 60;

/** A new Fernet key: 32 random bytes as padded base64url. */
export function generateFernetKey(): string {
  const bytes = randomBytes(KEY_BYTES);
  const key = toPaddedBase64Url(bytes);
  wipe(bytes);
  return key;
}

/**
 * Encrypts as a Fernet token (github.com/fernet/spec, version 0x80:
 * AES-128-CBC, then HMAC-SHA-256).
 *
 * @param key - 32 bytes as padded base64url.
 * @returns The token, padded base64url.
 * @throws {@link StrongroomError} `invalid_input` if the key is not a Fernet key.
 */
export function fernetEncrypt(
  key: string,
  plaintext: Uint8Array,
  options: FernetEncryptOptions,
): string {
  const { nowMs, testOnlyIv: iv = randomBytes(IV_BYTES) } = options;
  const keyBytes = parseKey(key);
  try {
    const cipher = createCipheriv('aes-128-cbc', keyBytes.subarray(16), iv);
    const ciphertext = concat([cipher.update(plaintext), cipher.final()]);
    const time = u64(Math.floor(nowMs / 1000));
    const signed = concat([Uint8Array.of(VERSION), time, iv, ciphertext]);
    return toPaddedBase64Url(concat([signed, macOf(keyBytes, signed)]));
  } finally {
    wipe(keyBytes);
  }
}

/**
 * Decrypts a Fernet token. The MAC is checked first, in constant time. A
 * timestamp more than 60 seconds in the future is refused, also without a
 * time to live.
 *
 * @param key - 32 bytes as padded base64url.
 * @returns The plaintext; the caller wipes it.
 * @throws {@link StrongroomError} `decryption_failed`, the same for every reason.
 * @throws {@link StrongroomError} `invalid_input` if the key is not a Fernet key.
 */
export function fernetDecrypt(
  key: string,
  token: string,
  options: FernetDecryptOptions,
): Uint8Array {
  const keyBytes = parseKey(key);
  try {
    const bytes = fromPaddedBase64Url(token);
    const macAt = (bytes?.length ?? 0) - MAC_BYTES;
    if (bytes === undefined || macAt < CIPHERTEXT_AT + BLOCK_BYTES) throw decryptionFailed();
    const signed = bytes.subarray(0, macAt);
    if (!equalBytes(macOf(keyBytes, signed), bytes.subarray(macAt))) throw decryptionFailed();
    if (bytes[0] !== VERSION || !isTimely(signed, options)) throw decryptionFailed();
    return decryptBody(keyBytes, signed);
  } finally {
    wipe(keyBytes);
  }
}

function decryptBody(keyBytes: Uint8Array, signed: Uint8Array): Uint8Array {
  const iv = signed.subarray(IV_AT, CIPHERTEXT_AT);
  const decipher = createDecipheriv('aes-128-cbc', keyBytes.subarray(16), iv);
  const head = decipher.update(signed.subarray(CIPHERTEXT_AT));
  try {
    const tail = decipher.final();
    const plaintext = concat([head, tail]);
    tail.fill(0);
    return plaintext;
  } catch {
    throw decryptionFailed();
  } finally {
    head.fill(0);
  }
}

function isTimely(signed: Uint8Array, options: FernetDecryptOptions): boolean {
  const { nowMs, ttlSeconds = Number.POSITIVE_INFINITY } = options;
  const view = new DataView(signed.buffer, signed.byteOffset, signed.length);
  const time = Number(view.getBigUint64(TIME_AT));
  const now = Math.floor(nowMs / 1000);
  return time <= now + CLOCK_SKEW_SECONDS_MAX && time + ttlSeconds >= now;
}

/** The first half of a key signs, the second encrypts. */
function macOf(keyBytes: Uint8Array, signed: Uint8Array): Uint8Array {
  return createHmac('sha256', keyBytes.subarray(0, 16)).update(signed).digest();
}

function parseKey(key: string): Uint8Array {
  const bytes = fromPaddedBase64Url(key);
  if (bytes?.length === KEY_BYTES) return bytes;
  if (bytes !== undefined) wipe(bytes);
  throw new StrongroomError('invalid_input', 'a Fernet key is 32 bytes as base64url with padding');
}

function toPaddedBase64Url(bytes: Uint8Array): string {
  const text = toBase64Url(bytes);
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}

function fromPaddedBase64Url(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  return fromBase64Url(text.replace(/={1,2}$/, ''));
}
