import { REVOCATIONS, TOKENS } from '../../store/protected-tables.ts';
import { removeRow } from '../../store/rows.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { Work } from '../work.ts';

const DAY_MS = 86_400_000;
const AT_ONCE = 500;

const expired = statement((db, p: Parameters<{ before: number; limit: number }>) =>
  db
    .selectFrom('tokens')
    .selectAll()
    .where('expires_at', 'is not', null)
    .where('expires_at', '<=', p('before'))
    .orderBy('expires_at')
    .limit(p('limit')),
);

const revokedUntil = statement((db, p: Parameters<{ before: number; limit: number }>) =>
  db
    .selectFrom('revocations')
    .selectAll()
    .where('until', 'is not', null)
    .where('until', '<=', p('before'))
    .limit(p('limit')),
);

/** Removes some credentials that expired a day ago; returns how many. */
export async function purgeTokens(work: Work): Promise<number> {
  const { transaction, mac } = work;
  const rows = await transaction.all(expired, { before: work.now - DAY_MS, limit: AT_ONCE });
  for (const row of rows) {
    mac.check(TOKENS, row);
    await removeRow(transaction, mac, TOKENS, row);
  }
  return rows.length;
}

/** Removes some revocations of what expired a day ago by itself; returns how many. */
export async function purgeRevocations(work: Work): Promise<number> {
  const { transaction, mac } = work;
  const rows = await transaction.all(revokedUntil, { before: work.now - DAY_MS, limit: AT_ONCE });
  for (const row of rows) {
    mac.check(REVOCATIONS, row);
    await removeRow(transaction, mac, REVOCATIONS, row);
  }
  return rows.length;
}
