import { closeSync, fsyncSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { DAMAGED_HINT, StrongroomError } from '../errors.ts';
import { Mutex } from '../lib/mutex.ts';
import { translateFileError } from './file-errors.ts';
import { createPrivateFile, syncDirectory } from './private-files.ts';
import {
  APPLICATION_ID,
  SqliteConnection,
  type SqliteConnectionOptions,
} from './sqlite-connection.ts';
import { translateSqliteError } from './sqlite-errors.ts';
import type { RowChange, Store, Transaction } from './store.ts';

const READERS_MAX = 4;

// The header of a database file (sqlite.org/fileformat.html, 1.3).
const HEADER_BYTES = 100;
const APPLICATION_ID_AT = 68;

/** Options of {@link openSqlite}. */
export interface SqliteOptions extends SqliteConnectionOptions {
  /** Makes the database file if it is not there; otherwise a missing file is `vault_not_found`. */
  readonly create?: boolean;
}

/**
 * Opens the SQLite database of a vault. The caller holds the vault's lock.
 *
 * @param directory - The vault's directory, which holds `vault.db`.
 * @throws {@link StrongroomError} `vault_not_found`, `not_a_vault`, `database_corrupt`, `read_only`.
 */
export function openSqlite(directory: string, options: SqliteOptions = {}): Store {
  const path = join(directory, 'vault.db');
  if (options.create === true) {
    createPrivateFile(path);
  } else if (statSync(path, { throwIfNoEntry: false }) === undefined) {
    throw new StrongroomError('vault_not_found', `there is no vault in ${directory}`, {
      hint: 'make one with `strongroom init`',
    });
  } else {
    requireVaultFile(path);
  }
  return new SqliteStore(path, options);
}

class SqliteStore implements Store {
  readonly #path: string;
  readonly #options: SqliteOptions;
  readonly #writing = new Mutex();
  /** Which file was opened. Its name may come to stand for another one, or for none. */
  readonly #identity: string | undefined;
  #writer: SqliteConnection;
  #idleReaders: SqliteConnection[] = [];
  /** Those of the present opening, idle or in use. One of an earlier opening is closed when it comes back. */
  #readers: Set<SqliteConnection> = new Set();
  #waiting: (() => void)[] = [];

  constructor(path: string, options: SqliteOptions) {
    this.#path = path;
    this.#options = options;
    this.#writer = this.#openWriter();
    this.#identity = identityOf(path);
  }

  write<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.#writing.run(() => this.#transact(work));
  }

  async read<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const reader = await this.#takeReader();
    try {
      reader.exec('BEGIN');
      try {
        return await work(transactionOn(reader));
      } finally {
        if (reader.isTransaction) reader.exec('ROLLBACK');
      }
    } catch (error) {
      throw translateSqliteError(error);
    } finally {
      this.#returnReader(reader);
    }
  }

  async size(): Promise<number> {
    const pages = Number(this.#writer.scalar('PRAGMA page_count'));
    const wal = statSync(`${this.#path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    return pages * Number(this.#writer.scalar('PRAGMA page_size')) + wal;
  }

  async check(): Promise<readonly string[]> {
    const found = this.#writer.column('PRAGMA integrity_check(100)');
    return found.length === 1 && found[0] === 'ok' ? [] : found;
  }

  copy(path: string): Promise<void> {
    return this.#writing.run(async () => {
      const partial = `${path}.partial`;
      rmSync(partial, { force: true });
      try {
        createPrivateFile(partial);
        await this.#writer.copy(partial);
        syncFile(partial);
        renameSync(partial, path);
        syncDirectory(dirname(path));
      } catch (error) {
        rmSync(partial, { force: true });
        throw translateFileError(translateSqliteError(error));
      }
    });
  }

  scrub(): Promise<boolean> {
    return this.#writing.run(async () => {
      try {
        // 0: all of the log is in the database, and the log is empty (sqlite.org/pragma.html#pragma_wal_checkpoint).
        return this.#writer.scalar('PRAGMA wal_checkpoint(TRUNCATE)') === 0;
      } catch (error) {
        throw translateSqliteError(error);
      }
    });
  }

  reopen(): Promise<void> {
    return this.#writing.run(async () => {
      this.#closeAll();
      if (identityOf(this.#path) !== this.#identity) throw displaced('storage_failed');
      this.#writer = this.#openWriter();
    });
  }

  close(): Promise<void> {
    return this.#writing.run(async () => this.#closeAll());
  }

  async #transact<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const writer = this.#writer;
    let committing = false;
    try {
      writer.exec('BEGIN IMMEDIATE');
      const result = await work(transactionOn(writer));
      committing = true;
      writer.exec('COMMIT');
      if (identityOf(this.#path) !== this.#identity) throw displaced('outcome_unknown');
      return result;
    } catch (error) {
      rollback(writer);
      throw translateSqliteError(error, committing);
    } finally {
      if (writer.takeNewSchema()) this.#closeReaders();
    }
  }

  #openWriter(): SqliteConnection {
    const writer = new SqliteConnection(this.#path, this.#options);
    try {
      claimFile(writer, this.#options.create === true);
    } catch (error) {
      writer.close();
      throw translateSqliteError(error);
    }
    return writer;
  }

  async #takeReader(): Promise<SqliteConnection> {
    const idle = this.#idleReaders.pop();
    if (idle !== undefined) return idle;
    if (this.#readers.size >= READERS_MAX) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      return this.#takeReader();
    }
    try {
      const reader = new SqliteConnection(this.#path, { queryOnly: true });
      this.#readers.add(reader);
      return reader;
    } catch (error) {
      this.#waiting.shift()?.();
      throw error;
    }
  }

  #returnReader(reader: SqliteConnection): void {
    if (this.#readers.has(reader)) this.#idleReaders.push(reader);
    else reader.close();
    this.#waiting.shift()?.();
  }

  #closeAll(): void {
    this.#closeReaders();
    this.#writer.close();
  }

  /** What they prepared is of the past; those in use are closed when they come back. */
  #closeReaders(): void {
    const idle = this.#idleReaders;
    this.#idleReaders = [];
    this.#readers = new Set();
    for (const reader of idle) reader.close();
  }
}

function syncFile(path: string): void {
  const file = openSync(path, 'r+');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Refuses a file that is not a vault, or not for us to write, before SQLite
 * opens it: that would change its journal mode, or leave side files behind that
 * cannot be written either. No connection may be open: closing the file drops its locks.
 */
function requireVaultFile(path: string): void {
  const header = new DataView(new ArrayBuffer(HEADER_BYTES));
  let read: number;
  try {
    const file = openSync(path, 'r+');
    try {
      read = readSync(file, header, 0, HEADER_BYTES, 0);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw translateFileError(error);
  }
  if (read === HEADER_BYTES && header.getInt32(APPLICATION_ID_AT) === APPLICATION_ID) return;
  throw notAVault();
}

function notAVault(): StrongroomError {
  return new StrongroomError(
    'not_a_vault',
    'the file belongs to another program, or its first page is damaged',
    { hint: `check the path; if it was a vault, ${DAMAGED_HINT}` },
  );
}

/** What tells one file from another, whatever their names; `undefined` if there is none. */
function identityOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? undefined : `${stat.dev}:${stat.ino}`;
}

function displaced(code: 'storage_failed' | 'outcome_unknown'): StrongroomError {
  return new StrongroomError(
    code,
    'the vault was moved, replaced or removed while it was open; what was written is not where it is looked for',
    { hint: 'close it, and open the vault that is meant' },
  );
}

/** Ends a failed transaction, if the failure has not ended it already. */
function rollback(connection: SqliteConnection): void {
  try {
    if (connection.isTransaction) connection.exec('ROLLBACK');
  } catch {
    // A connection that cannot roll back is reopened before it is used again.
  }
}

/** A new file is marked as ours; a file that some other program made is refused. */
function claimFile(connection: SqliteConnection, create: boolean): void {
  const id = connection.scalar('PRAGMA application_id');
  if (id === APPLICATION_ID) return;
  const empty = connection.scalar('SELECT count(*) FROM sqlite_schema') === 0;
  if (!create || !empty) {
    throw notAVault();
  }
  connection.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
}

/** A severe error ends a transaction by itself; what is written after that would be kept on its own. */
function requireTransaction(connection: SqliteConnection): void {
  if (connection.isTransaction) return;
  throw new StrongroomError('storage_failed', 'the database ended the transaction', {
    hint: 'check the disk, then run `strongroom health`',
  });
}

function transactionOn(connection: SqliteConnection): Transaction {
  const changes: RowChange[] = [];
  return {
    changes,
    get: async (statement, parameters) => connection.get(statement, parameters),
    all: async (statement, parameters) => connection.all(statement, parameters),
    run: async (statement, parameters) => {
      requireTransaction(connection);
      return connection.run(statement, parameters);
    },
    runMany: async (statement, many) => {
      requireTransaction(connection);
      for (const parameters of many) connection.run(statement, parameters);
    },
    savepoint: async (work) => {
      requireTransaction(connection);
      connection.exec('SAVEPOINT item');
      const before = changes.length;
      try {
        const result = await work();
        connection.exec('RELEASE item');
        return result;
      } catch (error) {
        // A full disk or a failed read may have ended the whole transaction.
        if (!connection.isTransaction) throw error;
        connection.exec('ROLLBACK TO item');
        changes.length = before;
        connection.exec('RELEASE item');
        throw error;
      }
    },
  };
}
