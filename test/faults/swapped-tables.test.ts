import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { open, StrongroomError, type Vault } from '../../src/index.ts';
import type { RowMac } from '../../src/store/row-mac.ts';
import { putRow, storedRows, type StoredRow } from '../../src/testing/temporary-vault.ts';
import { valueOf } from './ledger.ts';
import { environment, Scratch, type Place } from './places.ts';
import { makeWholeVault, PROTECTED, rowFaults, SINGLE_ROWS, type Expected } from './whole-vault.ts';

const scratch = new Scratch();
let mac: RowMac;
let expected: Expected;
let copies = 0;

const placeAt = (name: string): Place => ({
  path: scratch.at(name, 'vault'),
  configDirectory: scratch.at(name, 'config'),
});

const databaseAt = (name: string): DatabaseSync =>
  new DatabaseSync(join(placeAt(name).path, 'vault.db'), { enableForeignKeyConstraints: false });

beforeAll(async () => {
  const made = await makeWholeVault(placeAt('whole'));
  ({ expected } = made);
  ({ mac } = made.parts);
  await made.parts.vault.close();
});
afterAll(() => scratch[Symbol.dispose]());

/** What the vault does when it is opened and read after a change behind its back. */
interface Seen {
  /** Codes that opening and reading failed with. */
  readonly codes: readonly string[];
  /** Rows that fail their check, by table. */
  readonly rows: readonly string[];
  readonly wrong: readonly string[];
}

async function seenAfter(change: (db: DatabaseSync) => void): Promise<Seen> {
  const name = `copy-${String((copies += 1))}`;
  cpSync(scratch.at('whole'), scratch.at(name), { recursive: true });
  using db = databaseAt(name);
  db.exec('PRAGMA synchronous = OFF');
  change(db);
  const rows = rowFaults(db, mac);
  db.close();
  const codes: string[] = [];
  const wrong: string[] = [];
  const attempt = async (call: () => Promise<unknown>): Promise<void> => {
    try {
      await call();
    } catch (error) {
      if (!(error instanceof StrongroomError)) throw error;
      codes.push(error.code);
    }
  };
  let vault: Vault | undefined;
  await attempt(async () => (vault = await open({ ...placeAt(name), waitMs: 0 })));
  if (vault !== undefined) {
    await readAll(vault, attempt, wrong);
    await vault.close();
  }
  return { codes, rows, wrong };
}

async function readAll(
  vault: Vault,
  attempt: (call: () => Promise<unknown>) => Promise<void>,
  wrong: string[],
): Promise<void> {
  const session = vault.as({ principal: 'ada' });
  await attempt(() => session.audit.verify());
  for (const [path, count] of expected) {
    await attempt(() => session.secrets.history({ environment, path }));
    await attempt(() => session.secrets.describe({ environment, path }));
    for (let version = 1; version <= count; version += 1) {
      await attempt(async () => {
        const found = await session.secrets.read({ environment, path, version });
        if (found.value?.reveal() !== valueOf(path, version)) wrong.push(`${path}@${version}`);
      });
    }
  }
}

/** Two rows of a table, each with everything of the other but its key. */
function swapped(
  one: StoredRow,
  two: StoredRow,
  key: readonly string[],
): readonly [StoredRow, StoredRow] {
  const keyOf = (row: StoredRow): StoredRow =>
    Object.fromEntries(key.map((column) => [column, row[column] ?? null]));
  return [
    { ...two, ...keyOf(one) },
    { ...one, ...keyOf(two) },
  ];
}

/** The columns of a table's key, as names alone. */
interface Keyed {
  readonly table: string;
  readonly key: readonly string[];
}

/** Takes a row away, found by its key. */
function remove(db: DatabaseSync, { table, key }: Keyed, row: StoredRow): void {
  const where = key.map((column) => `${column} = ?`).join(' AND ');
  const values = key.map((column): SQLInputValue => row[column] ?? null);
  db.prepare(`DELETE FROM ${table} WHERE ${where}`).run(...values);
}

