import { StrongroomError } from '../../errors.ts';
import { SECRETS } from '../../store/protected-tables.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';
import { findSecretById } from './find.ts';
import { isExpired } from './is-expired.ts';
import { AFTER_ALL, beforePrefix } from './path-range.ts';

/** What a list is narrowed to. */
export interface ListFilter {
  /** Paths that begin with this. */
  readonly prefix?: string | undefined;
  readonly type?: string | undefined;
  readonly tag?: string | undefined;
  /** A part of the path, upper or lower case. */
  readonly text?: string | undefined;
  /** Principal id; `null`: those without an owner. */
  readonly owner?: string | null | undefined;
  /** Last changed before this, in milliseconds since 1970. */
  readonly changedBefore?: number | undefined;
  /** Last changed then or later, in milliseconds since 1970. */
  readonly changedAfter?: number | undefined;
  readonly active?: boolean | undefined;
  /** Whether it has expired by now. */
  readonly expired?: boolean | undefined;
}

const NARROWING: readonly (keyof ListFilter)[] = [
  'type',
  'tag',
  'text',
  'owner',
  'changedBefore',
  'changedAfter',
  'active',
  'expired',
];

/** What a list looks at: a row, and the environment that it is in. */
export interface Candidate {
  readonly row: SecretRow;
  readonly environment: Environment;
}

/** Where the next page goes on. */
export interface NextSecret {
  readonly id: string;
  /** Whether it is one that was passed over, as the caller may not know of it. */
  readonly isHidden: boolean;
}

/** One page, and after which secret the next page begins. */
export interface SecretPage {
  readonly rows: readonly Candidate[];
  /** Set if there are more, or may be. */
  readonly next: NextSecret | undefined;
}

/** What a list gives, and how far it looks for it. */
export interface ListOptions {
  readonly filter: ListFilter;
  readonly limit: number;
  /**
   * `next` of the page before. One that is not hidden has to be of a secret that
   * may be listed: what was made up must not tell where another one stands.
   */
  readonly after: NextSecret | undefined;
  /** How many of those that fit are passed over first. Default none. */
  readonly offset?: number | undefined;
  /** How many rows are looked at for one page. */
  readonly looksMax: number;
  /** Says whether the caller may know of a secret; those it may not are passed over. */
  readonly mayList: (environment: Environment, path: string) => boolean;
}

/** How many rows are read at a time while looking for those that may be shown. */
const BATCH = 512;

interface Range {
  readonly environmentId: string;
  readonly after: string;
  readonly before: string;
  readonly limit: number;
}

const page = statement((db, p: Parameters<Range>) =>
  db
    .selectFrom('secrets')
    .selectAll()
    .where('environment_id', '=', p('environmentId'))
    .where('path', '>', p('after'))
    .where('path', '<', p('before'))
    .where('deleted_at', 'is', null)
    .orderBy('path')
    .limit(p('limit')),
);

/**
 * Lists secrets by path, environment after environment. A page may have fewer
 * than `limit` and still not be the last.
 *
 * @throws {@link StrongroomError} `invalid_input` if the list does not come by the secret that it
 * is to go on after; `integrity_error` for a row on the way that was altered.
 */
export async function listSecrets(
  work: Work,
  environments: readonly Environment[],
  options: ListOptions,
): Promise<SecretPage> {
  const { limit, mayList, filter, looksMax, offset = 0 } = options;
  const fits = fitting(filter, work.now);
  const rows: Candidate[] = [];
  let looks = 0;
  let passed = 0;
  let previous: Candidate | undefined;
  for await (const found of candidates(work, environments, options)) {
    const { row, environment } = found;
    if (looks === looksMax) {
      if (passed < offset) throw tooFar();
      return { rows, next: nextAfter(previous, mayList) };
    }
    looks += 1;
    // First: what was altered must not decide whether it is shown.
    work.mac.check(SECRETS, row);
    if (fits(row) && mayList(environment, row.path)) {
      if (rows.length === limit) return { rows, next: nextAfter(rows.at(-1), mayList) };
      if (passed < offset) passed += 1;
      else rows.push(found);
    }
    previous = found;
  }
  return { rows, next: undefined };
}

function nextAfter(
  last: Candidate | undefined,
  mayList: ListOptions['mayList'],
): NextSecret | undefined {
  if (last === undefined) return undefined;
  const { row, environment } = last;
  return { id: row.id, isHidden: !mayList(environment, row.path) };
}

/** The rows in question in their order, read in batches as they are asked for. */
async function* candidates(
  work: Work,
  environments: readonly Environment[],
  { filter, limit, after, offset = 0, mayList }: ListOptions,
): AsyncGenerator<Candidate> {
  const prefix = filter.prefix ?? '';
  const isNarrow = NARROWING.some((name) => filter[name] !== undefined);
  const batchSize = isNarrow ? BATCH : Math.min(offset + limit + 1, BATCH);
  const from = after === undefined ? undefined : await position(work, after.id);
  const start =
    from === undefined ? 0 : environments.findIndex(({ id }) => id === from.environmentId);
  const first = environments[start];
  if (from !== undefined && after !== undefined) {
    if (first === undefined) throw strangeCursor();
    if (!after.isHidden && !mayList(first, from.path)) throw strangeCursor();
    if (!from.path.startsWith(prefix)) throw strangeCursor();
  }
  for (const environment of environments.slice(start)) {
    let last = environment.id === from?.environmentId ? from.path : beforePrefix(prefix);
    for (let batch: SecretRow[] | undefined; batch?.length !== 0;) {
      const environmentId = environment.id;
      const range = { environmentId, after: last, before: prefix + AFTER_ALL, limit: batchSize };
      batch = await work.transaction.all(page, range);
      for (const row of batch) yield { row, environment };
      last = batch.at(-1)?.path ?? last;
    }
  }
}

/** Where a secret stands in lists, also if it has been deleted meanwhile. */
async function position(
  work: Work,
  id: string,
): Promise<{ readonly environmentId: string; readonly path: string }> {
  const row = await findSecretById(work, id);
  if (row === undefined) throw strangeCursor();
  return { environmentId: row.environment_id, path: row.path };
}

/** A cursor that this list never gave. */
export function strangeCursor(): StrongroomError {
  return new StrongroomError('invalid_input', 'the cursor is not one of this list', {
    hint: 'pass `next` of the page before, with the same filter and moment',
  });
}

/** Where a page begins is found by counting up to it. */
function tooFar(): StrongroomError {
  return new StrongroomError('invalid_input', 'the list is too long to count up to this offset', {
    hint: 'pass `next` of the page before as `cursor` instead',
  });
}

/** The tags of a row. */
export function tagsOf(row: SecretRow): readonly string[] {
  return JSON.parse(row.tags) as readonly string[];
}

/** What decides whether a row fits, made once for a list. */
function fitting(filter: ListFilter, now: number): (row: SecretRow) => boolean {
  const { type, tag, owner, active, expired } = filter;
  const text = filter.text?.toLowerCase();
  const { changedBefore = Number.POSITIVE_INFINITY, changedAfter = Number.NEGATIVE_INFINITY } =
    filter;
  return (row) =>
    (type === undefined || row.type === type) &&
    (text === undefined || row.path.toLowerCase().includes(text)) &&
    (owner === undefined || row.owner === owner) &&
    row.updated_at < changedBefore &&
    row.updated_at >= changedAfter &&
    (active === undefined || active === (row.inactive_at === null)) &&
    (expired === undefined || expired === isExpired(row, now)) &&
    (tag === undefined || tagsOf(row).includes(tag));
}
