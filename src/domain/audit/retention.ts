import { sha256 } from '../../crypto/hash.ts';
import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import { toBase64Url } from '../../lib/base64.ts';
import { TILE_WIDTH } from '../../merkle/tile.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { Transaction } from '../../store/store.ts';
import type { Work } from '../work.ts';
import { STATE_INTERVAL, type AuditLog } from './audit-log.ts';
import { indexedSize, pathOf } from './entry-index.ts';
import { parseEntry, type AuditEntry } from './entry.ts';
import { provenEntries } from './find-change.ts';
import { bodiesBefore, bodiesFrom, type StoredBody } from './log-queries.ts';
import { isStillSaid } from './still-said.ts';

/** Below which index entries are kept no more, but for some, and which those are. */
export interface Pruned {
  /** A multiple of 256. */
  readonly below: number;
  /** How many below it are still kept. */
  readonly kept: number;
  /** base64url of the SHA-256 of their indexes. */
  readonly digest: string;
}

/** What one call of {@link pruneEntries} did. */
export interface Pruning extends Pruned {
  /** How many entries' texts were removed. */
  readonly removed: number;
  /** Whether there is nothing more to remove. */
  readonly isFinished: boolean;
}

/** Options of {@link pruneEntries}. */
export interface PruneOptions {
  /** RFC 3339, UTC: entries before this moment are kept no more. */
  readonly before: string;
  /** Size of the newest checkpoint that is kept outside the vault. */
  readonly checkpointSize: number;
  /** Whether there is a workspace of an id. */
  readonly isWorkspace: (id: string) => boolean;
}

/** The action of the entries that say what was removed. */
export const PRUNE_ACTION = 'audit.prune';

const TILES_PER_CALL = 32;
const DETAIL = /^below (\d{1,16}), kept (\d{1,16}), ([A-Za-z0-9_-]{43})$/;

const firstSeq = statement((db, p: Parameters<{ log: number }>) =>
  db
    .selectFrom('audit_entries')
    .select(['seq'])
    .where('log', '=', p('log'))
    .orderBy('seq')
    .limit(1),
);

/** An entry's texts have their quotes escaped, so that nothing in them looks like a member. */
const newestPruning = statement((db, p: Parameters<{ log: number }>) =>
  db
    .selectFrom('audit_entries')
    .select(['seq', 'body'])
    .where('log', '=', p('log'))
    .where('body', 'like', `{"action":"${PRUNE_ACTION}",%,"detail":"below %,"outcome":"ok",%`)
    .orderBy('seq', 'desc')
    .limit(1),
);

const seqsBelow = statement((db, p: Parameters<{ log: number; below: number }>) =>
  db
    .selectFrom('audit_entries')
    .select(['seq'])
    .where('log', '=', p('log'))
    .where('seq', '<', p('below'))
    .orderBy('seq'),
);

const removeEntry = statement((db, p: Parameters<{ log: number; seq: number }>) =>
  db.deleteFrom('audit_entries').where('log', '=', p('log')).where('seq', '=', p('seq')),
);

const removeIndex = statement((db, p: Parameters<{ log: number; seq: number; path: string }>) =>
  db
    .deleteFrom('audit_index')
    .where('path', '=', p('path'))
    .where('log', '=', p('log'))
    .where('seq', '=', p('seq')),
);

/**
 * What the log itself says was removed from it last; `undefined` if nothing
 * was. It is as true as the entry that says so.
 */
export async function declaredPruning(
  transaction: Transaction,
  log: number,
): Promise<Pruned | undefined> {
  // The first entry of a log is never one of those that are kept.
  if ((await transaction.get(firstSeq, { log }))?.seq === 0) return undefined;
  const row = await transaction.get(newestPruning, { log });
  if (row === undefined) return undefined;
  const parts = DETAIL.exec(parseEntry(row.body, row.seq).detail ?? '');
  if (parts === null) return undefined;
  const [, below, kept, digest = ''] = parts;
  return { below: Number(below), kept: Number(kept), digest };
}

/** What the entry says that is written with a pruning. */
export function pruningDetail({ below, kept, digest }: Pruned): string {
  return `below ${below}, kept ${kept}, ${digest}`;
}

/** Whether the entries below a pruning whose text is there are those that were kept. */
export function areKept(declared: Pruned, seqs: readonly number[]): boolean {
  return declared.kept === seqs.length && declared.digest === digestOf(seqs);
}

/**
 * Removes the text of old entries; their leaf hashes stay, in the tiles, so
 * that the tree still verifies. What `verify` needs to tell an old row from
 * the present one stays too, as long as there is that row. What is removed is
 * held against the tree before.
 *
 * @returns `undefined` if there is nothing to remove.
 * @throws {@link StrongroomError} `audit_tampered`, `integrity_error`.
 */
