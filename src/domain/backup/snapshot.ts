import { setImmediate as nextTurn } from 'node:timers/promises';

import { Sha256 } from '../../crypto/hash.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { query, statement, type Statement } from '../../store/statement.ts';
import type { Transaction } from '../../store/store.ts';
import { BACKUP_TABLES, type BackupTable } from './backup-tables.ts';
import { FRAME, RowEncoder, textFrame, type BackupRowValues } from './frames.ts';

/** What the end of a body says about one table. */
export interface TableDigest {
  readonly table: string;
  readonly rows: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** Takes a frame. Its memory is used again for the next one. */
export type FrameSink = (frame: Uint8Array) => Promise<void> | void;

/**
 * Gives every table of one snapshot as frames, in the order and encoding that
 * is the same for every database (`docs/spec/backup.md`).
 */
export async function dumpTables(transaction: Transaction, sink: FrameSink): Promise<void> {
  const tables: TableDigest[] = [];
  for (const table of BACKUP_TABLES) tables.push(await dumpTable(transaction, table, sink));
  await sink(textFrame(FRAME.end, canonicalJson({ tables })));
}

async function dumpTable(
  transaction: Transaction,
  table: BackupTable,
  sink: FrameSink,
): Promise<TableDigest> {
  const { columns, rowsAtOnce } = table;
  const encoder = new RowEncoder(columns);
  const digest = new Sha256();
  const give = (frame: Uint8Array): Promise<void> | void => {
    digest.update(frame);
    return sink(frame);
  };
  await give(textFrame(FRAME.table, canonicalJson({ columns, table: table.table })));
  const { first, next } = pagesOf(table);
  let rows = 0;
  let page = await transaction.all(first, {});
  for (;;) {
    for (const row of page) {
      // Most frames only fill a chunk; waiting for each would take longer than all else.
      const given = give(encoder.encode(row));
      if (given !== undefined) await given;
    }
    rows += page.length;
    const last = page.at(-1);
    if (last === undefined || page.length < rowsAtOnce) break;
    await nextTurn();
    page = await transaction.all(next, last);
  }
  return { table: table.table, rows, sha256: Buffer.from(digest.digest()).toString('hex') };
}

interface Pages {
  readonly first: Statement<object, BackupRowValues>;
  readonly next: Statement<object, BackupRowValues>;
}

const pages = new Map<string, Pages>();

/** The first page of a table, and the page after a row. */
function pagesOf(table: BackupTable): Pages {
  const known = pages.get(table.table);
  if (known !== undefined) return known;
  const made = {
    first: query<BackupRowValues>((db) => {
      let select = db.selectFrom(table.table as 'secrets').select(table.columns as never);
      for (const column of table.key) select = select.orderBy(column as 'id');
      return select.limit(table.rowsAtOnce);
    }),
    next: statement<BackupRowValues>((db, parameter) => {
      const p = parameter as (name: string) => never;
      const [a, b, c] = table.key as readonly 'id'[];
      if (a === undefined) throw new TypeError('a table has a key');
      let select = db
        .selectFrom(table.table as 'secrets')
        .select(table.columns as never)
        .where((e) => {
          if (b === undefined) return e(a, '>', p(a));
          if (c === undefined) return e(e.refTuple(a, b), '>', e.tuple(p(a), p(b)) as never);
          return e(e.refTuple(a, b, c), '>', e.tuple(p(a), p(b), p(c)) as never);
        });
      for (const column of table.key) select = select.orderBy(column as 'id');
      return select.limit(table.rowsAtOnce);
    }),
  };
  pages.set(table.table, made);
  return made;
}
