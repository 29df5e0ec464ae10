import { setImmediate as nextTurn } from 'node:timers/promises';

import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import { TOKENS } from '../../store/protected-tables.ts';
import type { RowMac } from '../../store/row-mac.ts';
import { query, statement, type Parameters } from '../../store/statement.ts';
import type { Transaction } from '../../store/store.ts';
import type { TokenRow } from '../../store/tables.ts';

const PAGE = 4096;

const tokensAfter = statement((db, p: Parameters<{ after: string; limit: number }>) =>
  db.selectFrom('tokens').selectAll().where('id', '>', p('after')).orderBy('id').limit(p('limit')),
);

const revokedIds = query((db) => db.selectFrom('revocations').select('id'));

/**
 * Holds the rows of credentials against what the log last said is left of them,
 * and against what was revoked: one that was put back could be used again. A
 * row that is gone opens nothing, and is not looked for.
 *
 * @param usesLeft - By id of a credential: how often it can still be used, as the log last said.
 * @throws {@link StrongroomError} `integrity_error` naming the credential.
 */
export async function verifyTokens(
  transaction: Transaction,
  mac: RowMac,
  usesLeft: ReadonlyMap<string, number>,
): Promise<void> {
  const revoked = new Set((await transaction.all(revokedIds, {})).map(({ id }) => id));
  for (let after = ''; ;) {
    const rows = await transaction.all(tokensAfter, { after, limit: PAGE });
    for (const row of rows) {
      mac.check(TOKENS, row);
      if (revoked.has(row.id) || revoked.has(row.family_id)) {
        throw putBack('a credential that was revoked is there again', row);
      }
      if (row.uses_left !== null && row.uses_left > (usesLeft.get(row.id) ?? Infinity)) {
        throw putBack('a credential can be used more often than the audit log says', row);
      }
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    after = last.id;
    await nextTurn();
  }
}

function putBack(message: string, { id }: TokenRow): StrongroomError {
  const details = { credential: id };
  return new StrongroomError('integrity_error', message, { details, hint: DAMAGED_HINT });
}
