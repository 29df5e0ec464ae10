import type { KeyObject } from 'node:crypto';
import { sign, verify } from '../crypto/signature.ts';
import { concat, u64, utf8 } from '../lib/bytes.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import type { VerifierKey } from './verifier-key.ts';

const LABEL = 'subtree/v1\n\0';
const TIMESTAMP_BYTES = 8;
const NAME_BYTES_MAX = 255;

/** What an ML-DSA-44 cosignature states. */
export interface CosignedStatement {
  /** Name of the key that signs: of a log its origin. */
  readonly cosigner: string;
  /** Seconds since 1970, 8 bytes, big-endian; 0 says nothing of the time. */
  readonly timestamp: Uint8Array;
  readonly checkpoint: Checkpoint;
}

/**
 * What is signed for a whole tree: the `cosigned_message` of C2SP
 * tlog-cosignature, with start 0 and end at the checkpoint's size.
 *
 * @returns The message, or `undefined` if a name has more than 255 bytes and so has none.
 */
export function cosignedMessage(statement: CosignedStatement): Uint8Array | undefined {
  const { origin, size, root } = statement.checkpoint;
  const cosigner = shortText(statement.cosigner);
  const logOrigin = shortText(origin);
  if (cosigner === undefined || logOrigin === undefined) return undefined;
  return concat([utf8(LABEL), cosigner, statement.timestamp, logOrigin, u64(0), u64(size), root]);
}

/**
 * Signs a checkpoint as its log does: with timestamp 0, as the log makes no
 * statement of the time.
 *
 * @param text - The checkpoint's text.
 * @param cosigner - Name of the key.
 * @param privateKey - A key of ML-DSA-44.
 * @returns The `timestamped_signature`: timestamp and signature, 2,428 bytes.
 * @throws RangeError if the text is no checkpoint, or a name is longer than 255 bytes.
 */
export function signCosignature(text: string, cosigner: string, privateKey: KeyObject): Uint8Array {
  const checkpoint = readCheckpoint(text);
  const timestamp = u64(0);
  const message = checkpoint && cosignedMessage({ cosigner, timestamp, checkpoint });
  if (message === undefined) throw new RangeError('not a text that a cosignature can be of');
  return concat([timestamp, sign(privateKey, message)]);
}

/**
 * Verifies a cosignature of a checkpoint, whatever its timestamp.
 *
 * @param text - The checkpoint's text.
 * @param key - A key of ML-DSA-44.
 * @param signature - Timestamp and signature.
 * @returns `false` for a wrong signature, malformed input, and a text that is no checkpoint.
 */
export function verifyCosignature(text: string, key: VerifierKey, signature: Uint8Array): boolean {
  const checkpoint = readCheckpoint(text);
  const timestamp = signature.subarray(0, TIMESTAMP_BYTES);
  // A timestamp is at most 2^63 − 1.
  if (checkpoint === undefined || (timestamp[0] ?? 0xff) > 0x7f) return false;
  const message = cosignedMessage({ cosigner: key.name, timestamp, checkpoint });
  if (message === undefined) return false;
  return verify(key.algorithm, key.publicKey, message, signature.subarray(TIMESTAMP_BYTES));
}

/** A text of 1 to 255 bytes after its length, or `undefined`. */
function shortText(text: string): Uint8Array | undefined {
  const bytes = utf8(text);
  if (bytes.length === 0 || bytes.length > NAME_BYTES_MAX) return undefined;
  return concat([Uint8Array.of(bytes.length), bytes]);
}
