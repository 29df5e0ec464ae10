import { setImmediate as nextTurn } from 'node:timers/promises';

import { StrongroomError } from '../../errors.ts';
import { equalBytes } from '../../lib/compare.ts';
import { HASH_BYTES, textLeafHash } from '../../merkle/hash.ts';
import { TILE_WIDTH } from '../../merkle/tile.ts';
import type { Transaction } from '../../store/store.ts';
import type { AuditLog } from './audit-log.ts';
import { parseEntry, type AuditEntry } from './entry.ts';
import { bodiesBefore, bodiesFrom, oneBody, type StoredBody } from './log-queries.ts';
import { provenTile } from './proven-tile.ts';

/** The stored entries of one change. */
export interface FoundChange {
  /** Of the entry that was named, or of all entries of its request, in their order. */
  readonly bodies: readonly StoredBody[];
  /** Ids of secrets that another request changed in the same millisecond. */
  readonly changedAtOnce: ReadonlySet<string>;
  /** Of the request that the one named entry is of: its id, and which secrets it changed. */
  readonly whole: { readonly request: string; readonly secretIds: ReadonlySet<string> } | undefined;
}

const PAGE = 1000;

/**
 * Finds the entries of a change: by an entry's sequence number that entry, or if
 * it names no secret all of its request; by a request id all of the request.
 *
 * @returns `undefined` if there are none.
 */
export async function findChange(
  transaction: Transaction,
  log: number,
  change: number | string,
): Promise<FoundChange | undefined> {
  const last = typeof change === 'string' ? await lastOfRequest(transaction, log, change) : change;
  if (last === undefined) return undefined;
  const row = await transaction.get(oneBody, { log, seq: last });
  if (row === undefined) return undefined;
  const named = { seq: last, body: row.body };
  const isOne = typeof change === 'number' && parseEntry(row.body, last).secret_id !== undefined;
  const all = await wholeRequest(transaction, log, named);
  const bodies = isOne ? [named] : all;
  const whole = isOne ? changedBy(all) : undefined;
  return { bodies, changedAtOnce: await changedAtOnce(transaction, log, bodies), whole };
}

function changedBy(bodies: readonly StoredBody[]): FoundChange['whole'] {
  const secretIds = new Set<string>();
  let request = '';
  for (const { seq, body } of bodies) {
    const { secret_id: id, revision, outcome, ...entry } = parseEntry(body, seq);
    if (id !== undefined && revision !== undefined && outcome === 'ok') secretIds.add(id);
    ({ request } = entry);
  }
  return { request, secretIds };
}

/**
 * The entries as they were written: each is held against the log's tree.
 *
 * @throws {@link StrongroomError} `audit_tampered`.
 */
export async function provenEntries(
  transaction: Transaction,
  log: AuditLog,
  bodies: readonly StoredBody[],
): Promise<readonly AuditEntry[]> {
  const edge = { log: log.number, size: log.size, frontier: log.frontier };
  let tile = -1;
  let hashes: Uint8Array = new Uint8Array();
  const entries: AuditEntry[] = [];
  for (const { seq, body } of bodies) {
    const index = Math.floor(seq / TILE_WIDTH);
    if (index !== tile) hashes = await provenTile(transaction, edge, 0, index);
    tile = index;
    const at = (seq % TILE_WIDTH) * HASH_BYTES;
    if (!equalBytes(textLeafHash(body), hashes.subarray(at, at + HASH_BYTES))) {
      throw new StrongroomError(
        'audit_tampered',
        'an audit entry is not the one that was written',
        { details: { log: log.id, index: seq } },
      );
    }
    entries.push(parseEntry(body, seq));
  }
  return entries;
}

/** Looks back from the newest entry, page by page. */
async function lastOfRequest(
  transaction: Transaction,
  log: number,
  request: string,
): Promise<number | undefined> {
  const mark = markOf(request);
  for (let before = Number.MAX_SAFE_INTEGER; before > 0;) {
    const page = await transaction.all(bodiesBefore, { log, before, limit: PAGE });
    const found = page.find(({ body }) => body.includes(mark));
    if (found !== undefined) return found.seq;
    before = page.length < PAGE ? 0 : (page.at(-1)?.seq ?? 0);
    await nextTurn();
  }
  return undefined;
}

/** The entries of one request stand together. */
async function wholeRequest(
  transaction: Transaction,
  log: number,
  named: StoredBody,
): Promise<readonly StoredBody[]> {
  const mark = markOf(parseEntry(named.body, named.seq).request);
  const bodies = [named];
  for (let before = named.seq; before > 0;) {
    const page = await transaction.all(bodiesBefore, { log, before, limit: PAGE });
    const end = page.findIndex(({ body }) => !body.includes(mark));
    bodies.unshift(...page.slice(0, end < 0 ? page.length : end).toReversed());
    if (end >= 0 || page.length < PAGE) break;
    before = page.at(-1)?.seq ?? 0;
  }
  for (let from = named.seq + 1; ;) {
    const page = await transaction.all(bodiesFrom, { log, from, limit: PAGE });
    const end = page.findIndex(({ body }) => !body.includes(mark));
    bodies.push(...page.slice(0, end < 0 ? page.length : end));
    if (end >= 0 || page.length < PAGE) return bodies;
    from = (page.at(-1)?.seq ?? from) + 1;
  }
}

async function changedAtOnce(
  transaction: Transaction,
  log: number,
  bodies: readonly StoredBody[],
): Promise<ReadonlySet<string>> {
  const changed = new Set<string>();
  const [first] = bodies;
  if (first === undefined) return changed;
  const { time, request } = parseEntry(first.body, first.seq);
  /** Whether all of a page is of that millisecond. */
  const take = (page: readonly StoredBody[]): boolean =>
    page.every(({ seq, body }) => {
      const entry = parseEntry(body, seq);
      if (entry.time !== time) return false;
      const { secret_id: id, revision } = entry;
      if (id !== undefined && revision !== undefined && entry.request !== request) changed.add(id);
      return true;
    });
  for (let before = first.seq; before > 0;) {
    const page = await transaction.all(bodiesBefore, { log, before, limit: PAGE });
    if (!take(page) || page.length < PAGE) break;
    before = page.at(-1)?.seq ?? 0;
  }
  for (let from = first.seq + 1; ;) {
    const page = await transaction.all(bodiesFrom, { log, from, limit: PAGE });
    if (!take(page) || page.length < PAGE) return changed;
    from = (page.at(-1)?.seq ?? from) + 1;
  }
}

function markOf(request: string): string {
  return `"request":"${request}"`;
}
