import { SECRETS } from '../../store/protected-tables.ts';
import { query } from '../../store/statement.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';
import type { Candidate } from './list.ts';

/** What secrets are listed by: when they were deleted, expire, or are due for rotation. */
export type Moment = 'deleted_at' | 'expires_at' | 'rotation_due_at';

/** Which secrets are meant. */
export interface MomentRange {
  /** `deleted_at` is of those in the trash; the others are of those that are live. */
  readonly by: Moment;
  /** Only those whose moment is before this one, in milliseconds since 1970. Default: all. */
  readonly before?: number | undefined;
  /** Only those that are given out. Default: all. */
  readonly active?: boolean | undefined;
  /** Only those that have a generator. Default: all. */
  readonly generated?: boolean | undefined;
}

/** What a list by moments gives, and how far it looks for it. */
export interface MomentOptions extends MomentRange {
  readonly limit: number;
  readonly looksMax: number;
  /** `next` of the page before. */
  readonly after: MomentPosition | undefined;
  /** Says whether the caller may know of a secret; those it may not are passed over. */
  readonly mayList: (environment: Environment, path: string) => boolean;
}

/**
 * Where a secret stood in such a list when it was looked at. Not its id alone:
 * between two pages it may be restored, rotated or given another expiry, and
 * then stands elsewhere or nowhere.
 */
export interface MomentPosition {
  readonly moment: number;
  readonly id: string;
}

/** One page. */
export interface MomentPage {
  readonly rows: readonly Candidate[];
  /** Set if there are more, or may be: where the last one that was looked at stood. */
  readonly next: NextPosition | undefined;
}

/** Where the next page begins. */
export interface NextPosition extends MomentPosition {
  /** Whether a secret stood there that was passed over: nothing of it is for the caller. */
  readonly isHidden: boolean;
}

const BATCH = 512;
const BEGINNING: MomentPosition = { moment: Number.MIN_SAFE_INTEGER, id: '' };

/**
 * Lists secrets in the order of a moment, the earliest first. A page may have
 * fewer than `limit` and still not be the last. What is passed over does not
 * make a page have a next one, unless `looksMax` ends it: otherwise asking for
 * ever narrower ranges would tell the moments of what is hidden.
 *
 * @throws {@link StrongroomError} `integrity_error`.
 */
export async function listByMoment(
  work: Work,
  environments: readonly Environment[],
  options: MomentOptions,
): Promise<MomentPage> {
  const { limit, looksMax, after = BEGINNING, mayList, by } = options;
  const rows: Candidate[] = [];
  let from: NextPosition = { ...after, isHidden: false };
  let shown = from;
  for (let looks = 0; ;) {
    const batch = await rowsAfter(work, environments, { ...options, from, limit: BATCH });
    for (const candidate of batch) {
      if (looks === looksMax) return { rows, next: from };
      const isHidden = !mayList(candidate.environment, candidate.row.path);
      if (!isHidden && rows.length === limit) return { rows, next: shown };
      looks += 1;
      from = { moment: candidate.row[by] ?? 0, id: candidate.row.id, isHidden };
      if (isHidden) continue;
      rows.push(candidate);
      shown = from;
    }
    if (batch.length < BATCH) return { rows, next: undefined };
  }
}

/** The earliest secrets in a range, as many as `limit`. */
export function earliest(
  work: Work,
  environments: readonly Environment[],
  options: MomentRange & { readonly limit: number },
): Promise<readonly Candidate[]> {
  return rowsAfter(work, environments, { ...options, from: BEGINNING });
}

/** How many secrets are in a range. Rows are counted as they are, without their MACs. */
export async function countByMoment(
  work: Work,
  environments: readonly Environment[],
  { by, before = Number.MAX_SAFE_INTEGER }: MomentRange,
): Promise<number> {
  if (environments.length === 0) return 0;
  const ids = environments.map(({ id }) => id);
  const counted = await work.transaction.get(
    query((db) =>
      db
        .selectFrom('secrets')
        .select((e) => e.fn.countAll<number>().as('count'))
        .where(by, 'is not', null)
        .where(by, '<', before)
        .where(by === 'deleted_at' ? 'destroyed_at' : 'deleted_at', 'is', null)
        .where('environment_id', 'in', ids),
    ),
    {},
  );
  return counted?.count ?? 0;
}

async function rowsAfter(
  work: Work,
  environments: readonly Environment[],
  range: MomentRange & { readonly from: MomentPosition; readonly limit: number },
): Promise<readonly Candidate[]> {
  const { by, from, before = Number.MAX_SAFE_INTEGER, limit, active, generated } = range;
  const byId = new Map(environments.map((environment) => [environment.id, environment]));
  if (byId.size === 0) return [];
  const rows: readonly SecretRow[] = await work.transaction.all(
    query((db) =>
      db
        .selectFrom('secrets')
        .selectAll()
        .where(by, 'is not', null)
        .where(by, '>=', from.moment)
        .where(by, '<', before)
        .where(by === 'deleted_at' ? 'destroyed_at' : 'deleted_at', 'is', null)
        .where((e) => e.or([e(by, '>', from.moment), e('id', '>', from.id)]))
        .where('environment_id', 'in', [...byId.keys()])
        .$if(active === true, (rows) => rows.where('inactive_at', 'is', null))
        .$if(generated === true, (rows) => rows.where('generator', 'is not', null))
        .orderBy(by)
        .orderBy('id')
        .limit(limit),
    ),
    {},
  );
  return rows.flatMap((row) => {
    work.mac.check(SECRETS, row);
    const environment = byId.get(row.environment_id);
    return environment === undefined ? [] : [{ row, environment }];
  });
}
