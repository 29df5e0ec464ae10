import { backup, DatabaseSync, type StatementSync } from 'node:sqlite';

import { DAMAGED_HINT, StrongroomError } from '../errors.ts';
import { translateSqliteError } from './sqlite-errors.ts';
import { bind, type SqlValue, type Statement } from './statement.ts';
import { sqliteDialect } from './dialect.ts';

/** `SRM1`: marks a SQLite file as a vault of Strongroom. */
export const APPLICATION_ID = 0x53524d31;

/** The oldest SQLite without the WAL-reset defect. */
const SQLITE_VERSION_MIN: readonly [number, number, number] = [3, 51, 3];
const STATEMENTS_MAX = 256;
/** After it, a statement that was prepared before may have other columns. */
const CHANGES_SCHEMA = /^\s*(?:CREATE|ALTER|DROP)\b/i;

/**
 * In a million secrets, one is found as fast with 512 KiB as with 8 MiB. Imports take a tenth longer
 * with 1 MiB than with 2, and no less with 3. Readers pass over pages once.
 */
const CACHE_KIB = 2 * 1024;
const READER_CACHE_KIB = 512;

/** What each connection must have, set and then read back. */
const PRAGMAS: readonly (readonly [name: string, set: string, expected: string | number])[] = [
  ['journal_mode', 'WAL', 'wal'],
  ['synchronous', 'FULL', 2],
  ['foreign_keys', 'ON', 1],
  ['trusted_schema', 'OFF', 0],
  ['secure_delete', 'ON', 1],
  ['busy_timeout', '5000', 5000],
  ['cell_size_check', 'ON', 1],
];

/** Options of a {@link SqliteConnection}. */
export interface SqliteConnectionOptions {
  /** Refuses every change. */
  readonly queryOnly?: boolean;
  /**
   * Lets a fault test show that the guard matters: commits are then not durable
   * on a power cut.
   */
  readonly testOnlySynchronous?: 'NORMAL';
}

/** A statement that is ready to run. */
interface Prepared {
  readonly statement: StatementSync;
  /** What its columns are called. */
  readonly names: readonly string[];
  /** A row of nothing. Copies of it share its shape, which objects that grow member by member may not. */
  readonly empty: Readonly<Record<string, SqlValue>>;
}

/** One connection to a vault's database file, with its prepared statements. */
export class SqliteConnection {
  readonly #db: DatabaseSync;
  readonly #prepared: Map<string, Prepared> = new Map();
  #hasNewSchema = false;

