import { statement, type Parameters } from '../../store/statement.ts';
import type { Transaction } from '../../store/store.ts';
import type { AuditIndexRow } from '../../store/tables.ts';
import type { AuditLog } from './audit-log.ts';
import { bodiesFrom } from './log-queries.ts';

const PAGE = 8192;

const indexedSize = statement((db, p: Parameters<{ log: number }>) =>
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
  db.insertInto('audit_index').values({ path: p('path'), log: p('log'), seq: p('seq') }),
);

/** A path is the same in JSON as it is, and no text before it can end in these characters unescaped. */
const PATH = /,"path":"([A-Za-z0-9._/-]+)"/;

/**
 * Brings the index of entries by path up to date. It is filled late and in
 * the order of paths, because an index kept with each entry would dirty a
 * page for every access; it can always be made again from the entries.
 *
 * @param options - `onlyBeyond`: does nothing for a backlog of at most so many entries.
 */
export async function indexEntries(
  transaction: Transaction,
  log: AuditLog,
  { onlyBeyond = 0 }: { readonly onlyBeyond?: number } = {},
): Promise<void> {
  let from = (await transaction.get(indexedSize, { log: log.number }))?.size ?? 0;
  if (log.size - from <= onlyBeyond) return;
  while (from < log.size) {
    const bodies = await transaction.all(bodiesFrom, { log: log.number, from, limit: PAGE });
    const last = bodies.at(-1);
    if (last === undefined) break;
    const rows: AuditIndexRow[] = [];
    for (const { seq, body } of bodies) {
      const path = PATH.exec(body)?.[1];
      if (path !== undefined) rows.push({ path, log: log.number, seq });
    }
    rows.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.seq - b.seq));
    await transaction.runMany(insertIndex, rows);
    from = last.seq + 1;
  }
  await transaction.run(setIndexedSize, { log: log.number, size: from });
}
