import type { Transaction } from '../../store/store.ts';
import type { AuditLog } from './audit-log.ts';
import { parseEntry, type AuditEntry } from './entry.ts';
import { bodiesBefore } from './log-queries.ts';

/** One thing that somebody did or tried, and how often in one minute. */
export interface PastAccess {
  /** Principal id. */
  readonly actor: string;
  readonly action: string;
  readonly workspace: string | undefined;
  readonly environment: string | undefined;
  readonly path: string | undefined;
  readonly ip: string | undefined;
  readonly userAgent: string | undefined;
  readonly times: number;
  /** RFC 3339, UTC: when it was done last in that minute. */
  readonly last: string;
}

/** What was done since a moment. */
export interface PastAccesses {
  readonly accesses: readonly PastAccess[];
  /** How many entries they are made of. */
  readonly entries: number;
  /** Whether the log was looked at back to that moment. */
  readonly isComplete: boolean;
}

const PAGE = 1000;
const ENTRIES_MAX = 100_000;
/** An RFC 3339 time up to its minute. */
const MINUTE_LENGTH = 16;

/**
 * What was done by somebody since a moment, the same things of one minute put together.
 *
 * @param since - RFC 3339, UTC.
 */
export async function accessesSince(
  transaction: Transaction,
  log: AuditLog,
  since: string,
): Promise<PastAccesses> {
  const accesses = new Map<string, PastAccess>();
  let entries = 0;
  let scanned = 0;
  let before = log.size;
  while (before > 0 && scanned < ENTRIES_MAX) {
    const range = { log: log.number, before, limit: PAGE };
    const bodies = await transaction.all(bodiesBefore, range);
    for (const { seq, body } of bodies) {
      const entry = parseEntry(body, seq);
      if (entry.time < since)
        return { accesses: [...accesses.values()], entries, isComplete: true };
      before = seq;
      if (entry.actor === undefined) continue;
      entries += 1;
      count(accesses, entry, entry.actor);
    }
    scanned += bodies.length;
    if (bodies.length < PAGE) break;
  }
  // Earlier entries there are none of, or they are kept no more.
  return { accesses: [...accesses.values()], entries, isComplete: before === 0 };
}

function count(accesses: Map<string, PastAccess>, entry: AuditEntry, actor: string): void {
  const { action, workspace, environment, path, ip, user_agent: userAgent, time } = entry;
  const parts = [actor, action, workspace, environment, path, ip, userAgent];
  const key = JSON.stringify([...parts, time.slice(0, MINUTE_LENGTH)]);
  const known = accesses.get(key);
  // Newest come first.
  const last = known?.last ?? time;
  const times = (known?.times ?? 0) + 1;
  const access = { actor, action, workspace, environment, path, ip, userAgent, times, last };
  accesses.set(key, access);
}
