import { StrongroomError } from '../errors.ts';
import { fromBase64, toBase64 } from '../lib/base64.ts';
import { HASH_BYTES } from './hash.ts';
import { isKeyName } from './verifier-key.ts';

/** A statement of a whole log's state. */
export interface Checkpoint {
  /** Names the log, such as `strongroom/<log id>`. */
  readonly origin: string;
  /** Number of entries. */
  readonly size: number;
  /** Root hash of the tree over them, 32 bytes. */
  readonly root: Uint8Array;
}

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
 * write the same is accepted. Extension lines are refused, since an ML-DSA-44
 * cosignature does not cover them. It verifies nothing.
 *
 * @throws {@link StrongroomError} `audit_tampered` if it is not of that form.
 */
export function parseCheckpoint(text: string): Checkpoint {
  const checkpoint = readCheckpoint(text);
  if (checkpoint !== undefined) return checkpoint;
  throw new StrongroomError('audit_tampered', 'the note is not of the form of a checkpoint');
}

/** As {@link parseCheckpoint}, but gives `undefined` for a text that is no checkpoint. */
export function readCheckpoint(text: string): Checkpoint | undefined {
  const lines = text.split('\n');
  const [origin = '', size = '', encodedRoot = ''] = lines;
  const root = fromBase64(encodedRoot);
  const isThreeLines = lines.length === 4 && lines[3] === '';
  const isSize = /^(?:0|[1-9][0-9]{0,15})$/.test(size) && Number.isSafeInteger(Number(size));
  if (!isThreeLines || !isKeyName(origin) || !isSize || root?.length !== HASH_BYTES) {
    return undefined;
  }
  return { origin, size: Number(size), root };
}
