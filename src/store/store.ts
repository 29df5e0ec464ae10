import type { Statement } from './statement.ts';
import type { CountedTable } from './protected-tables.ts';
import type { ProtectedColumns } from './tables.ts';

/** One counted row that a transaction put in, took out, or (both) changed. */
export interface RowChange {
  readonly table: CountedTable;
  readonly added?: ProtectedColumns | undefined;
  readonly removed?: ProtectedColumns | undefined;
}

/**
 * Runs statements inside one transaction. Asynchronous on every database,
 * though SQLite answers at once.
 */
export interface Transaction {
  /** The first row, or `undefined`. */
  get<P extends object, R>(statement: Statement<P, R>, parameters: P): Promise<R | undefined>;
  /** All rows. */
  all<P extends object, R>(statement: Statement<P, R>, parameters: P): Promise<R[]>;
  /** Runs a change; resolves to the number of rows it changed. */
  run<P extends object, R>(statement: Statement<P, R>, parameters: P): Promise<number>;
  /** Runs one change for each set of parameters, in order. */
  runMany<P extends object, R>(statement: Statement<P, R>, many: readonly P[]): Promise<void>;
  /** Runs `work` so that its changes, and only those, are undone if it throws. */
  savepoint<T>(work: () => Promise<T>): Promise<T>;
  /**
   * The counted rows that were changed in this transaction so far, in order;
   * what a savepoint undoes is taken off its end. Each stands for one step of the epoch.
   */
  readonly changes: RowChange[];
}

/** A database that holds one vault. Its failures are {@link StrongroomError}s with storage codes. */
export interface Store {
  /**
   * Runs `work` in one transaction. When it resolves, everything in it is durable.
   *
   * @throws `storage_full` or `read_only` if nothing was kept; `outcome_unknown` if that can't be known.
   */
  write<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
  /** Runs `work` on a consistent snapshot beside the writer. */
  read<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
  /** Size of the database in bytes. */
  size(): Promise<number>;
  /** Looks for damage in the database's own structure; resolves to what was found, empty if nothing. */
  check(): Promise<readonly string[]>;
  /**
   * Copies the database, as it is now, into a new file that only the user can
   * read. The file is there whole or not at all.
   *
   * @throws `storage_full`, `read_only`.
   */
  copy(path: string): Promise<void>;
  /**
   * Leaves nothing of what was overwritten in the files beside the database,
   * once nobody reads a state of before.
   *
   * @returns Whether it was done; if not, it is to be tried again.
   */
  scrub(): Promise<boolean>;
  /** Drops every connection and opens new ones, after a failure that left their state unknown. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}
