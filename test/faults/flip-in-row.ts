import { DatabaseSync, type SQLInputValue } from 'node:sqlite';

import { storedRows, type StoredRow } from '../../src/testing/temporary-vault.ts';

/** Flips one bit of one column of one row of any table of a vault. Says where. */
export function flipInRow(file: string, dice: { below(end: number): number }): string {
  using db = new DatabaseSync(file, { enableForeignKeyConstraints: false });
  db.exec('PRAGMA synchronous = OFF');
  const names = db
    .prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`)
    .all()
    .map(({ name }) => String(name));
  for (;;) {
    const table = one(names, dice);
    const rows = storedRows(db, table);
    if (rows.length === 0) continue;
    const row = one(rows, dice);
    const column = one(Object.keys(row), dice);
    const value = row[column] ?? null;
    if (value === null || isEmpty(value)) continue;
    const set = typeof value === 'string' ? 'CAST(? AS TEXT)' : '?';
    const flipped = typeof value === 'string' ? Buffer.from(value) : value;
    try {
      change(db, { table, row, column, set, to: flip(flipped, dice) });
    } catch {
      // A value that an index or a condition does not allow cannot come to be like this.
      continue;
    }
    return `${table}.${column}`;
  }
}

function isEmpty(value: SQLInputValue): boolean {
  return (typeof value === 'string' || value instanceof Uint8Array) && value.length === 0;
}

function one<T>(list: readonly T[], dice: { below(end: number): number }): T {
  const found = list[dice.below(list.length)];
  if (found === undefined) throw new RangeError('nothing to choose from');
  return found;
}

function flip(value: SQLInputValue, dice: { below(end: number): number }): SQLInputValue {
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value);
    const bit = dice.below(bytes.length * 8);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit % 8));
    return bytes;
  }
  // So far that JavaScript can hold the result.
  return BigInt(value as number) ^ (1n << BigInt(dice.below(52)));
}

function change(
  db: DatabaseSync,
  where: {
    readonly table: string;
    readonly row: StoredRow;
    readonly column: string;
    readonly set: string;
    readonly to: SQLInputValue;
  },
): void {
  const columns = Object.keys(where.row);
  const same = columns.map((column) => `${column} IS ?`).join(' AND ');
  const sql = `UPDATE ${where.table} SET ${where.column} = ${where.set} WHERE ${same}`;
  db.prepare(sql).run(where.to, ...Object.values(where.row));
}