  /**
   * @throws {@link StrongroomError} `unsupported_runtime`, `not_a_vault`, `database_corrupt`,
   * `read_only`, or `internal` if a pragma did not hold.
   */
  constructor(path: string, options: SqliteConnectionOptions = {}) {
    requireSqliteVersion(process.versions['sqlite'] ?? '0.0.0');
    try {
      this.#db = new DatabaseSync(path, { limits: { attach: 0 }, allowExtension: false });
    } catch (error) {
      throw translateSqliteError(error);
    }
    try {
      this.#db.enableDefensive(true);
      for (const pragma of PRAGMAS) assertPragma(this.#db, pragma);
      if (options.testOnlySynchronous !== undefined) {
        this.#db.exec(`PRAGMA synchronous = ${options.testOnlySynchronous}`);
      }
      const cacheKib = options.queryOnly === true ? READER_CACHE_KIB : CACHE_KIB;
      this.#db.exec(`PRAGMA cache_size = -${cacheKib}`);
      if (options.queryOnly === true) this.#db.exec('PRAGMA query_only = ON');
    } catch (error) {
      this.#db.close();
      throw translateSqliteError(error);
    }
  }

  /** Runs one statement that returns nothing. SQLite's own errors pass through untranslated. */
  exec(sql: string): void {
    this.#prepare(sql).statement.run();
  }

  /**
   * Whether the schema was changed here, and perhaps back, since this was last asked: what was
   * prepared meanwhile is forgotten, and other connections do not know of it.
   */
  takeNewSchema(): boolean {
    const had = this.#hasNewSchema;
    this.#hasNewSchema = false;
    if (had) this.#prepared.clear();
    return had;
  }

  /** Whether a transaction is open; a severe error may have ended it. */
  get isTransaction(): boolean {
    return this.#db.isTransaction;
  }

  get<P extends object, R>(statement: Statement<P, R>, parameters: P): R | undefined {
    const { sql, values } = resolve(statement, parameters);
    try {
      const prepared = this.#prepare(sql);
      const found = prepared.statement.get(...values);
      return found === undefined ? undefined : (rowOf(prepared, found) as R);
    } catch (error) {
      throw unreadable(error);
    }
  }

  all<P extends object, R>(statement: Statement<P, R>, parameters: P): R[] {
    const { sql, values } = resolve(statement, parameters);
    try {
      const prepared = this.#prepare(sql);
      return prepared.statement.all(...values).map((found) => rowOf(prepared, found) as R);
    } catch (error) {
      throw unreadable(error);
    }
  }

  run<P extends object, R>(statement: Statement<P, R>, parameters: P): number {
    const { sql, values } = resolve(statement, parameters);
    return Number(this.#prepare(sql).statement.run(...values).changes);
  }

  /** The single value of a pragma or of a one-column query. */
  scalar(sql: string): string | number | null {
    const row = this.#db.prepare(sql).get();
    const value = row === undefined ? null : Object.values(row)[0];
    return typeof value === 'string' || typeof value === 'number' ? value : null;
  }

  /** The first column of every row. */
  column(sql: string): string[] {
    return this.#db
      .prepare(sql)
      .all()
      .map((row) => String(Object.values(row)[0]));
  }

  /** Copies the database into a file, page by page, through SQLite's own backup. */
  async copy(path: string): Promise<void> {
    await backup(this.#db, path);
  }

  close(): void {
    this.#prepared.clear();
    if (this.#db.isOpen) this.#db.close();
  }

  #prepare(sql: string): Prepared {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const isOnce = CHANGES_SCHEMA.test(sql);
    this.#hasNewSchema ||= isOnce;
    if (isOnce || this.#prepared.size >= STATEMENTS_MAX) this.#prepared.clear();
    const prepared = this.#db.prepare(sql);
    prepared.setReturnArrays(true);
    const names = prepared.columns().map(({ name }) => name);
    const empty = Object.fromEntries(names.map((name) => [name, null]));
    const made = { statement: prepared, names, empty };
    if (!isOnce) this.#prepared.set(sql, made);
    return made;
  }
}

/**
 * A row as an object. Those that `node:sqlite` makes are tables of hashes: more than twice as
 * large, and slower to read than to find.
 */
function rowOf({ names, empty }: Prepared, found: unknown): object {
  const values = found as readonly SqlValue[];
  if (values.length !== names.length) throw new RangeError('a row has other columns than asked');
  const row = { ...empty };
  for (let at = 0; at < names.length; at += 1) row[names[at] ?? ''] = values[at] ?? null;
  return row;
}

function resolve<P extends object, R>(
  statement: Statement<P, R>,
  parameters: P,
): { sql: string; values: SqlValue[] } {
  const compiled = statement.compile(sqliteDialect);
  return { sql: compiled.sql, values: bind(compiled, parameters) };
}

/** Strongroom stores no number that JavaScript cannot hold, so one that it finds is not its own. */
function unreadable(error: unknown): unknown {
  const isTooLarge =
    error instanceof RangeError && 'code' in error && error.code === 'ERR_OUT_OF_RANGE';
  if (!isTooLarge) return error;
  return new StrongroomError('database_corrupt', 'the vault file is damaged', {
    hint: DAMAGED_HINT,
    cause: error,
  });
}

/**
 * Refuses a SQLite that can lose commits.
 *
 * @param version - Such as `3.51.3`.
 * @throws {@link StrongroomError} `unsupported_runtime`.
 */
export function requireSqliteVersion(version: string): void {
  const parts = version.split('.').map(Number);
  for (const [index, needed] of SQLITE_VERSION_MIN.entries()) {
    const have = parts[index] ?? 0;
    if (have > needed) return;
    if (have < needed) {
      throw new StrongroomError(
        'unsupported_runtime',
        `this Node brings SQLite ${version}; Strongroom needs ${SQLITE_VERSION_MIN.join('.')} or newer`,
        { hint: 'install a newer Node' },
      );
    }
  }
}

function assertPragma(
  db: DatabaseSync,
  [name, set, expected]: readonly [string, string, string | number],
): void {
  db.exec(`PRAGMA ${name} = ${set}`);
  const row = db.prepare(`PRAGMA ${name}`).get();
  const value = row === undefined ? undefined : Object.values(row)[0];
  if (value !== expected) {
    throw new StrongroomError('internal', `SQLite did not take the setting ${name} = ${set}`, {
      details: { pragma: name },
    });
  }
}
