import { createSecretKey, type KeyObject } from 'node:crypto';
import { StrongroomError } from '../errors.ts';
import { concat, tuple, wipe, writeInt64, writeUuid } from '../lib/bytes.ts';
import { uuidText } from '../lib/ids.ts';
import { KEY_BYTES, NONCE_BYTES, TAG_BYTES, decrypt, decryptionFailed, encrypt } from './aead.ts';
import { equalBytes } from '../lib/compare.ts';
import { hkdfSha512 } from './hkdf.ts';
import { randomBytes } from './random.ts';

/** What an envelope holds. */
export type EnvelopeDomain =
  'value' | 'metadata' | 'layout' | 'idempotency' | 'personal' | 'factor' | 'method';

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
  /** The secret, the environment or the row, by domain. */
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

/** An envelope with the key that decrypts it. */
export interface UnlockedEnvelope {
  readonly envelope: Uint8Array;
  readonly key: KeyObject;
  readonly additionalData: Uint8Array;
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
const COMMITMENT_BYTES = 32;

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
  const envelope = new Uint8Array(LENGTH_MIN + plaintext.length);
  envelope.set(HEADER);
  writeUuid(envelope, KEY_ID_AT, wrapping.id);
  envelope.set(randomBytes(SALT_BYTES), SALT_AT);
  envelope.set(randomBytes(NONCE_BYTES), NONCE_AT);
  const bound = bind(context);
  const dataKey = randomBytes(KEY_BYTES);
  try {
    const keys = deriveKeys(dataKey, envelope);
    try {
      envelope.set(keys.subarray(KEY_BYTES), COMMITMENT_AT);
      const nonce = envelope.subarray(NONCE_AT, CIPHERTEXT_AT);
      const sealed = encrypt(keys.subarray(0, KEY_BYTES), nonce, plaintext, bound.value);
      envelope.set(sealed, CIPHERTEXT_AT);
    } finally {
      wipe(keys);
    }
    wrapDataKey(envelope, wrapping.key, dataKey, bound);
  } finally {
    wipe(dataKey);
  }
  return envelope;
}

/** Writes the wrapped data key, under a new nonce, into an envelope that names its workspace key. */
function wrapDataKey(
  envelope: Uint8Array,
  key: KeyObject,
  dataKey: Uint8Array,
  bound: BoundContext,
): void {
  envelope.set(randomBytes(NONCE_BYTES), WRAP_NONCE_AT);
  const nonce = envelope.subarray(WRAP_NONCE_AT, WRAPPED_AT);
  envelope.set(encrypt(key, nonce, dataKey, wrapData(bound, envelope)), WRAPPED_AT);
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
  return withKey(envelope, context, keyById, (key, additionalData) =>
    decryptBody(envelope, key, additionalData),
  );
}

/**
 * Unwraps an envelope's data key and holds it against the commitment, so that
 * the envelope can be decrypted again and again at the cost of the last step.
 *
 * @throws {@link StrongroomError} `decryption_failed`.
 */
export function unlockEnvelope(
  envelope: Uint8Array,
  context: EnvelopeContext,
  keyById: (id: string) => KeyObject,
): UnlockedEnvelope {
  return withKey(envelope, context, keyById, (key, additionalData) => ({
    envelope,
    key: createSecretKey(key),
    additionalData: new Uint8Array(additionalData),
  }));
}

/**
 * Decrypts an unlocked envelope.
 *
 * @returns The plaintext; the caller wipes it.
 * @throws {@link StrongroomError} `decryption_failed`.
 */
export function openUnlocked({ envelope, key, additionalData }: UnlockedEnvelope): Uint8Array {
  return decryptBody(envelope, key, additionalData);
}

/**
 * Wraps an envelope's data key under another workspace key. Salt, commitment,
 * nonce and ciphertext stay the same bytes, so whatever holds the commitment
 * still holds.
 *
 * @param context - Where the envelope was found.
 * @param keyById - As for {@link openEnvelope}.
 * @param wrapping - The active workspace key. The caller counts one more use of it.
 * @returns A new envelope; the one that was given stays as it is.
 * @throws {@link StrongroomError} `decryption_failed`.
 * @throws RangeError as {@link sealEnvelope}.
 */
export function rewrapEnvelope(
  envelope: Uint8Array,
  context: EnvelopeContext,
  keyById: (id: string) => KeyObject,
  wrapping: WrappingKey,
): Uint8Array {
  return withDataKey(envelope, context, keyById, (dataKey, _keys, bound) => {
    const rewrapped = new Uint8Array(envelope);
    writeUuid(rewrapped, KEY_ID_AT, wrapping.id);
    wrapDataKey(rewrapped, wrapping.key, dataKey, bound);
    return rewrapped;
  });
}

/** Runs `use` with the encryption key of an envelope, which is wiped afterwards. */
function withKey<T>(
  envelope: Uint8Array,
  context: EnvelopeContext,
  keyById: (id: string) => KeyObject,
  use: (key: Uint8Array, additionalData: Uint8Array) => T,
): T {
  return withDataKey(envelope, context, keyById, (_dataKey, keys, bound) =>
    use(keys.subarray(0, KEY_BYTES), bound.value),
  );
}

