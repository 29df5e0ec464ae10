import type { Transaction } from '../../store/store.ts';
import { STATE_INTERVAL, type AuditLog } from './audit-log.ts';
import { parseEntry } from './entry.ts';
import { bodiesBefore } from './log-queries.ts';

/**
 * The tables' integrity state as the log last said it. One of any
 * {@link STATE_INTERVAL} entries says it, so that the search is short.
 */
export async function newestState(
  transaction: Transaction,
  log: AuditLog,
): Promise<string | undefined> {
  const bodies = await transaction.all(bodiesBefore, {
    log: log.number,
    before: log.size,
    limit: STATE_INTERVAL,
  });
  for (const { body } of bodies) {
    if (!body.includes('"state":')) continue;
    const { state } = parseEntry(body);
    if (state !== undefined) return state;
  }
  return undefined;
}