export async function pruneEntries(
  work: Pick<Work, 'transaction' | 'mac'>,
  log: AuditLog,
  options: PruneOptions,
): Promise<Pruning | undefined> {
  const { transaction } = work;
  const declared = await declaredPruning(transaction, log.number);
  const from = declared?.below ?? 0;
  const end = await lastBoundary(transaction, log, options.checkpointSize);
  const old = await oldEntries(transaction, log, { from, end, before: options.before });
  const below = from + old.length;
  if (old.length === 0) return undefined;
  const before = await keptBefore(transaction, log, declared);
  const isFinished = old.length < TILES_PER_CALL * TILE_WIDTH;
  // Once in a round, what was kept before is looked at again.
  const candidates = isFinished ? [...before, ...old] : old;
  const removed = await noLongerSaid(work, log, candidates, options);
  await remove(transaction, log.number, removed);
  const seqs = (await transaction.all(seqsBelow, { log: log.number, below })).map(({ seq }) => seq);
  const digest = digestOf(seqs);
  return { below, kept: seqs.length, digest, removed: removed.length, isFinished };
}

/**
 * Up to where entries may be removed: whole tiles under the checkpoint that is
 * kept outside, that the index by path knows, and before the newest entry that
 * vouches for the tables.
 */
async function lastBoundary(
  transaction: Transaction,
  log: AuditLog,
  checkpointSize: number,
): Promise<number> {
  const page = { log: log.number, before: log.size, limit: 2 * STATE_INTERVAL };
  const newest = await transaction.all(bodiesBefore, page);
  const state = newest.find(({ body }) => body.includes('"state":'))?.seq ?? 0;
  const indexed = (await transaction.get(indexedSize, { log: log.number }))?.size ?? 0;
  const size = Math.min(state, indexed, checkpointSize, log.size);
  return size - (size % TILE_WIDTH);
}

/** The entries from one on that are all older than a moment, in whole tiles. */
async function oldEntries(
  transaction: Transaction,
  log: AuditLog,
  { from, end, before }: { readonly from: number; readonly end: number; readonly before: string },
): Promise<readonly StoredBody[]> {
  const limit = Math.min(TILES_PER_CALL * TILE_WIDTH, end - from);
  if (limit <= 0) return [];
  const bodies = await transaction.all(bodiesFrom, { log: log.number, from, limit });
  const gap = bodies.findIndex(({ seq }, at) => seq !== from + at);
  if (gap >= 0 || bodies.length < limit) {
    throw tampered('an audit entry is missing', { log: log.id, index: from + Math.max(gap, 0) });
  }
  const young = bodies.findIndex(({ seq, body }) => parseEntry(body, seq).time >= before);
  return bodies.slice(0, young < 0 ? limit : young - (young % TILE_WIDTH));
}

/** The entries that earlier prunings kept. */
async function keptBefore(
  transaction: Transaction,
  log: AuditLog,
  declared: Pruned | undefined,
): Promise<readonly StoredBody[]> {
  if (declared === undefined) return [];
  const { below, kept } = declared;
  const page = { log: log.number, from: 0, limit: kept + 1 };
  const found = await transaction.all(bodiesFrom, page);
  const bodies = found.filter(({ seq }) => seq < below);
  const seqs = bodies.map(({ seq }) => seq);
  if (areKept(declared, seqs)) return bodies;
  throw tampered('the audit entries that are kept are not those that the log names', {
    log: log.id,
    below,
  });
}

async function noLongerSaid(
  work: Pick<Work, 'transaction' | 'mac'>,
  log: AuditLog,
  candidates: readonly StoredBody[],
  { isWorkspace }: PruneOptions,
): Promise<readonly StoredBody[]> {
  const entries: readonly AuditEntry[] = await provenEntries(work.transaction, log, candidates);
  const removed: StoredBody[] = [];
  for (const [at, body] of candidates.entries()) {
    const entry = entries[at];
    if (entry !== undefined && (await isStillSaid(work, entry, isWorkspace))) continue;
    removed.push(body);
  }
  return removed;
}

async function remove(
  transaction: Transaction,
  log: number,
  removed: readonly StoredBody[],
): Promise<void> {
  const indexed = removed.flatMap(({ seq, body }) => {
    const path = pathOf(body);
    return path === undefined ? [] : [{ log, seq, path }];
  });
  await transaction.runMany(removeIndex, indexed);
  await transaction.runMany(
    removeEntry,
    removed.map(({ seq }) => ({ log, seq })),
  );
}

function digestOf(seqs: readonly number[]): string {
  return toBase64Url(sha256(seqs.join(' ')));
}

function tampered(
  message: string,
  details: Readonly<Record<string, string | number>>,
): StrongroomError {
  return new StrongroomError('audit_tampered', message, { details, hint: DAMAGED_HINT });
}
