import { readFileSync } from 'node:fs';

import type { AuditLog } from '../domain/audit/audit-log.ts';
import { StrongroomError } from '../errors.ts';
import { equalBytes } from '../lib/compare.ts';
import { originOfNote, verifyCheckpoint } from '../merkle/verify-checkpoint.ts';
import { translateFileError } from '../store/file-errors.ts';
import { createPrivateDirectory, writePrivateFile } from '../store/private-files.ts';
import type { Store } from '../store/store.ts';
import { dirname } from 'node:path';

const ROLLBACK_HINT =
  'another copy of this vault may have been used on this machine with the same key: put the newest one back; or go on with --accept-rollback: earlier entries stay in the file but are no longer listed, so keep a copy of the files';

/**
 * Keeps the newest checkpoint where a copy of the vault's directory does not bring it along.
 *
 * @throws {@link StrongroomError} `storage_full`, `read_only`, `storage_failed`.
 */
export function writeOutsideCheckpoint(path: string, note: string): void {
  try {
    createPrivateDirectory(dirname(path));
    writePrivateFile(path, note);
  } catch (error) {
    throw translateFileError(error);
  }
}

/**
 * The newest checkpoint known outside the vault, or `undefined` if none is.
 *
 * @throws {@link StrongroomError} `audit_unverifiable` if there is one that cannot be read: it may
 * be what would show an older copy.
 */
export function readOutsideCheckpoint(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new StrongroomError(
      'audit_unverifiable',
      `the newest checkpoint cannot be read, so that an older copy of the vault would go unnoticed: ${path}`,
      {
        hint: 'make it readable for you; or move it away, if you know that the vault is the newest',
        cause,
      },
    );
  }
}

/**
 * Holds a vault against the newest checkpoint known outside: an older copy of
 * the database, or another history, is noticed.
 *
 * @throws {@link StrongroomError} `rollback_detected`.
 */
export async function holdAgainstOutside(store: Store, log: AuditLog, note: string): Promise<void> {
  if (originOfNote(note) !== log.origin) throw rollback(log.size, undefined);
  const checkpoint = verifyCheckpoint(note, log.keys);
  if (checkpoint.size > log.size) throw rollback(log.size, checkpoint.size);
  const root = await store.read((transaction) => log.rootAt(transaction, checkpoint.size));
  if (!equalBytes(root, checkpoint.root)) throw rollback(log.size, checkpoint.size);
}

function rollback(size: number, known: number | undefined): StrongroomError {
  return new StrongroomError(
    'rollback_detected',
    known === undefined
      ? 'the vault does not know the audit log of the newest checkpoint: it is an older copy'
      : `the vault has ${size} audit entries, but ${known} were signed: it is an older copy or was altered`,
    {
      details: { entries: size, ...(known === undefined ? {} : { signed: known }) },
      hint: ROLLBACK_HINT,
    },
  );
}
