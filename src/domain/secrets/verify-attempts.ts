import { StrongroomError } from '../../errors.ts';
import { VERIFY_ATTEMPTS } from '../../store/protected-tables.ts';
import { insertRow, updateRow } from '../../store/rows.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { Work } from '../work.ts';

/** How many candidates one principal may hold against one secret in a minute. */
export const ATTEMPTS_MAX = 5;

const WINDOW_MS = 60_000;

const attemptsOf = statement((db, p: Parameters<{ principalId: string; secretId: string }>) =>
  db
    .selectFrom('verify_attempts')
    .selectAll()
    .where('principal_id', '=', p('principalId'))
    .where('secret_id', '=', p('secretId')),
);

/**
 * Counts an attempt to find out a secret's value by trying. What is counted
 * is in the database, so a restart does not begin it anew.
 *
 * @throws {@link StrongroomError} `rate_limited`, with `retryAfter` seconds in its details.
 */
export async function countAttempt(work: Work, secretId: string): Promise<void> {
  const { transaction, mac, now, actor } = work;
  const known = await transaction.get(attemptsOf, { principalId: actor, secretId });
  if (known === undefined) {
    const row = { principal_id: actor, secret_id: secretId, since: now, attempts: 1 };
    await insertRow(transaction, mac, VERIFY_ATTEMPTS, row);
    return;
  }
  mac.check(VERIFY_ATTEMPTS, known);
  // A clock that was set back must not make the wait longer than a minute, nor end it.
  const since = Math.min(known.since, now);
  const isOver = now - since >= WINDOW_MS;
  if (!isOver && known.attempts >= ATTEMPTS_MAX) throw rateLimited(since + WINDOW_MS - now);
  const set = isOver ? { since: now, attempts: 1 } : { since, attempts: known.attempts + 1 };
  await updateRow(transaction, mac, VERIFY_ATTEMPTS, { from: known, set });
}

function rateLimited(waitMs: number): StrongroomError {
  const seconds = Math.ceil(waitMs / 1000);
  return new StrongroomError(
    'rate_limited',
    `a secret is verified ${ATTEMPTS_MAX} times a minute at most`,
    { details: { retryAfter: seconds }, hint: `try again in ${seconds} seconds` },
  );
}
