import { StrongroomError } from '../../errors.ts';
import { KEY_USES } from '../../store/protected-tables.ts';
import { insertRow, updateRow } from '../../store/rows.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { Work } from '../work.ts';

/** The hard stop of a workspace key: it never wraps more data keys than this. */
const USES_MAX = 2 ** 30;

/** There is one writer on SQLite; nodes of a cluster count apart. */
const NODE = 'local';

const usesOf = statement((db, p: Parameters<{ keyId: string; node: string }>) =>
  db
    .selectFrom('key_uses')
    .selectAll()
    .where('key_id', '=', p('keyId'))
    .where('node', '=', p('node')),
);

/**
 * Counts one more data key that a workspace key has wrapped.
 *
 * @throws {@link StrongroomError} `integrity_error` beyond 2³⁰ uses.
 */
export async function countKeyUse(work: Work, keyId: string): Promise<void> {
  const row = await work.transaction.get(usesOf, { keyId, node: NODE });
  if (row === undefined) {
    await insertRow(work.transaction, work.mac, KEY_USES, { key_id: keyId, node: NODE, uses: 1 });
    return;
  }
  work.mac.check(KEY_USES, row);
  if (row.uses >= USES_MAX) {
    throw new StrongroomError('integrity_error', 'the workspace key has been used too often', {
      details: { key: keyId },
      hint: 'rotate the workspace key',
    });
  }
  await updateRow(work.transaction, work.mac, KEY_USES, { from: row, set: { uses: row.uses + 1 } });
}
