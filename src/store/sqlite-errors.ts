import { DAMAGED_HINT, StrongroomError, type ErrorCode } from '../errors.ts';

/** Primary result codes of SQLite (sqlite.org/rescode.html). */
const FULL = 13;
const IO_ERROR = 10;
const READ_ONLY = 8;
const CANNOT_OPEN = 14;
const CORRUPT = 11;
const NOT_A_DATABASE = 26;
const BUSY = 5;
const CONSTRAINT = 19;

/** SQLite's primary result code of an error, or `undefined` if the error is not SQLite's. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode & 0xff : undefined;
}

/** Whether an error is the database's own and not about one row's constraint, which a savepoint undoes. */
export function isStoreError(error: unknown): boolean {
  const code = sqliteCode(error);
  return code !== undefined && code !== CONSTRAINT;
}

/** What a failure of storage leaves behind. */
export interface StorageFailure {
  /** Whether the database is certainly as it was before; otherwise it has to be read again. */
  readonly isClean: boolean;
  /** Whether it ends the transaction also where it comes up in the work of one item. */
  readonly endsTransaction: boolean;
}

/** The failures of storage: trying the same again at once helps none of them. */
const STORAGE_FAILURES: Readonly<Partial<Record<ErrorCode, StorageFailure>>> = {
  storage_full: { isClean: true, endsTransaction: true },
  // In an item it is about a file beside the database, unless it is SQLite that says so.
  read_only: { isClean: true, endsTransaction: false },
  storage_failed: { isClean: false, endsTransaction: true },
  outcome_unknown: { isClean: false, endsTransaction: false },
};

/** What a failure of storage leaves behind, or `undefined` for an error of another kind. */
export function storageFailure(error: unknown): StorageFailure | undefined {
  if (error instanceof StrongroomError) return STORAGE_FAILURES[error.code];
  if (!isStoreError(error)) return undefined;
  const translated = translateSqliteError(error);
  const known = translated instanceof StrongroomError && STORAGE_FAILURES[translated.code];
  return known ? { ...known, endsTransaction: true } : undefined;
}

/**
 * Translates an error of SQLite into ours; other errors come back as they are.
 *
 * @param duringCommit - An I/O error then leaves open whether the transaction was kept.
 */
export function translateSqliteError(error: unknown, duringCommit = false): unknown {
  const code = sqliteCode(error);
  if (code === undefined) return error;
  switch (code) {
    case FULL:
      return new StrongroomError(
        'storage_full',
        'no space is left for the vault; nothing was kept',
        {
          hint: 'free some space on the disk that holds the vault, then try again',
          cause: error,
        },
      );
    case READ_ONLY:
    case CANNOT_OPEN:
      return new StrongroomError(
        'read_only',
        'the vault cannot be written, and every access has to be recorded',
        {
          hint: "make the vault's directory writable for you, or copy it to where it is",
          cause: error,
        },
      );
    case CORRUPT:
      if (duringCommit) return outcomeUnknown(error);
      return new StrongroomError('database_corrupt', 'the vault file is damaged', {
        hint: DAMAGED_HINT,
        cause: error,
      });
    case NOT_A_DATABASE:
      return new StrongroomError(
        'not_a_vault',
        'the file is not a vault, or its first page is damaged',
        {
          hint: `check the path; if it was a vault, ${DAMAGED_HINT}`,
          cause: error,
        },
      );
    case BUSY:
      return new StrongroomError('vault_in_use', 'another process is using the vault', {
        cause: error,
      });
    case IO_ERROR:
    default:
      return duringCommit
        ? outcomeUnknown(error)
        : new StrongroomError('storage_failed', 'the disk or the database failed', {
            hint: 'check the disk, then run `strongroom health`',
            cause: error,
          });
  }
}

function outcomeUnknown(cause: unknown): StrongroomError {
  return new StrongroomError(
    'outcome_unknown',
    'the disk failed while the change was being kept; it may or may not be there',
    { hint: 'look before you try again, or repeat with the same idempotency key', cause },
  );
}
