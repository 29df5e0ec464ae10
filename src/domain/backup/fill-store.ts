import { statement, type Statement } from '../../store/statement.ts';
import type { Store, Transaction } from '../../store/store.ts';
import type { BackupKeys } from './backup-header.ts';
import type { BackupTable } from './backup-tables.ts';
import { decodeRow, type BackupRowValues } from './frames.ts';
import { readTables, type BackupFile, type TablePart } from './read-backup.ts';

/** What goes into one transaction, so that neither memory nor the database's log grows. */
const ROWS_MAX = 10_000;
const BYTES_MAX = 16 * 1024 * 1024;
/** So few that what was decoded is gone before the memory for it grows. */
const ROWS_AT_ONCE = 128;

/** Looks at a row of a backup. Bytes in it are gone afterwards. */
export type RowLook = (table: BackupTable, row: BackupRowValues) => void;

/**
 * Fills a new database with the rows of a backup, as they were.
 *
 * @param look - Sees each row before it is written.
 * @throws {@link StrongroomError} `backup_damaged`, storage codes, and what `look` throws.
 */
export async function fillStore(
  store: Store,
  file: BackupFile,
  keys: BackupKeys,
  look?: RowLook,
): Promise<void> {
  const parts = readTables(file, keys);
  try {
    for (let isOver = false; !isOver;) {
      isOver = await store.write((transaction) => insertParts(transaction, parts, look));
    }
  } finally {
    // If something else failed, this is what wipes the plaintext.
    await parts.return([]);
  }
}

/** Writes as many rows as one transaction takes; gives whether these were the last. */
async function insertParts(
  transaction: Transaction,
  parts: ReturnType<typeof readTables>,
  look: RowLook | undefined,
): Promise<boolean> {
  let [rows, bytes] = [0, 0];
  while (rows < ROWS_MAX && bytes < BYTES_MAX) {
    const { value: part, done } = await parts.next();
    if (done === true) return true;
    const insert = insertInto(part);
    for (let from = 0; from < part.rows.length; from += ROWS_AT_ONCE) {
      const some = part.rows.slice(from, from + ROWS_AT_ONCE);
      const decoded = some.map((content) => decodeRow(part.columns, content));
      if (look !== undefined) decoded.forEach((row) => look(part.table, row));
      await transaction.runMany(insert, decoded);
    }
    rows += part.rows.length;
    bytes += part.rows.reduce((sum, content) => sum + content.length, 0);
  }
  return false;
}

const inserts = new Map<string, Statement<object, unknown>>();

function insertInto({ table, columns }: TablePart): Statement<object, unknown> {
  const name = `${table.table}(${columns.join()})`;
  const known = inserts.get(name);
  if (known !== undefined) return known;
  const made = statement<unknown>((db, parameter) => {
    const p = parameter as (column: string) => unknown;
    const values = Object.fromEntries(columns.map((column) => [column, p(column)]));
    return db.insertInto(table.table as 'secrets').values(values as never);
  });
  inserts.set(name, made);
  return made;
}
