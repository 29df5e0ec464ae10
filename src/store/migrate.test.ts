import { rmSync } from 'node:fs';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { temporaryDirectory } from '../testing/temporary-vault.ts';
import { migrate, SCHEMA_VERSION } from './migrate.ts';
import * as protectedTables from './protected-tables.ts';
import type { ProtectedTable } from './row-mac.ts';
import { openSqlite } from './sqlite.ts';
import { rawStatement } from './statement.ts';
import type { Store } from './store.ts';

let directory: string;
let store: Store;
beforeEach(() => {
  directory = temporaryDirectory();
  store = openSqlite(directory, { create: true });
});
afterEach(async () => {
  await store.close();
  rmSync(directory, { recursive: true, force: true });
});

const rows = (sql: string): Promise<unknown[]> =>
  store.read((transaction) => transaction.all(rawStatement(sql), {}));
const run = (sql: string): Promise<number> =>
  store.write((transaction) => transaction.run(rawStatement(sql), {}));

describe('migrating', () => {
  it('brings an empty database to the present schema and writes down when', async () => {
    await migrate(store, { now: () => 42 });
    expect(await rows('SELECT * FROM schema_versions')).toEqual(
      Array.from({ length: SCHEMA_VERSION }, (_, at) => ({ version: at + 1, applied_at: 42 })),
    );
  });

  it('does nothing a second time', async () => {
    await migrate(store, { now: () => 42 });
    const before = await rows('SELECT * FROM sqlite_schema');
    await migrate(store, { now: () => 43 });
    expect(await rows('SELECT * FROM sqlite_schema')).toEqual(before);
    expect(await rows('SELECT * FROM schema_versions')).toEqual(
      Array.from({ length: SCHEMA_VERSION }, (_, at) => ({ version: at + 1, applied_at: 42 })),
    );
  });

  it('refuses a database that a newer Strongroom wrote, and changes nothing in it', async () => {
    await migrate(store);
    await run(`INSERT INTO schema_versions VALUES (${SCHEMA_VERSION + 1}, 1)`);
    await expect(migrate(store)).rejects.toMatchObject({
      code: 'schema_too_new',
      details: { found: SCHEMA_VERSION + 1, known: SCHEMA_VERSION },
    });
    expect(await rows('SELECT count(*) AS n FROM schema_versions')).toEqual([
      { n: SCHEMA_VERSION + 1 },
    ]);
  });

  it('keeps nothing of a schema that could not be made whole', async () => {
    await run('CREATE TABLE secrets (in_the_way INTEGER)');
    await expect(migrate(store)).rejects.toMatchObject({ code: 'storage_failed' });
    expect(await rows("SELECT name FROM sqlite_schema WHERE type = 'table'")).toEqual([
      { name: 'secrets' },
    ]);
  });

  it('makes only tables that hold the types of their columns', async () => {
    await migrate(store);
    const loose = await rows(
      "SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite_%'",
    );
    expect(loose).toEqual([]);
  });

  // Every export but the list of those that are counted.
  const protectedOnes = Object.values<unknown>({ ...protectedTables, COUNTED_TABLES: undefined })
    .filter((table) => table !== undefined)
    .map((table) => table as ProtectedTable<'secrets'>);

  // Heads of audit logs and counts have MACs of another kind.
  it('knows of every table whose rows have a row MAC', async () => {
    await migrate(store);
    const found = await rows(
      "SELECT m.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = 'mac' AND m.name NOT IN ('audit_heads', 'integrity') ORDER BY m.name",
    );
    expect(found).toEqual(
      protectedOnes
        .map(({ table }) => ({ name: table as string }))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    );
  });

  it.each(protectedOnes.map((table) => [table.table as string, table] as const))(
    'puts every column of %s under its row MAC',
    async (name, table) => {
      await migrate(store);
      const columns = await rows(`SELECT name FROM pragma_table_info('${name}')`);
      const covered = [...table.columns, ...(table.envelopes ?? [])] as string[];
      expect(columns.map((row) => (row as { name: string }).name).toSorted()).toEqual(
        [...covered, 'row_revision', 'mac_key', 'mac'].toSorted(),
      );
      const keys = await rows(`SELECT name FROM pragma_table_info('${name}') WHERE pk > 0`);
      expect(table.key.every((key) => covered.includes(key))).toBe(true);
      expect(keys.length).toBe(table.key.length);
    },
  );
});
