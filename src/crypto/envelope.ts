import type { KeyObject } from 'node:crypto';
import { StrongroomError } from '../errors.ts';
import { tuple, wipe } from '../lib/bytes.ts';
import { uuidText } from '../lib/ids.ts';
import { KEY_BYTES, NONCE_BYTES, TAG_BYTES, decrypt, decryptionFailed, encrypt } from './aead.ts';
import { equalBytes } from '../lib/compare.ts';
import { hkdfSha512 } from './hkdf.ts';
import { randomBytes } from './random.ts';

/** What an envelope holds. */
export type EnvelopeDomain = 'value' | 'metadata' | 'layout' | 'idempotency';

/**
 * Where an envelope belongs. All of it is authenticated and none of it is
 * stored in the envelope, so an envelope opens in its own place only.
 */
export interface EnvelopeContext {
  readonly domain: EnvelopeDomain;
  /** UUID text, as are the other ids. */
  readonly vaultId: string;
  readonly workspaceId: string;
  readonly environmentId: string;
  /** The secret, the environment or the principal, by domain. */
  readonly subjectId: string;
  /** The version or revision; 0 for `idempotency`. */
  readonly number: number;
}

/** A workspace key. */
export interface WrappingKey {
  /** UUID text. */
  readonly id: string;
  /** A secret key of 32 bytes. */
  readonly key: KeyObject;
}

const HEADER = Uint8Array.of(0x53, 0x52, 0x45, 0, 1, 1);
const KEY_ID_AT = 6;
const WRAP_NONCE_AT = 22;
const WRAPPED_AT = 34;
const SALT_AT = 82;
const COMMITMENT_AT = 114;
const NONCE_AT = 146;
const CIPHERTEXT_AT = 158;
const LENGTH_MIN = CIPHERTEXT_AT + TAG_BYTES;
const SALT_BYTES = 32;

/**
 * Encrypts under a new data key and wraps that key (docs/spec/envelope.md,
 * format 1).
 *
 * @param wrapping - The active workspace key.
 * @param context - Where the envelope belongs.
 * @returns An envelope of 174 bytes more than the plaintext.
 * @throws RangeError if an id is not a UUID, the number is not a whole number of at least 0, or the key is not 32 bytes.
 */
export function sealEnvelope(
  wrapping: WrappingKey,
  context: EnvelopeContext,
  plaintext: Uint8Array,
): Uint8Array {
  const bound = bind(context);
  const envelope = new Uint8Array(LENGTH_MIN + plaintext.length);
  envelope.set(HEADER);
  writeUuid(envelope, KEY_ID_AT, wrapping.id);
  envelope.set(randomBytes(NONCE_BYTES), WRAP_NONCE_AT);
  envelope.set(randomBytes(SALT_BYTES), SALT_AT);
  envelope.set(randomBytes(NONCE_BYTES), NONCE_AT);
  const dataKey = randomBytes(KEY_BYTES);
  try {
    const derived = deriveKeys(dataKey, saltOf(envelope));
    try {
      envelope.set(derived.commitment, COMMITMENT_AT);
      const nonce = envelope.subarray(NONCE_AT, CIPHERTEXT_AT);
      const sealed = encrypt(derived.encryption, nonce, plaintext, bound.value);
      envelope.set(sealed, CIPHERTEXT_AT);
    } finally {
      wipe(derived.encryption);
      wipe(derived.commitment);
    }
    const nonce = envelope.subarray(WRAP_NONCE_AT, WRAPPED_AT);
    const additionalData = wrapData(bound, envelope);
    envelope.set(encrypt(wrapping.key, nonce, dataKey, additionalData), WRAPPED_AT);
  } finally {
    wipe(dataKey);
  }
  return envelope;
}

/**
 * Decrypts an envelope in the place it was sealed for.
 *
 * @param context - Where the envelope was found.
 * @param keyById - Finds the workspace key by the UUID text in the envelope. May throw: `key_not_found` becomes `decryption_failed`, anything else is passed on.
 * @returns The plaintext; the caller wipes it.
 * @throws {@link StrongroomError} `decryption_failed`, the same for every reason; nothing partial is returned.
 * @throws RangeError if the context is malformed.
 */
export function openEnvelope(
  envelope: Uint8Array,
  context: EnvelopeContext,
  keyById: (id: string) => KeyObject,
): Uint8Array {
  const bound = bind(context);
  const wrappingKey = findKey(envelopeKeyId(envelope), keyById);
  const wrapNonce = envelope.subarray(WRAP_NONCE_AT, WRAPPED_AT);
  const wrapped = envelope.subarray(WRAPPED_AT, SALT_AT);
  const dataKey = decrypt(wrappingKey, wrapNonce, wrapped, wrapData(bound, envelope));
  try {
    const derived = deriveKeys(dataKey, saltOf(envelope));
    try {
      // Before anything is decrypted: GCM alone lets one ciphertext open under two keys.
      const commitment = envelope.subarray(COMMITMENT_AT, NONCE_AT);
      if (!equalBytes(derived.commitment, commitment)) throw decryptionFailed();
      const nonce = envelope.subarray(NONCE_AT, CIPHERTEXT_AT);
      return decrypt(derived.encryption, nonce, envelope.subarray(CIPHERTEXT_AT), bound.value);
    } finally {
      wipe(derived.encryption);
      wipe(derived.commitment);
    }
  } finally {
    wipe(dataKey);
  }
}

