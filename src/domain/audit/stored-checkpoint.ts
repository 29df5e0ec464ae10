import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import { equalBytes } from '../../lib/compare.ts';
import type { Checkpoint } from '../../merkle/checkpoint.ts';
import { type LogKeys, verifyCheckpoint } from '../../merkle/verify-checkpoint.ts';
import type { AuditCheckpointRow } from '../../store/tables.ts';

/**
 * Verifies a checkpoint that the log itself stored: its signatures, and that
 * the row's columns say the same.
 *
 * @returns What was signed.
 * @throws {@link StrongroomError} `audit_tampered` for whatever is wrong with it: the log knows its
 * own keys, so that no checkpoint of its own is unverifiable.
 */
export function openStoredCheckpoint(row: AuditCheckpointRow, keys: LogKeys): Checkpoint {
  let cause: unknown;
  try {
    const checkpoint = verifyCheckpoint(row.note, keys);
    if (checkpoint.size === row.size && equalBytes(checkpoint.root, row.root)) return checkpoint;
  } catch (error) {
    if (!(error instanceof StrongroomError)) throw error;
    cause = error;
  }
  throw new StrongroomError('audit_tampered', 'the stored checkpoint was altered', {
    details: { origin: keys.origin, size: row.size },
    hint: DAMAGED_HINT,
    cause,
  });
}
