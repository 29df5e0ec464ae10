import { fromBase64, toBase64 } from '../../lib/base64.ts';
import { utf8 } from '../../lib/bytes.ts';
import { canonicalJson, parseCanonicalJson } from '../../lib/canonical-json.ts';
import { leafHash } from '../../merkle/hash.ts';
import { verifyInclusion } from '../../merkle/proof.ts';
import { parseVerifierKeys } from '../../merkle/verifier-key.ts';
import { logKeys, originOfNote } from '../../merkle/verify-checkpoint.ts';
import { parseExportLine } from './export-lines.ts';
import { logIdOf } from './log-origin.ts';
import { checkpointOrFault, failed, type FailedVerification } from './verify-report.ts';

/** That one entry is in a log, for anyone who has the verifier keys. */
export interface EntryProof {
  /** The entry's line exactly as stored, without a newline. */
  readonly entry: string;
  /** The entry's index. */
  readonly index: number;
  /** The audit path, lowest node first. */
  readonly proof: readonly Uint8Array[];
  /** The signed checkpoint that the path leads to. */
  readonly checkpoint: string;
}

/** A proof in which nothing is wrong. */
export interface VerifiedProof {
  readonly ok: true;
  readonly origin: string;
  readonly index: number;
  /** Size under the checkpoint. */
  readonly size: number;
  /** Root hash under the checkpoint, base64. */
  readonly root: string;
}

/** What came of {@link verifyProof}. */
export type ProofReport = VerifiedProof | FailedVerification;

/** The text of a proof file: one line of canonical JSON and a newline. */
export function formatProof({ entry, index, proof, checkpoint }: EntryProof): string {
  const path = proof.map(toBase64);
  const kind = 'strongroom-audit-proof';
  return `${canonicalJson({ kind, v: 1, index, entry, proof: path, checkpoint })}\n`;
}

/**
 * Verifies a proof file, offline.
 *
 * @param file - The file's text.
 * @param verifierKeys - The text of a verifier key file.
 * @returns What was verified, or the fault. A fault is never thrown.
 * @throws {@link StrongroomError} `invalid_input` if the verifier keys can't be read, or are not
 * exactly one of each type for the checkpoint's origin.
 */
export function verifyProof(file: string, verifierKeys: string): ProofReport {
  const keys = parseVerifierKeys(verifierKeys);
  const claim = parseProof(file);
  if (claim === undefined) return failed('not_a_proof');
  const { entry, index, proof } = claim;
  const line = parseExportLine(entry);
  if (line?.kind !== 'entry') return failed('line_malformed', { badIndex: index });
  const claimedOrigin = originOfNote(claim.checkpoint);
  if (claimedOrigin === undefined) return failed('checkpoint_invalid');
  const checkpoint = checkpointOrFault(claim.checkpoint, logKeys(keys, claimedOrigin));
  if (typeof checkpoint === 'string') return failed(checkpoint);
  const { origin, size, root } = checkpoint;
  const logId = logIdOf(origin);
  if (logId === undefined || line.log !== logId) {
    return failed('entry_of_another_log', { badIndex: index });
  }
  if (line.seq !== index) return failed('entry_out_of_place', { badIndex: index });
  if (!verifyInclusion({ index, size, leafHash: leafHash(utf8(entry)), proof, root })) {
    return failed('not_included', { badIndex: index });
  }
  return { ok: true, origin, index, size, root: toBase64(root) };
}

function parseProof(file: string): EntryProof | undefined {
  if (!file.endsWith('\n')) return undefined;
  const value = parseCanonicalJson(file.slice(0, -1));
  if (typeof value !== 'object' || value === null) return undefined;
  const { entry, index, proof, checkpoint }: Partial<Record<string, unknown>> = { ...value };
  if (typeof entry !== 'string' || typeof checkpoint !== 'string') return undefined;
  if (typeof index !== 'number' || !Array.isArray(proof)) return undefined;
  const path: Uint8Array[] = [];
  for (const hash of proof) {
    const bytes = typeof hash === 'string' ? fromBase64(hash) : undefined;
    if (bytes === undefined) return undefined;
    path.push(bytes);
  }
  const claim: EntryProof = { entry, index, proof: path, checkpoint };
  // Refuses further members, another kind and another version.
  return formatProof(claim) === file ? claim : undefined;
}
