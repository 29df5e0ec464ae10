import { SECRET_STATES, SECRETS } from '../../store/protected-tables.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { SecretRow, SecretStateRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';
import { isLiveAt, secretAt, thenRow, withVersionAt, type PastSecret } from './at.ts';
import { findSecretById } from './find.ts';
import { strangeCursor, tagsOf, type ListFilter } from './list.ts';
import { AFTER_ALL, beforePrefix } from './path-range.ts';

/**
 * Where a list of a moment goes on: after a secret's place of then, after its
 * place of now, or with an environment's first.
 */
export type PastCursor =
  | { readonly moment: 'former' | 'now'; readonly id: string }
  | { readonly moment: 'start'; readonly environmentId: string };

/** One page of what was there at a moment, and where the next page begins. */
export interface PastPage {
  readonly rows: readonly (PastSecret & { readonly environment: Environment })[];
  readonly next: PastCursor | undefined;
}

/** What a list of a moment gives. */
export interface ListAtOptions {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly filter: ListFilter;
  readonly limit: number;
  readonly after: PastCursor | undefined;
  /** How many rows are looked at for one page. */
  readonly looksMax: number;
  /** Whether the caller may know of a secret by both places; those it may not are passed over. */
  readonly mayList: (environment: Environment, former: SecretRow, present: SecretRow) => boolean;
}

interface Window {
  readonly environmentId: string;
  readonly after: string;
  readonly until: string;
  readonly at: number;
}

const windowEnd = statement(
  (db, p: Parameters<{ environmentId: string; after: string; before: string; offset: number }>) =>
    db
      .selectFrom('secrets')
      .select(['id', 'path'])
      .where('environment_id', '=', p('environmentId'))
      .where('path', '>', p('after'))
      .where('path', '<', p('before'))
      .where('deleted_at', 'is', null)
      .orderBy('path')
      .limit(1)
      .offset(p('offset')),
);

const liveIn = statement((db, p: Parameters<Window>) =>
  db
    .selectFrom('secrets')
    .selectAll()
    .where('environment_id', '=', p('environmentId'))
    .where('path', '>', p('after'))
    .where('path', '<=', p('until'))
    .where('deleted_at', 'is', null)
    .where((e) => e.fn.coalesce('state_since', 'created_at'), '<=', p('at')),
);

const trashedIn = statement((db, p: Parameters<Window>) =>
  db
    .selectFrom('secrets')
    .selectAll()
    .where('environment_id', '=', p('environmentId'))
    .where('path', '>', p('after'))
    .where('path', '<=', p('until'))
    .where('deleted_at', '>', p('at'))
    .where((e) => e.fn.coalesce('state_since', 'created_at'), '<=', p('at')),
);

const statesIn = statement((db, p: Parameters<Window>) =>
  db
    .selectFrom('secret_states')
    .selectAll()
    .where('environment_id', '=', p('environmentId'))
    .where('path', '>', p('after'))
    .where('path', '<=', p('until'))
    .where('until', '>', p('at'))
    .where('since', '<=', p('at')),
);

const WINDOW_MAX = 2048;

/** A secret on the way, before its MACs were checked and its version is known. */
interface Candidate {
  readonly former: SecretRow;
  readonly present: SecretRow;
  readonly state: SecretStateRow | undefined;
}

/**
 * Lists the secrets that were there at a moment by the paths of then,
 * environment after environment. A page may have fewer than `limit` and still
 * not be the last. Rows are checked that are given out.
 *
 * @throws {@link StrongroomError} `invalid_input` for a cursor that is not of this list;
 * `integrity_error` for a row that was altered.
 */
export async function listSecretsAt(
  work: Work,
  environments: readonly Environment[],
  options: ListAtOptions,
): Promise<PastPage> {
  const { limit, mayList, filter, looksMax } = options;
  const rows: PastPage['rows'][number][] = [];
  let previous: PastCursor | undefined;
  let looks = 0;
  for await (const { environment, candidates, present, next } of windows(
    work,
    environments,
    options,
  )) {
    const shown = candidates.filter(
      ({ former, present }) => fits(former, filter) && mayList(environment, former, present),
    );
    const room = limit - rows.length;
    for (const found of shown.slice(0, room)) {
      rows.push({ ...(await checked(work, found, options.at)), environment });
    }
    if (shown.length > room) {
      const last = shown[room - 1]?.present.id;
      return { rows, next: last === undefined ? previous : { moment: 'former', id: last } };
    }
    // Going into a stretch is work too, also where nothing is in it.
    looks += 1 + Math.max(candidates.length, present);
    if (looks >= looksMax) return { rows, next };
    previous = next;
  }
  return { rows, next: undefined };
}

