import { StrongroomError } from '../../errors.ts';
import type { Checkpoint } from '../../merkle/checkpoint.ts';
import { type LogKeys, originOfNote, verifyCheckpoint } from '../../merkle/verify-checkpoint.ts';

/** What is wrong with an export or a proof. */
export type AuditFault =
  | 'not_an_export'
  | 'not_a_proof'
  | 'line_unreadable'
  | 'line_malformed'
  | 'line_misplaced'
  | 'line_after_end'
  | 'truncated'
  | 'entry_of_another_log'
  | 'entry_out_of_place'
  | 'entry_changed'
  | 'hidden_misplaced'
  | 'tile_changed'
  | 'root_mismatch'
  | 'checkpoint_invalid'
  | 'checkpoint_mismatch'
  | 'checkpoint_unverifiable'
  | 'cut'
  | 'forked'
  | 'not_comparable'
  | 'not_included';

/** A verification that failed. */
export interface FailedVerification {
  readonly ok: false;
  /** `audit_unverifiable` if what was given can't tell; else `audit_tampered`. */
  readonly code: 'audit_tampered' | 'audit_unverifiable';
  readonly reason: AuditFault;
  /** The reason as a sentence: public, lower-case, no full stop. */
  readonly message: string;
  /** The first index that is bad, where one can be named. */
  readonly badIndex?: number;
  /** The line of the file at which that was found, from 1. */
  readonly line?: number;
}

/** Where a fault was found. */
export interface FaultPlace {
  readonly badIndex?: number;
  readonly line?: number;
}

const MESSAGES: Readonly<Record<AuditFault, string>> = {
  not_an_export: 'the file does not begin as an audit export',
  not_a_proof: 'the file is not an audit proof',
  line_unreadable: 'the file is not UTF-8 text of whole lines',
  line_malformed: 'a line is not canonical JSON of a known form',
  line_misplaced: 'a line stands where one of another kind belongs',
  line_after_end: 'something follows the checkpoint',
  truncated: 'the file ends before its checkpoint',
  entry_of_another_log: 'an entry belongs to another log',
  entry_out_of_place: 'an entry does not carry the index at which it stands',
  entry_changed: 'an entry is not the one whose hash is under the checkpoint',
  hidden_misplaced: 'a hidden subtree does not belong where it stands',
  tile_changed: 'a tile line was altered; the entries are those under the checkpoint',
  root_mismatch: 'the hashes do not give the signed root: they or the checkpoint were altered',
  checkpoint_invalid: 'a checkpoint is malformed or a signature does not verify',
  checkpoint_mismatch: 'a checkpoint is of another log or size',
  checkpoint_unverifiable: 'a checkpoint is not signed by a known key',
  cut: 'the export ends before the checkpoint that was given',
  forked: 'the log is not the one of the checkpoint that was given',
  not_comparable: 'the export hides the place where the checkpoint that was given ends',
  not_included: 'the proof does not show the entry under the checkpoint',
};

const UNVERIFIABLE: readonly AuditFault[] = ['checkpoint_unverifiable', 'not_comparable'];

/** The report of a fault. */
export function failed(reason: AuditFault, place: FaultPlace = {}): FailedVerification {
  const code = UNVERIFIABLE.includes(reason) ? 'audit_unverifiable' : 'audit_tampered';
  return { ok: false, code, reason, message: MESSAGES[reason], ...place };
}

/** Verifies a checkpoint of a log, giving the fault instead of throwing it. */
export function checkpointOrFault(note: string, log: LogKeys): Checkpoint | AuditFault {
  const origin = originOfNote(note);
  if (origin !== undefined && origin !== log.origin) return 'checkpoint_mismatch';
  try {
    return verifyCheckpoint(note, log);
  } catch (error) {
    if (!(error instanceof StrongroomError)) throw error;
    if (error.code === 'audit_unverifiable') return 'checkpoint_unverifiable';
    if (error.code === 'audit_tampered') return 'checkpoint_invalid';
    throw error;
  }
}