/** Writes rows over those with the same keys, past unique indexes that they meet on their way. */
function put(db: DatabaseSync, keyed: Keyed, rows: readonly StoredRow[]): void {
  for (const row of rows) remove(db, keyed, row);
  for (const row of rows) putRow(db, keyed.table, row);
}

const tables = PROTECTED.map((table) => ({ ...table, name: table.table }));
const swappable = tables.filter(({ table }) => !SINGLE_ROWS.includes(table));

/** Pairs of neighbours in a table, few enough for a test. */
const PAIRS_MAX = 4;

describe('A73 F8 every table that is under a MAC', () => {
  test('reads as it was written if nobody touched it', async () => {
    expect(await seenAfter(() => undefined)).toEqual({ codes: [], rows: [], wrong: [] });
  });

  test.each(tables)(
    '$name has rows, and no column that its MAC leaves out',
    ({ table, columns, envelopes, key }) => {
      using db = databaseAt('whole');
      const rows = storedRows(db, table);
      expect(rows.length).toBeGreaterThanOrEqual(SINGLE_ROWS.includes(table) ? 1 : 2);
      const covered: string[] = [
        ...columns,
        ...(envelopes ?? []),
        'row_revision',
        'mac_key',
        'mac',
      ];
      expect(Object.keys(rows[0] ?? {}).toSorted()).toEqual(covered.toSorted());
      expect(columns).toEqual(expect.arrayContaining([...key]));
    },
  );

  test('no table with a MAC is missing from the list', () => {
    using db = databaseAt('whole');
    const names = db
      .prepare(
        `SELECT name FROM sqlite_schema WHERE type = 'table'
         AND EXISTS (SELECT 1 FROM pragma_table_info(sqlite_schema.name) AS c WHERE c.name = 'row_revision')`,
      )
      .all()
      .map(({ name }) => String(name));
    expect(PROTECTED.map(({ table }): string => table).toSorted()).toEqual(names.toSorted());
  });

  test.each(swappable)(
    '$name: rows that changed places are refused, and none gives another value',
    async ({ table, key }) => {
      using db = databaseAt('whole');
      const rows = storedRows(db, table);
      for (let index = 0; index + 1 < rows.length && index < PAIRS_MAX; index += 1) {
        const [one, two] = [rows[index], rows[index + 1]];
        if (one === undefined || two === undefined) break;
        const pair = swapped(one, two, key);
        const seen = await seenAfter((copy) => put(copy, { table, key }, pair));
        expect(seen.wrong).toEqual([]);
        expect(seen.rows).toEqual([`${table}: integrity_error`, `${table}: integrity_error`]);
        expect(seen.codes).not.toEqual([]);
      }
    },
  );

  test.each(swappable)(
    '$name: two rows that exchange one column are refused',
    async ({ table, key, columns, envelopes }) => {
      using db = databaseAt('whole');
      const rows = storedRows(db, table);
      const found = [...columns, ...(envelopes ?? [])].flatMap((column): StoredRow[] => {
        if (key.some((each) => each === column)) return [];
        const pair = differing(rows, column);
        return pair === undefined ? [] : [{ ...pair[0], [column]: pair[1][column] ?? null }];
      });
      expect(found.length).toBeGreaterThan(0);
      for (const row of found)
        expect(() => mac.check(one(table), row as never)).toThrow(StrongroomError);
    },
  );

  test.each(swappable.filter(({ counted }) => counted))(
    '$name: a row that is gone is noticed when the vault is opened',
    async ({ table, key }) => {
      using db = databaseAt('whole');
      const [row] = storedRows(db, table);
      const { codes } = await seenAfter((copy) => remove(copy, { table, key }, row ?? {}));
      expect(codes.length).toBeGreaterThan(0);
    },
  );

  const gone: readonly (readonly [table: string, where: string])[] = [
    ['secrets', "path = 'group/s1'"],
    [
      'secret_states',
      "number = 1 AND secret_id = (SELECT id FROM secrets WHERE path = 'group/s1')",
    ],
    [
      'secret_states',
      "number = 2 AND secret_id = (SELECT id FROM secrets WHERE path = 'group/s1')",
    ],
    ['versions', "version = 1 AND secret_id = (SELECT id FROM secrets WHERE path = 'group/s1')"],
    ['versions', "version = 2 AND secret_id = (SELECT id FROM secrets WHERE path = 'group/s1')"],
  ];
  test.each(gone)(
    '%s: a row that is gone is noticed by a verification (%s)',
    async (table, where) => {
      const { codes, wrong } = await seenAfter((db) =>
        db.exec(`DELETE FROM ${table} WHERE ${where}`),
      );
      expect(codes).toContain('integrity_error');
      expect(wrong).toEqual([]);
    },
  );
});

