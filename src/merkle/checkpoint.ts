import type { SignatureAlgorithm } from '../crypto/signature.ts';
import { StrongroomError } from '../errors.ts';
import { fromBase64, toBase64 } from '../lib/base64.ts';
import { HASH_BYTES } from './hash.ts';
import { isKeyName, parseNote, type VerifierKey, verifyNote } from './note.ts';

/** A statement of a whole log's state. */
export interface Checkpoint {
  /** Names the log, such as `strongroom/<log id>`. */
  readonly origin: string;
  /** Number of entries. */
  readonly size: number;
  /** Root hash of the tree over them, 32 bytes. */
  readonly root: Uint8Array;
}

const REQUIRED: readonly SignatureAlgorithm[] = ['ed25519', 'ml-dsa-44'];

/**
 * The text of a checkpoint (C2SP tlog-checkpoint): origin, size and root, a line each.
 *
 * @throws RangeError if the origin, the size or the root won't do.
 */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  if (!isKeyName(origin) || !Number.isSafeInteger(size) || size < 0 || root.length !== HASH_BYTES) {
    throw new RangeError('not the parts of a checkpoint');
  }
  return `${origin}\n${String(size)}\n${toBase64(root)}\n`;
}

/**
 * Reads the text of a checkpoint: exactly three lines, and no other way to
 * write the same is accepted. It verifies nothing.
 *
 * @throws {@link StrongroomError} `audit_tampered` if it is not of that form.
 */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split('\n');
  const [origin = '', size = '', encodedRoot = ''] = lines;
  const root = fromBase64(encodedRoot);
  const isThreeLines = lines.length === 4 && lines[3] === '';
  const isSize = /^(?:0|[1-9][0-9]{0,15})$/.test(size) && Number.isSafeInteger(Number(size));
  if (!isThreeLines || !isKeyName(origin) || !isSize || root?.length !== HASH_BYTES) {
    throw new StrongroomError('audit_tampered', 'the note is not of the form of a checkpoint');
  }
  return { origin, size: Number(size), root };
}

/**
 * Verifies a signed checkpoint: an Ed25519 and an ML-DSA-44 signature, both by
 * known keys named as its origin. Signatures of other keys, such as a
 * witness's, are passed over.
 *
 * @param note - The signed note.
 * @param verifierKeys - The keys that are trusted; those of other logs don't matter.
 * @returns What was signed.
 * @throws {@link StrongroomError} `audit_tampered` if the note is malformed, a signature does not
 * verify or is missing; `audit_unverifiable` if a key is not among the known ones.
 */
export function verifyCheckpoint(note: string, verifierKeys: readonly VerifierKey[]): Checkpoint {
  const parsed = parseNote(note);
  const checkpoint = parseCheckpoint(parsed.text);
  const { origin } = checkpoint;
  const keys = verifierKeys.filter((key) => key.name === origin);
  const signedBy = verifyNote(parsed, keys);
  const isSignedByOthers = parsed.signatures.length > signedBy.length;
  for (const algorithm of REQUIRED) {
    if (signedBy.some((key) => key.algorithm === algorithm)) continue;
    const isKnown = keys.some((key) => key.algorithm === algorithm);
    if (isKnown && !isSignedByOthers) {
      throw new StrongroomError('audit_tampered', 'the checkpoint lacks a signature', {
        details: { origin, algorithm },
      });
    }
    throw new StrongroomError('audit_unverifiable', 'the checkpoint is not signed by a known key', {
      details: { origin, algorithm },
      hint: 'give the verifier key file of this log',
    });
  }
  return checkpoint;
}
