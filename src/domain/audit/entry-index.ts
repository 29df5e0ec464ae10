import { setImmediate as nextTurn } from 'node:timers/promises';

import { statement, type Parameters, type Statement } from '../../store/statement.ts';
import type { Store, Transaction } from '../../store/store.ts';
import type { AuditIndexRow } from '../../store/tables.ts';
import type { AuditLog } from './audit-log.ts';
import { bodiesFrom } from './log-queries.ts';
import { addReads, emptyReads, ReadCounts } from './secret-reads.ts';

/** How many entries one transaction indexes: some 50 ms of work. */
export const INDEX_STEP = 8192;

/** Of how many entries the index of a log knows. */
export const indexedSize: Statement<{ log: number }, { size: number }> = statement((db, p) =>
  db.selectFrom('audit_indexed').select(['size']).where('log', '=', p('log')),
);

const setIndexedSize = statement((db, p: Parameters<{ log: number; size: number }>) =>
  db
    .insertInto('audit_indexed')
    .values({ log: p('log'), size: p('size') })
    .onConflict((conflict) =>
      conflict.column('log').doUpdateSet((row) => ({ size: row.ref('excluded.size') })),
    ),
);

const insertIndex = statement((db, p: Parameters<AuditIndexRow>) =>
  db
    .insertInto('audit_index')
    .values({ path: p('path'), log: p('log'), seq: p('seq') })
    // A row that someone else put there must not stop the log.
    .onConflict((conflict) => conflict.doNothing()),
);

const emptyIndex = statement((db, p: Parameters<{ log: number }>) =>
  db.deleteFrom('audit_index').where('log', '=', p('log')),
);

/** A path is the same in JSON as it is, and no text before it can end in these characters unescaped. */
const PATH = /,"path":"([A-Za-z0-9._/-]+)"/;

/** The path that an entry names, as the index has it. */
export function pathOf(body: string): string | undefined {
  return PATH.exec(body)?.[1];
}

/**
 * Brings the index of entries by path, and the count of reads by secret,
 * nearer to the log. It is filled late and
 * in the order of paths, because an index kept with each entry would dirty a
 * page for every access; it can always be made again from the entries.
 *
 * @param entriesMax - How many entries to look at; one transaction should not take seconds.
 * @returns How many entries are still to be looked at.
 */
export async function indexEntries(
  transaction: Transaction,
  log: AuditLog,
  entriesMax: number,
): Promise<number> {
  let from = (await transaction.get(indexedSize, { log: log.number }))?.size ?? 0;
  if (from > log.size) {
    await rebuildIndex(transaction, log);
    from = 0;
  }
  const limit = Math.min(entriesMax, log.size - from);
  if (limit <= 0) return 0;
  const bodies = await transaction.all(bodiesFrom, { log: log.number, from, limit });
  const rows: AuditIndexRow[] = [];
  const reads = new ReadCounts();
  for (const { seq, body } of bodies) {
    reads.count(body);
    const path = pathOf(body);
    if (path !== undefined) rows.push({ path, log: log.number, seq });
  }
  rows.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.seq - b.seq));
  await transaction.runMany(insertIndex, rows);
  await addReads(transaction, reads);
  const size = bodies.length < limit ? log.size : (bodies.at(-1)?.seq ?? from) + 1;
  await transaction.run(setIndexedSize, { log: log.number, size });
  return log.size - size;
}

/** Empties an index that was found to be altered, so that it is made again. */
export async function rebuildIndex(transaction: Transaction, log: AuditLog): Promise<void> {
  await transaction.run(emptyIndex, { log: log.number });
  await emptyReads(transaction);
  await transaction.run(setIndexedSize, { log: log.number, size: 0 });
}

/** Brings the index up to date in transactions of bearable length, between which others come in. */
export async function catchUpIndex(store: Store, log: AuditLog): Promise<void> {
  for (let rest = 1; rest > 0;) {
    rest = await store.write((transaction) => indexEntries(transaction, log, INDEX_STEP));
    if (rest > 0) await nextTurn();
  }
}
