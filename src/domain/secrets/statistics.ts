import { statement, type Parameters } from '../../store/statement.ts';
import type { Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';

/** Numbers over secrets that are live. */
export interface SecretCounts {
  readonly secrets: number;
  /** Versions that were written, those that were deleted or destroyed too. */
  readonly versions: number;
  readonly byType: Readonly<Record<string, number>>;
  /** The 100 tags that most secrets have. */
  readonly byTag: Readonly<Record<string, number>>;
  readonly inactive: number;
  readonly withoutOwner: number;
  readonly expired: number;
  /** Those that expire in the next 30 days. */
  readonly expiringSoon: number;
  readonly rotationDue: number;
  readonly neverRead: number;
}

interface Range {
  readonly environmentId: string;
  readonly after: string;
  readonly limit: number;
}

const page = statement((db, p: Parameters<Range>) =>
  db
    .selectFrom('secrets')
    .leftJoin('secret_reads', 'secret_reads.secret_id', 'secrets.id')
    .select([
      'path',
      'type',
      'tags',
      'current_version',
      'expires_at',
      'inactive_at',
      'owner',
      'rotation_due_at',
      'secret_reads.reads',
    ])
    .where('environment_id', '=', p('environmentId'))
    .where('path', '>', p('after'))
    .where('deleted_at', 'is', null)
    .orderBy('path')
    .limit(p('limit')),
);

const PAGE = 4096;
const TAGS_TOLD = 100;
export const SOON_MS: number = 30 * 24 * 60 * 60 * 1000;

/**
 * Counts the secrets of an environment that the caller may know of. Rows are
 * counted as they are: their MACs are checked where something is given out.
 */
export async function countSecrets(
  work: Work,
  environment: Environment,
  mayList: (path: string) => boolean,
): Promise<SecretCounts> {
  const counts = {
    secrets: 0,
    versions: 0,
    inactive: 0,
    withoutOwner: 0,
    expired: 0,
    expiringSoon: 0,
    rotationDue: 0,
    neverRead: 0,
  };
  const types = new Map<string, number>();
  const tags = new Map<string, number>();
  for (let after = ''; ;) {
    const range = { environmentId: environment.id, after, limit: PAGE };
    const rows = await work.transaction.all(page, range);
    for (const row of rows) {
      if (!mayList(row.path)) continue;
      counts.secrets += 1;
      counts.versions += row.current_version;
      count(types, row.type);
      for (const tag of tagsIn(row.tags)) count(tags, tag);
      if (row.inactive_at !== null) counts.inactive += 1;
      if (row.owner === null) counts.withoutOwner += 1;
      if (isBy(row.expires_at, work.now)) counts.expired += 1;
      else if (isBy(row.expires_at, work.now + SOON_MS)) counts.expiringSoon += 1;
      if (isBy(row.rotation_due_at, work.now)) counts.rotationDue += 1;
      if (row.reads === null) counts.neverRead += 1;
    }
    const last = rows.at(-1)?.path;
    if (last === undefined || rows.length < PAGE) break;
    after = last;
  }
  return { ...counts, byType: most(types), byTag: most(tags) };
}

/** Most have none, which is quicker seen than parsed. */
function tagsIn(text: string): readonly string[] {
  return text === '[]' ? [] : (JSON.parse(text) as readonly string[]);
}

function isBy(moment: number | null, time: number): boolean {
  return moment !== null && moment <= time;
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** The names with the highest counts, those first. */
function most(counts: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  const sorted = [...counts].toSorted(
    ([a, many], [b, others]) => others - many || (a < b ? -1 : 1),
  );
  return Object.fromEntries(sorted.slice(0, TAGS_TOLD));
}
