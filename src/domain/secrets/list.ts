import { SECRETS } from '../../store/protected-tables.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';

/** What a list is narrowed to. */
export interface ListFilter {
  /** Paths that begin with this. */
  readonly prefix?: string | undefined;
  readonly type?: string | undefined;
  readonly tag?: string | undefined;
}

/** Where a list goes on: after this path of this environment. */
export interface ListPosition {
  readonly environment: string;
  readonly path: string;
}

/** One page: rows with their environments, and where the next page begins. */
export interface SecretPage {
  readonly rows: readonly { readonly row: SecretRow; readonly environment: Environment }[];
  readonly next: ListPosition | undefined;
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

/** A character after every one that a path can have. */
const AFTER_ALL = '~';

/**
 * Lists secrets by path, environment after environment.
 *
 * @param mayList - Says whether the caller may know of a secret; those it may not are passed over.
 */
export async function listSecrets(
  work: Work,
  environments: readonly Environment[],
  options: {
    readonly filter: ListFilter;
    readonly limit: number;
    readonly from: ListPosition | undefined;
    readonly mayList: (environment: Environment, path: string) => boolean;
  },
): Promise<SecretPage> {
  const { limit, mayList, filter } = options;
  const rows: { row: SecretRow; environment: Environment }[] = [];
  for await (const found of candidates(work, environments, options)) {
    const { row, environment } = found;
    if (!fits(row, filter) || !mayList(environment, row.path)) continue;
    const last = rows.at(-1);
    if (rows.length === limit && last !== undefined) {
      return { rows, next: { environment: last.environment.name, path: last.row.path } };
    }
    work.mac.check(SECRETS, row);
    rows.push(found);
  }
  return { rows, next: undefined };
}

/** The rows in question in their order, read in batches as they are asked for. */
async function* candidates(
  work: Work,
  environments: readonly Environment[],
  options: {
    readonly filter: ListFilter;
    readonly limit: number;
    readonly from: ListPosition | undefined;
  },
): AsyncGenerator<{ readonly row: SecretRow; readonly environment: Environment }> {
  const { from, filter } = options;
  const prefix = filter.prefix ?? '';
  const isNarrow = filter.type !== undefined || filter.tag !== undefined;
  const limit = isNarrow ? BATCH : Math.min(options.limit + 1, BATCH);
  const start = from === undefined ? 0 : environments.findIndex((e) => e.name === from.environment);
  for (const environment of environments.slice(Math.max(start, 0))) {
    let after = beforePrefix(prefix);
    if (environment.name === from?.environment && from.path > after) after = from.path;
    for (let batch: SecretRow[] | undefined; batch?.length !== 0;) {
      const range = { environmentId: environment.id, after, before: prefix + AFTER_ALL, limit };
      batch = await work.transaction.all(page, range);
      for (const row of batch) yield { row, environment };
      after = batch.at(-1)?.path ?? after;
    }
  }
}

/** The tags of a row. */
export function tagsOf(row: SecretRow): readonly string[] {
  return JSON.parse(row.tags) as readonly string[];
}

function fits(row: SecretRow, filter: ListFilter): boolean {
  return (
    (filter.type === undefined || row.type === filter.type) &&
    (filter.tag === undefined || tagsOf(row).includes(filter.tag))
  );
}

/** A text just before every path that begins with the prefix. */
function beforePrefix(prefix: string): string {
  if (prefix === '') return '';
  const last = prefix.charCodeAt(prefix.length - 1);
  return `${prefix.slice(0, -1)}${String.fromCharCode(last - 1)}${AFTER_ALL}`;
}
