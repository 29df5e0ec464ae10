import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { temporaryDirectory } from '../testing/temporary-vault.ts';
import { testStore } from '../testing/store-conformance.ts';
import { APPLICATION_ID } from './sqlite-connection.ts';
import { openSqlite } from './sqlite.ts';
import { rawStatement } from './statement.ts';

testStore('of SQLite', async () => {
  const directory = temporaryDirectory();
  return {
    store: openSqlite(directory, { create: true }),
    again: async () => openSqlite(directory),
    remove: async () => rmSync(directory, { recursive: true, force: true }),
  };
});

describe('opening a database', () => {
  let directory: string;
  beforeEach(() => {
    directory = temporaryDirectory();
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));
  const file = (): string => join(directory, 'vault.db');
  const codeOf = (work: () => unknown): string => {
    try {
      work();
      return 'nothing';
    } catch (error) {
      return (error as { code?: string }).code ?? String(error);
    }
  };

  it('refuses a directory without one, and makes none', () => {
    expect(codeOf(() => openSqlite(directory))).toBe('vault_not_found');
    expect(statSync(file(), { throwIfNoEntry: false })).toBeUndefined();
  });

  it('marks a new file as ours', async () => {
    await openSqlite(directory, { create: true }).close();
    const db = new DatabaseSync(file());
    expect(db.prepare('PRAGMA application_id').get()).toEqual({ application_id: APPLICATION_ID });
    db.close();
    await openSqlite(directory).close();
  });

  it('refuses the database of another program, also when asked to create', () => {
    const db = new DatabaseSync(file());
    db.exec('CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)');
    db.close();
    expect(codeOf(() => openSqlite(directory))).toBe('not_a_vault');
    expect(codeOf(() => openSqlite(directory, { create: true }))).toBe('not_a_vault');
    const after = new DatabaseSync(file());
    expect(after.prepare('SELECT count(*) AS n FROM theirs').get()).toEqual({ n: 1 });
    after.close();
  });

  it('refuses an empty file unless it is asked to create one', () => {
    writeFileSync(file(), '');
    expect(codeOf(() => openSqlite(directory))).toBe('not_a_vault');
  });

  it('refuses a file that is no database, and a directory in its place', () => {
    writeFileSync(file(), 'not a database, but long enough to have a header '.repeat(100));
    expect(codeOf(() => openSqlite(directory))).toBe('not_a_vault');
    rmSync(file());
    mkdirSync(file());
    expect(['read_only', 'storage_failed']).toContain(codeOf(() => openSqlite(directory)));
  });

  it('reads columns by their names after the schema was changed', async () => {
    const store = openSqlite(directory, { create: true });
    try {
      const change = (sql: string): Promise<number> =>
        store.write((transaction) => transaction.run(rawStatement(sql), {}));
      const all = (): Promise<unknown> =>
        store.read((transaction) => transaction.get(rawStatement('SELECT * FROM a'), {}));
      await change('CREATE TABLE a (one INTEGER, two INTEGER) STRICT');
      await change('INSERT INTO a VALUES (1, 2)');
      expect(await all()).toEqual({ one: 1, two: 2 });
      await store.write(async (transaction) => {
        await transaction.run(rawStatement('ALTER TABLE a DROP COLUMN one'), {});
        await transaction.run(rawStatement('ALTER TABLE a ADD COLUMN three INTEGER'), {});
      });
      expect(await all()).toEqual({ two: 2, three: null });
      const undone = store.write(async (transaction) => {
        await transaction.run(rawStatement('ALTER TABLE a DROP COLUMN three'), {});
        await transaction.run(rawStatement('ALTER TABLE a ADD COLUMN four INTEGER'), {});
        await transaction.get(rawStatement('SELECT * FROM a'), {});
        throw new Error('undone');
      });
      await expect(undone).rejects.toThrow('undone');
      const written = await store.write((transaction) =>
        transaction.get(rawStatement('SELECT * FROM a'), {}),
      );
      expect(written).toEqual({ two: 2, three: null });
    } finally {
      await store.close();
    }
  });

  it('refuses a file whose pages were overwritten', async () => {
    const store = openSqlite(directory, { create: true });
    await store.write(async (transaction) => {
      await transaction.run(rawStatement('CREATE TABLE a (b TEXT) STRICT'), {});
      await transaction.run(
        rawStatement(
          'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO a SELECT hex(i) FROM n',
        ),
        {},
      );
    });
    await store.close();
    const { size } = statSync(file());
    const { openSync, writeSync, closeSync } = await import('node:fs');
    const handle = openSync(file(), 'r+');
    writeSync(handle, new Uint8Array(size - 4096).fill(0xff), 0, size - 4096, 4096);
    closeSync(handle);
    const damaged = openSqlite(directory);
    const reading = damaged.read((transaction) =>
      transaction.all(rawStatement('SELECT * FROM a'), {}),
    );
    await expect(reading).rejects.toMatchObject({ code: 'database_corrupt' });
    expect(
      (await damaged.check().catch((error: unknown) => [String(error)])).length,
    ).toBeGreaterThan(0);
    await damaged.close();
  });

  it('serves readers again after connections that could not be opened', async () => {
    const store = openSqlite(directory, { create: true });
    await store.write((transaction) =>
      transaction.run(rawStatement('CREATE TABLE a (b TEXT) STRICT'), {}),
    );
    const { renameSync } = await import('node:fs');
    renameSync(file(), `${file()}.away`);
    mkdirSync(file());
    const count = rawStatement('SELECT count(*) AS n FROM a');
    for (let turn = 0; turn < 10; turn += 1) {
      await expect(store.read((transaction) => transaction.get(count, {}))).rejects.toThrow();
    }
    rmSync(file(), { recursive: true });
    renameSync(`${file()}.away`, file());
    await expect(store.read((transaction) => transaction.get(count, {}))).resolves.toEqual({
      n: 0,
    });
    await store.close();
  });

  it('reads from new connections only, once it was opened again while some were in use', async () => {
    const store = openSqlite(directory, { create: true });
    await store.write((transaction) =>
      transaction.run(rawStatement('CREATE TABLE a (b TEXT) STRICT'), {}),
    );
    const timeout = rawStatement('PRAGMA busy_timeout');
    const own = rawStatement('PRAGMA busy_timeout = 1234');
    const gates: (() => void)[] = [];
    const inUse = Array.from({ length: 4 }, () =>
      store.read(async (transaction) => {
        await transaction.get(own, {});
        await new Promise<void>((resolve) => gates.push(resolve));
      }),
    );
    while (gates.length < 4) await new Promise((resolve) => setImmediate(resolve));
    await store.reopen();
    for (const open of gates) open();
    await Promise.all(inUse);
    const many = await Promise.all(
      Array.from({ length: 12 }, () =>
        store.read(async (transaction) => transaction.get(timeout, {})),
      ),
    );
    expect(many.filter((row) => (row as { timeout: number }).timeout === 1234)).toEqual([]);
    await store.close();
  });

  it('writes nothing in a transaction that has ended by itself', async () => {
    const store = openSqlite(directory, { create: true });
    await store.write((transaction) =>
      transaction.run(rawStatement('CREATE TABLE a (b TEXT) STRICT'), {}),
    );
    const insert = rawStatement("INSERT INTO a VALUES ('x')");
    for (const later of ['run', 'runMany', 'savepoint'] as const) {
      const writing = store.write(async (transaction) => {
        await transaction.run(rawStatement('ROLLBACK'), {});
        if (later === 'run') await transaction.run(insert, {});
        else if (later === 'runMany') await transaction.runMany(insert, [{}]);
        else await transaction.savepoint(() => transaction.run(insert, {}));
      });
      await expect(writing).rejects.toMatchObject({ code: 'storage_failed' });
    }
    const rows = await store.read((transaction) =>
      transaction.all(rawStatement('SELECT * FROM a'), {}),
    );
    expect(rows).toEqual([]);
    await store.close();
  });

  it('never follows a schema into functions, and lets nothing be attached', async () => {
    const store = openSqlite(directory, { create: true });
    const attaching = store.write((transaction) =>
      transaction.run(rawStatement(`ATTACH '${join(directory, 'other.db')}' AS other`), {}),
    );
    await expect(attaching).rejects.toThrow();
    const editing = store.write((transaction) =>
      transaction.run(rawStatement("UPDATE sqlite_schema SET sql = ''"), {}),
    );
    await expect(editing).rejects.toThrow();
    await store.close();
  });
});