/** Two rows that have different things in a column. */
function differing(
  rows: readonly StoredRow[],
  column: string,
): readonly [StoredRow, StoredRow] | undefined {
  const [first] = rows;
  const text = (row: StoredRow): string => JSON.stringify(row[column] ?? null);
  const other = rows.find((row) => first !== undefined && text(row) !== text(first));
  return first === undefined || other === undefined ? undefined : [first, other];
}

function one(table: string): (typeof PROTECTED)[number] {
  const found = PROTECTED.find((each) => each.table === table);
  if (found === undefined) throw new TypeError('it is in the list');
  return found;
}

describe('A90 F8 the entries of the audit log', () => {
  const bodies = (db: DatabaseSync): StoredRow[] => storedRows(db, 'audit_entries');
  const changes: readonly (readonly [what: string, change: (db: DatabaseSync) => void])[] = [
    ['two neighbours in the other order', (db) => exchange(db, 3, 4)],
    ['the first and the last in the other order', (db) => exchange(db, 0, bodies(db).length - 1)],
    ['one gone from the middle', (db) => db.exec('DELETE FROM audit_entries WHERE seq = 5')],
    ['the newest gone', (db) => truncate(db, 1)],
    ['the newest ten gone', (db) => truncate(db, 10)],
    ['all gone', (db) => db.exec('DELETE FROM audit_entries')],
    ['one twice', (db) => repeat(db)],
    [
      'one with another actor',
      (db) => db.exec(`UPDATE audit_entries SET body = replace(body, 'ada', 'eve') WHERE seq = 2`),
    ],
  ];

  test('a damaged path in the index by path does not keep a verification from ending', async () => {
    const { codes, wrong } = await seenAfter((db) => {
      db.exec(
        "UPDATE audit_index SET path = CAST(x'67726ff5702f7335' AS TEXT) WHERE seq = (SELECT max(seq) FROM audit_index)",
      );
    });
    expect(codes).toEqual(['integrity_error']);
    expect(wrong).toEqual([]);
  });

  function exchange(db: DatabaseSync, one: number, two: number): void {
    const rows = bodies(db);
    const [first, second] = [rows[one], rows[two]];
    if (first === undefined || second === undefined) throw new TypeError('there are so many');
    const key = ['log', 'seq'];
    put(db, { table: 'audit_entries', key }, swapped(first, second, key));
  }

  function truncate(db: DatabaseSync, count: number): void {
    db.exec(`DELETE FROM audit_entries WHERE seq >= ${bodies(db).length - count}`);
  }

  function repeat(db: DatabaseSync): void {
    const last = bodies(db).at(-1);
    putRow(db, 'audit_entries', { ...last, seq: Number(last?.['seq']) + 1 });
  }

  test.each(changes)('%s: noticed', async (_what, change) => {
    const { codes, wrong } = await seenAfter(change);
    expect(codes.length).toBeGreaterThan(0);
    expect(wrong).toEqual([]);
  });
});
