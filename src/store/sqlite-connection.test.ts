import { rmSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { temporaryDirectory } from '../testing/temporary-vault.ts';
import { SqliteConnection } from './sqlite-connection.ts';
import { sqliteCode, translateSqliteError } from './sqlite-errors.ts';
import { rawStatement, statement, type Parameters } from './statement.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory, 'vault.db');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function withConnection<T>(
  options: ConstructorParameters<typeof SqliteConnection>[1],
  work: (connection: SqliteConnection) => T,
): T {
  const connection = new SqliteConnection(path, options);
  try {
    return work(connection);
  } finally {
    connection.close();
  }
}

describe('a connection', () => {
  it.each([
    ['journal_mode', 'wal'],
    ['synchronous', 2],
    ['foreign_keys', 1],
    ['trusted_schema', 0],
    ['secure_delete', 1],
    ['busy_timeout', 5000],
    ['cell_size_check', 1],
  ])('has %s = %s, for writers and for readers', (pragma, expected) => {
    withConnection({}, (connection) => {
      // busy_timeout and others name their column differently; the value is what counts.
      expect(connection.scalar(`PRAGMA ${pragma}`)).toBe(expected);
    });
    withConnection({ queryOnly: true }, (connection) => {
      expect(connection.scalar(`PRAGMA ${pragma}`)).toBe(expected);
      expect(connection.scalar('PRAGMA query_only')).toBe(1);
    });
  });

  it('refuses a database that cannot have a write-ahead log, rather than go on without', () => {
    expect(() => new SqliteConnection(':memory:')).toThrow(
      expect.objectContaining({ code: 'internal', details: { pragma: 'journal_mode' } }),
    );
  });

  it('is less durable only where a fault test asks for it by name', () => {
    withConnection({ testOnlySynchronous: 'NORMAL' }, (connection) => {
      expect(connection.scalar('PRAGMA synchronous')).toBe(1);
    });
  });

  it('does not let a reader write', () => {
    withConnection({}, (connection) => connection.exec('CREATE TABLE a (b INTEGER) STRICT'));
    withConnection({ queryOnly: true }, (connection) => {
      expect(() => connection.run(rawStatement('INSERT INTO a VALUES (1)'), {})).toThrow();
    });
  });

  it('holds foreign keys, and types of STRICT tables', () => {
    withConnection({}, (connection) => {
      connection.exec('CREATE TABLE a (id INTEGER PRIMARY KEY) STRICT');
      connection.exec('CREATE TABLE b (a INTEGER REFERENCES a (id)) STRICT');
      expect(() => connection.exec('INSERT INTO b VALUES (1)')).toThrow(/FOREIGN KEY/);
      expect(() => connection.exec("INSERT INTO a VALUES ('text')")).toThrow();
    });
  });

  it('lets nobody edit the schema as text, and loads no extension', () => {
    withConnection({}, (connection) => {
      expect(() => connection.exec('PRAGMA writable_schema = ON')).not.toThrow();
      expect(() => connection.exec("UPDATE sqlite_schema SET sql = 'x'")).toThrow();
      expect(() => connection.scalar("SELECT load_extension('x')")).toThrow();
    });
  });

  it('remembers more statements than it keeps prepared', () => {
    withConnection({}, (connection) => {
      for (let round = 0; round < 2; round += 1) {
        for (let index = 0; index < 300; index += 1) {
          const found = connection.get(rawStatement(`SELECT ${index} AS n`), {});
          expect(found).toEqual({ n: index });
        }
      }
    });
  });

  it('knows the columns of a table that was changed since it was last asked', () => {
    withConnection({}, (connection) => {
      connection.exec('CREATE TABLE a (one INTEGER, two INTEGER) STRICT');
      connection.exec('INSERT INTO a VALUES (1, 2)');
      const all = rawStatement('SELECT * FROM a');
      expect(connection.get(all, {})).toEqual({ one: 1, two: 2 });
      connection.run(rawStatement('ALTER TABLE a DROP COLUMN one'), {});
      connection.run(rawStatement('ALTER TABLE a ADD COLUMN three INTEGER'), {});
      // As many columns as before, under other names.
      expect(connection.get(all, {})).toEqual({ two: 2, three: null });
      expect(connection.all(all, {})).toEqual([{ two: 2, three: null }]);
    });
  });

  it('binds parameters by name, in whatever order and however often they stand', () => {
    withConnection({}, (connection) => {
      connection.exec(
        'CREATE TABLE audit_indexed (log INTEGER PRIMARY KEY, size INTEGER NOT NULL) STRICT',
      );
      const insert = statement((db, p: Parameters<{ size: number; log: number }>) =>
        db.insertInto('audit_indexed').values({ size: p('size'), log: p('log') }),
      );
      expect(connection.run(insert, { log: 1, size: 2 })).toBe(1);
      const all = statement((db) => db.selectFrom('audit_indexed').selectAll());
      expect(connection.all(all, {})).toEqual([{ log: 1, size: 2 }]);
    });
  });

  it('calls damage damage when a number is larger than any of ours', () => {
    withConnection({}, (connection) => {
      connection.exec('CREATE TABLE a (b INTEGER) STRICT');
      connection.exec('INSERT INTO a VALUES (9007199254740993)');
      try {
        connection.all(rawStatement('SELECT b FROM a'), {});
        expect.unreachable();
      } catch (error) {
        expect(error).toMatchObject({ code: 'database_corrupt' });
      }
    });
  });

  it('can be closed twice', () => {
    const connection = new SqliteConnection(path);
    connection.close();
    connection.close();
    expect(() => connection.exec('SELECT 1')).toThrow();
  });
});

describe("SQLite's errors", () => {
  const sqliteError = (errcode: number): Error => Object.assign(new Error('no'), { errcode });

  it.each([
    [13, 'storage_full', 'storage_full'],
    [8, 'read_only', 'read_only'],
    [8 | (5 << 8), 'read_only', 'read_only'],
    [14, 'read_only', 'read_only'],
    [11, 'database_corrupt', 'outcome_unknown'],
    [11 | (1 << 8), 'database_corrupt', 'outcome_unknown'],
    [26, 'not_a_vault', 'not_a_vault'],
    [5, 'vault_in_use', 'vault_in_use'],
    [10, 'storage_failed', 'outcome_unknown'],
    [10 | (4 << 8), 'storage_failed', 'outcome_unknown'],
    [7, 'storage_failed', 'outcome_unknown'],
    [1, 'storage_failed', 'outcome_unknown'],
  ])('of code %i are %s, and %s during a commit', (code, before, during) => {
    const error = sqliteError(code);
    expect(translateSqliteError(error)).toMatchObject({ code: before, cause: error });
    expect(translateSqliteError(error, true)).toMatchObject({ code: during });
  });

  it('are the only ones that are translated', () => {
    const other = new TypeError('ours');
    expect(translateSqliteError(other)).toBe(other);
    expect(translateSqliteError('text')).toBe('text');
    expect(sqliteCode(Object.assign(new Error('x'), { errcode: 'E' }))).toBeUndefined();
    expect(sqliteCode(sqliteError(266))).toBe(10);
  });
});