/**
 * The id of the workspace key that an envelope names. It is not authenticated
 * until the envelope is opened.
 *
 * @returns UUID text.
 * @throws {@link StrongroomError} `decryption_failed` if the magic, the format, the algorithm or the length is not of format 1.
 */
export function envelopeKeyId(envelope: Uint8Array): string {
  if (envelope.length < LENGTH_MIN) throw decryptionFailed();
  for (let i = 0; i < HEADER.length; i += 1) {
    if (envelope[i] !== HEADER[i]) throw decryptionFailed();
  }
  return uuidText(envelope.subarray(KEY_ID_AT, WRAP_NONCE_AT));
}

function findKey(id: string, keyById: (id: string) => KeyObject): KeyObject {
  try {
    return keyById(id);
  } catch (error) {
    // Telling an unknown key from a wrong ciphertext would help whoever edits rows.
    if (error instanceof StrongroomError && error.code === 'key_not_found') {
      throw decryptionFailed(error);
    }
    throw error;
  }
}

interface DerivedKeys {
  readonly encryption: Uint8Array;
  readonly commitment: Uint8Array;
}

function deriveKeys(dataKey: Uint8Array, salt: Uint8Array): DerivedKeys {
  return {
    encryption: hkdfSha512(dataKey, salt, 'strongroom/v1/enc', KEY_BYTES),
    commitment: hkdfSha512(dataKey, salt, 'strongroom/v1/commit', KEY_BYTES),
  };
}

function saltOf(envelope: Uint8Array): Uint8Array {
  return envelope.subarray(SALT_AT, COMMITMENT_AT);
}

/**
 * Both additional data share one buffer, because that of the value stands
 * inside that of the wrap: lp("strongroom/v1/wrap") ‖ value's ‖ lp(key id).
 */
interface BoundContext {
  readonly wrap: Uint8Array;
  readonly value: Uint8Array;
}

const WRAP_LABEL_BYTES = tuple(['strongroom/v1/wrap']).length;
const KEY_ID_PART_BYTES = 4 + 16;
/** From the end: number, then four ids, each behind its length of 4 bytes, then the key id. */
const NUMBER_FROM_END = KEY_ID_PART_BYTES + 8;
const IDS_FROM_END = NUMBER_FROM_END + 4 + 4 * (4 + 16) - 4;

const TEMPLATES: Readonly<Record<EnvelopeDomain, Uint8Array>> = {
  value: template('value'),
  metadata: template('metadata'),
  layout: template('layout'),
  idempotency: template('idempotency'),
};

/** The additional data of a wrap with every length in place and zeros for ids and number. */
function template(domain: EnvelopeDomain): Uint8Array {
  const id = new Uint8Array(16);
  const algorithm = Uint8Array.of(1);
  return tuple([
    'strongroom/v1/wrap',
    'strongroom/v1/envelope',
    domain,
    algorithm,
    id,
    id,
    id,
    id,
    new Uint8Array(8),
    id,
  ]);
}

function bind(context: EnvelopeContext): BoundContext {
  const { number } = context;
  if (!Number.isSafeInteger(number) || number < 0) {
    throw new RangeError('a whole number of at least 0 was expected');
  }
  const wrap = TEMPLATES[context.domain].slice();
  const ids = wrap.length - IDS_FROM_END;
  writeUuid(wrap, ids, context.vaultId);
  writeUuid(wrap, ids + 20, context.workspaceId);
  writeUuid(wrap, ids + 40, context.environmentId);
  writeUuid(wrap, ids + 60, context.subjectId);
  writeUint64(wrap, wrap.length - NUMBER_FROM_END, number);
  return { wrap, value: wrap.subarray(WRAP_LABEL_BYTES, wrap.length - KEY_ID_PART_BYTES) };
}

function wrapData(bound: BoundContext, envelope: Uint8Array): Uint8Array {
  const { wrap } = bound;
  wrap.set(envelope.subarray(KEY_ID_AT, WRAP_NONCE_AT), wrap.length - 16);
  return wrap;
}

function writeUint64(target: Uint8Array, offset: number, value: number): void {
  let high = Math.floor(value / 0x1_0000_0000);
  let low = value % 0x1_0000_0000;
  for (let i = 3; i >= 0; i -= 1) {
    target[offset + i] = high & 0xff;
    target[offset + 4 + i] = low & 0xff;
    high >>>= 8;
    low >>>= 8;
  }
}

/** Where the 16 bytes stand in the text of a UUID. */
const UUID_DIGITS: readonly number[] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

function writeUuid(target: Uint8Array, offset: number, id: string): void {
  let wellFormed = id.length === 36;
  for (let i = 8; i <= 23; i += 5) wellFormed &&= id.charCodeAt(i) === 0x2d;
  for (let i = 0; i < 16; i += 1) {
    const at = UUID_DIGITS[i] ?? 0;
    const byte = (hexDigit(id.charCodeAt(at)) << 4) | hexDigit(id.charCodeAt(at + 1));
    wellFormed &&= byte >= 0;
    target[offset + i] = byte;
  }
  if (!wellFormed) throw new RangeError('a lower-case, hyphenated uuid was expected');
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  if (code >= 0x61 && code <= 0x66) return code - 0x57;
  return -1;
}
