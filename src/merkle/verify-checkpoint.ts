import type { SignatureAlgorithm } from '../crypto/signature.ts';
import { StrongroomError } from '../errors.ts';
import { type Checkpoint, parseCheckpoint, readCheckpoint } from './checkpoint.ts';
import { parseNote, verifyNote } from './note.ts';
import type { VerifierKey } from './verifier-key.ts';

const REQUIRED: readonly SignatureAlgorithm[] = ['ed25519', 'ml-dsa-44'];

/** The keys of one log: one of each algorithm, under its origin. From {@link logKeys}. */
export interface LogKeys {
  readonly origin: string;
  readonly keys: readonly VerifierKey[];
}

/**
 * Chooses the keys of a log.
 *
 * @param verifierKeys - Keys that are trusted; those of other names don't matter.
 * @param origin - Names the log.
 * @throws {@link StrongroomError} `invalid_input` unless there is exactly one key of each algorithm.
 */
export function logKeys(verifierKeys: readonly VerifierKey[], origin: string): LogKeys {
  const keys = verifierKeys.filter((key) => key.name === origin);
  for (const algorithm of REQUIRED) {
    const count = keys.filter((key) => key.algorithm === algorithm).length;
    if (count === 1) continue;
    throw new StrongroomError(
      'invalid_input',
      'the verifier key file needs exactly one key of each type for the log',
      {
        details: { origin, algorithm, count },
        hint: 'write it again with: strongroom audit key',
      },
    );
  }
  return { origin, keys };
}

/**
 * Verifies a log's signed checkpoint: its Ed25519 signature and its ML-DSA-44
 * cosignature. Signature lines of unknown keys, such as a witness's, are ignored.
 *
 * @param note - The signed note.
 * @param log - The log's keys; the origin has to be the log's too.
 * @returns What was signed.
 * @throws {@link StrongroomError} `audit_tampered` if the note is malformed or of another log, a
 * signature does not verify or is missing; `audit_unverifiable` if the log signed it with a key
 * that is not the known one.
 */
export function verifyCheckpoint(note: string, { origin, keys }: LogKeys): Checkpoint {
  const parsed = parseNote(note);
  const checkpoint = parseCheckpoint(parsed.text);
  if (checkpoint.origin !== origin) {
    throw new StrongroomError('audit_tampered', 'the checkpoint is of another log', {
      details: { origin: checkpoint.origin },
    });
  }
  const signedBy = verifyNote(parsed, keys);
  const missing = REQUIRED.find((algorithm) =>
    signedBy.every((key) => key.algorithm !== algorithm),
  );
  if (missing === undefined) return checkpoint;
  const details = { origin, algorithm: missing };
  const ofLog = parsed.signatures.filter((signature) => signature.name === origin);
  if (ofLog.length === signedBy.length) {
    throw new StrongroomError('audit_tampered', 'the checkpoint lacks a signature', { details });
  }
  throw new StrongroomError('audit_unverifiable', 'the checkpoint is not signed by a known key', {
    details,
    hint: 'give the verifier key file of this log',
  });
}

/** The origin that a signed checkpoint gives, unverified; `undefined` if it is malformed. */
export function originOfNote(note: string): string | undefined {
  try {
    return readCheckpoint(parseNote(note).text)?.origin;
  } catch {
    return undefined;
  }
}
