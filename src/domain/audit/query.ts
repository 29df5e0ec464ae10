import { statement, type Parameters } from '../../store/statement.ts';
import type { Transaction } from '../../store/store.ts';
import type { AuditLog } from './audit-log.ts';
import { parseEntry, type AuditEntry, type Outcome } from './entry.ts';
import { INDEX_STEP, indexEntries, rebuildIndex } from './entry-index.ts';
import { bodiesBefore, type StoredBody } from './log-queries.ts';

/** What a query is narrowed to. */
export interface AuditFilter {
  /** Entries that name this path. */
  readonly path?: string | undefined;
  readonly environment?: string | undefined;
  readonly workspace?: string | undefined;
  readonly action?: string | undefined;
  /** A principal's name or id. */
  readonly actor?: string | undefined;
  readonly outcome?: Outcome | undefined;
  /** RFC 3339, UTC: entries of this moment or later. */
  readonly since?: string | undefined;
  /** RFC 3339, UTC: entries before this moment. */
  readonly until?: string | undefined;
}

/** A page of entries, newest first, and where the next page begins. */
export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  /** Sequence number to go on before. */
  readonly next: number | undefined;
}

const PAGE = 1000;

/** How many entries one query looks at before it gives what it has. */
const SCAN_MAX = 20_000;

const bodiesOfPath = statement(
  (db, p: Parameters<{ log: number; path: string; before: number; limit: number }>) =>
    db
      .selectFrom('audit_index')
      .innerJoin('audit_entries', (join) =>
        join
          .onRef('audit_entries.log', '=', 'audit_index.log')
          .onRef('audit_entries.seq', '=', 'audit_index.seq'),
      )
      .select(['audit_entries.seq', 'audit_entries.body'])
      .where('audit_index.path', '=', p('path'))
      .where('audit_index.log', '=', p('log'))
      .where('audit_index.seq', '<', p('before'))
      .orderBy('audit_index.seq', 'desc')
      .limit(p('limit')),
);

interface QueryOptions {
  readonly limit: number;
  readonly before: number | undefined;
  readonly maySee: (entry: AuditEntry) => boolean;
}

/**
 * The newest entries of a log that fit a filter and that the caller may see. An
 * index that names an entry which is not about the path was altered: it is
 * emptied, to be made again, and the log itself is looked through.
 *
 * @param options - `before`: only entries before this sequence number; `maySee`: whether the
 * caller may see an entry.
 */
export async function queryEntries(
  transaction: Transaction,
  log: AuditLog,
  filter: AuditFilter,
  options: QueryOptions,
): Promise<AuditPage> {
  if (filter.path === undefined) return collect(transaction, log, filter, options);
  await indexEntries(transaction, log, INDEX_STEP);
  return collect(transaction, log, filter, { ...options, indexedPath: filter.path });
}

async function collect(
  transaction: Transaction,
  log: AuditLog,
  filter: AuditFilter,
  options: QueryOptions & { readonly indexedPath?: string },
): Promise<AuditPage> {
  const { indexedPath } = options;
  const entries: AuditEntry[] = [];
  let before = Math.min(options.before ?? log.size, log.size);
  let scanned = 0;
  while (before > 0) {
    const page = Math.min(PAGE, Math.max(options.limit * 2, 100));
    const range = { log: log.number, before, limit: page };
    const bodies = await nextBodies(transaction, range, indexedPath);
    for (const { seq, body } of bodies) {
      const entry = parseEntry(body, seq);
      if (indexedPath !== undefined && entry.path !== indexedPath) {
        await rebuildIndex(transaction, log);
        const { limit, before: start, maySee } = options;
        return collect(transaction, log, filter, { limit, before: start, maySee });
      }
      if (filter.since !== undefined && entry.time < filter.since) {
        return { entries, next: undefined };
      }
      before = seq;
      if (!fits(entry, filter) || !options.maySee(entry)) continue;
      entries.push(entry);
      if (entries.length === options.limit) return { entries, next: seq > 0 ? seq : undefined };
    }
    scanned += bodies.length;
    if (bodies.length < page) break;
    if (scanned >= SCAN_MAX) return { entries, next: before };
  }
  return { entries, next: undefined };
}

function nextBodies(
  transaction: Transaction,
  range: { readonly log: number; readonly before: number; readonly limit: number },
  indexedPath: string | undefined,
): Promise<StoredBody[]> {
  return indexedPath === undefined
    ? transaction.all(bodiesBefore, range)
    : transaction.all(bodiesOfPath, { ...range, path: indexedPath });
}

function fits(entry: AuditEntry, filter: AuditFilter): boolean {
  return (
    (filter.path === undefined || entry.path === filter.path) &&
    (filter.workspace === undefined || entry.workspace === filter.workspace) &&
    (filter.environment === undefined || entry.environment === filter.environment) &&
    (filter.action === undefined || entry.action === filter.action) &&
    (filter.outcome === undefined || entry.outcome === filter.outcome) &&
    (filter.actor === undefined ||
      entry.actor === filter.actor ||
      entry.actor_name === filter.actor) &&
    (filter.until === undefined || entry.time < filter.until)
  );
}