/** A stretch of paths of one environment, and what was in it. */
interface Stretch {
  readonly environment: Environment;
  readonly candidates: readonly Candidate[];
  /** How many secrets are known to be in it now. */
  readonly present: number;
  /** Where the stretch after it begins; the last one has none. */
  readonly next: PastCursor | undefined;
}

/** Goes through the paths in stretches that are bounded by what is there now, longer ones as it goes on. */
async function* windows(
  work: Work,
  environments: readonly Environment[],
  { filter, limit, after, at }: ListAtOptions,
): AsyncGenerator<Stretch> {
  const prefix = filter.prefix ?? '';
  const from = after === undefined ? undefined : await position(work, after, at);
  const start =
    from === undefined ? 0 : environments.findIndex(({ id }) => id === from.environmentId);
  if (start < 0 || from?.path?.startsWith(prefix) === false) throw strangeCursor();
  let size = Math.min(limit + 1, WINDOW_MAX);
  for (const [index, environment] of environments.entries()) {
    if (index < start) continue;
    const environmentId = environment.id;
    const before = prefix + AFTER_ALL;
    let last = (index === start ? from?.path : undefined) ?? beforePrefix(prefix);
    for (let end: { id: string; path: string } | undefined; ;) {
      const stretch = { environmentId, after: last, before, offset: size - 1 };
      end = await work.transaction.get(windowEnd, stretch);
      const until = end?.path ?? before;
      const candidates = await candidatesIn(work, { environmentId, after: last, until, at });
      if (end === undefined) {
        yield { environment, candidates, present: 0, next: startOf(environments[index + 1]) };
        break;
      }
      yield { environment, candidates, present: size, next: { moment: 'now', id: end.id } };
      last = end.path;
      size = Math.min(size * 2, WINDOW_MAX);
    }
  }
}

function startOf(environment: Environment | undefined): PastCursor | undefined {
  return environment && { moment: 'start', environmentId: environment.id };
}

async function candidatesIn(work: Work, window: Window): Promise<readonly Candidate[]> {
  const found: Candidate[] = [];
  for (const statement of [liveIn, trashedIn]) {
    for (const row of await work.transaction.all(statement, window)) {
      const former = { ...row, deleted_at: null, deleted_by: null };
      found.push({ former, present: row, state: undefined });
    }
  }
  for (const state of await work.transaction.all(statesIn, window)) {
    if (!isLiveAt(state, window.at)) continue;
    const present = await findSecretById(work, state.secret_id);
    if (present !== undefined) found.push({ former: thenRow(present, state), present, state });
  }
  return found.toSorted((a, b) =>
    a.former.path === b.former.path
      ? order(a.present.id, b.present.id)
      : order(a.former.path, b.former.path),
  );
}

async function checked(
  work: Work,
  { former, present, state }: Candidate,
  at: number,
): Promise<PastSecret> {
  work.mac.check(SECRETS, present);
  if (state !== undefined) work.mac.check(SECRET_STATES, state);
  return { former: await withVersionAt(work, former, at), present };
}

/** Where a list goes on; without a path with the first of an environment. */
async function position(
  work: Work,
  cursor: PastCursor,
  at: number,
): Promise<{ readonly environmentId: string; readonly path?: string }> {
  if (cursor.moment === 'start') return { environmentId: cursor.environmentId };
  const row = await findSecretById(work, cursor.id);
  if (row === undefined) throw strangeCursor();
  const stands = cursor.moment === 'now' ? row : (await secretAt(work, row, at))?.former;
  if (stands === undefined) throw strangeCursor();
  return { environmentId: stands.environment_id, path: stands.path };
}

function fits(row: SecretRow, filter: ListFilter): boolean {
  return (
    (filter.type === undefined || row.type === filter.type) &&
    (filter.tag === undefined || tagsOf(row).includes(filter.tag))
  );
}

function order(a: string, b: string): number {
  return a < b ? -1 : 1;
}