/** Runs `use` with the data key of an envelope and what is derived from it; both are wiped afterwards. */
function withDataKey<T>(
  envelope: Uint8Array,
  context: EnvelopeContext,
  keyById: (id: string) => KeyObject,
  use: (dataKey: Uint8Array, keys: Uint8Array, bound: BoundContext) => T,
): T {
  const wrappingKey = findKey(envelopeKeyId(envelope), keyById);
  const bound = bind(context);
  const wrapNonce = envelope.subarray(WRAP_NONCE_AT, WRAPPED_AT);
  const wrapped = envelope.subarray(WRAPPED_AT, SALT_AT);
  const dataKey = decrypt(wrappingKey, wrapNonce, wrapped, wrapData(bound, envelope));
  try {
    const keys = deriveKeys(dataKey, envelope);
    try {
      // Before anything is decrypted: GCM alone lets one ciphertext open under two keys.
      const commitment = keys.subarray(KEY_BYTES);
      if (!equalBytes(commitment, envelopeCommitment(envelope))) throw decryptionFailed();
      return use(dataKey, keys, bound);
    } finally {
      wipe(keys);
    }
  } finally {
    wipe(dataKey);
  }
}

function decryptBody(
  envelope: Uint8Array,
  key: Uint8Array | KeyObject,
  additionalData: Uint8Array,
): Uint8Array {
  const nonce = envelope.subarray(NONCE_AT, CIPHERTEXT_AT);
  return decrypt(key, nonce, envelope.subarray(CIPHERTEXT_AT), additionalData);
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
  for (let i = 0; i < 16; i += 1) {
    if (envelope[KEY_ID_AT + i] !== lastKeyId.bytes[i]) {
      // A Buffer's slice would be a view of memory that may have another id by the next call.
      const bytes = new Uint8Array(envelope.subarray(KEY_ID_AT, WRAP_NONCE_AT));
      lastKeyId = { bytes, text: uuidText(bytes) };
      break;
    }
  }
  return lastKeyId.text;
}

/** What was asked for last: one key wraps nearly all that is opened in a row. */
let lastKeyId: { readonly bytes: Uint8Array; readonly text: string } = {
  bytes: new Uint8Array(0),
  text: '',
};

/**
 * The commitment to the data key: what row MACs and audit entries hold in
 * place of an envelope, so that a re-wrap changes neither.
 *
 * @param envelope - As stored; nothing in it is checked here.
 * @returns A view of its 32 bytes; shorter if the envelope is too short to be one.
 */
export function envelopeCommitment(envelope: Uint8Array): Uint8Array {
  return envelope.subarray(COMMITMENT_AT, NONCE_AT);
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

/** k_enc ‖ k_commit: both halves of the one block that HKDF-SHA-512 expands to. */
function deriveKeys(dataKey: Uint8Array, envelope: Uint8Array): Uint8Array {
  const salt = envelope.subarray(SALT_AT, COMMITMENT_AT);
  return hkdfSha512(dataKey, salt, 'strongroom/v1/envelope-keys', KEY_BYTES + COMMITMENT_BYTES);
}

/** The two additional data. They differ in the label, and in the key id that ends the wrap's. */
interface BoundContext {
  readonly value: Uint8Array;
  readonly wrap: Uint8Array;
  /** The memory of both, the value's first. */
  readonly both: Uint8Array;
}

const VALUE_LABEL = tuple(['strongroom/v1/envelope']);
const WRAP_LABEL = tuple(['strongroom/v1/wrap']);
const KEY_ID_PART = tuple([new Uint8Array(16)]);
/** In the value's, from the end: the number, and four ids, each behind its length of 4 bytes. */
const NUMBER_FROM_END = 8;
const IDS_FROM_END = NUMBER_FROM_END + 4 + 4 * (4 + 16) - 4;

/**
 * Both with every length in place. Ids and number are written anew for each
 * use, which spares two allocations: whatever is bound is used up before the next.
 */
const BOUND: Readonly<Record<EnvelopeDomain, BoundContext>> = {
  value: template('value'),
  metadata: template('metadata'),
  layout: template('layout'),
  idempotency: template('idempotency'),
  personal: template('personal'),
  factor: template('factor'),
  method: template('method'),
};

function template(domain: EnvelopeDomain): BoundContext {
  const id = new Uint8Array(16);
  const place = tuple([domain, Uint8Array.of(1), id, id, id, id, new Uint8Array(8)]);
  const both = concat([VALUE_LABEL, place, WRAP_LABEL, place, KEY_ID_PART]);
  const wrapAt = VALUE_LABEL.length + place.length;
  return { value: both.subarray(0, wrapAt), wrap: both.subarray(wrapAt), both };
}

function bind(context: EnvelopeContext): BoundContext {
  const { number } = context;
  if (!Number.isSafeInteger(number) || number < 0) {
    throw new RangeError('a whole number of at least 0 was expected');
  }
  const bound = BOUND[context.domain];
  const { value, both } = bound;
  const ids = value.length - IDS_FROM_END;
  writeUuid(value, ids, context.vaultId);
  writeUuid(value, ids + 20, context.workspaceId);
  writeUuid(value, ids + 40, context.environmentId);
  writeUuid(value, ids + 60, context.subjectId);
  writeInt64(value, value.length - NUMBER_FROM_END, number);
  both.copyWithin(value.length + WRAP_LABEL.length, VALUE_LABEL.length, value.length);
  return bound;
}

function wrapData(bound: BoundContext, envelope: Uint8Array): Uint8Array {
  const { wrap } = bound;
  wrap.set(envelope.subarray(KEY_ID_AT, WRAP_NONCE_AT), wrap.length - 16);
  return wrap;
}
