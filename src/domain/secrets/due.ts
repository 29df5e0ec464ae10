import { SECRETS } from '../../store/protected-tables.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';

/** A secret that is due, and the environment that it is in. */
export interface DueSecret {
  readonly row: SecretRow;
  readonly environment: Environment;
}

/** Where a due secret stands in their order. */
export interface DuePosition {
  readonly dueAt: number;
  readonly id: string;
}

/** Which secrets are asked for, and how many. */
export interface DueOptions {
  /** Those that are due until then, in milliseconds since 1970. */
  readonly until: number;
  readonly limit: number;
  /** The last one of the page before. */
  readonly after: DuePosition | undefined;
  /** Only those that have a generator. */
  readonly automatic: boolean;
  readonly mayList: (environment: Environment, path: string) => boolean;
}

const BATCH = 512;

const dueAfter = statement(
  (db, p: Parameters<{ since: number; after: string; until: number; limit: number }>) =>
    db
      .selectFrom('secrets')
      .selectAll()
      .where('rotation_due_at', 'is not', null)
      .where('rotation_due_at', '>=', p('since'))
      .where('rotation_due_at', '<=', p('until'))
      .where((e) => e.or([e('rotation_due_at', '>', p('since')), e('id', '>', p('after'))]))
      .where('deleted_at', 'is', null)
      .where('inactive_at', 'is', null)
      .orderBy('rotation_due_at')
      .orderBy('id')
      .limit(p('limit')),
);

/**
 * Active secrets that are due for rotation, those first that are due first.
 *
 * @param environments - Those that are looked at.
 * @returns At most `limit`, and whether there are more.
 * @throws {@link StrongroomError} `integrity_error` for a row on the way that was altered.
 */
export async function dueSecrets(
  work: Work,
  environments: readonly Environment[],
  { until, limit, after, automatic, mayList }: DueOptions,
): Promise<{ readonly due: readonly DueSecret[]; readonly hasMore: boolean }> {
  const byId = new Map(environments.map((environment) => [environment.id, environment]));
  const due: DueSecret[] = [];
  let at = { since: after?.dueAt ?? 0, after: after?.id ?? '' };
  for (;;) {
    const rows = await work.transaction.all(dueAfter, { ...at, until, limit: BATCH });
    for (const row of rows) {
      work.mac.check(SECRETS, row);
      const environment = byId.get(row.environment_id);
      if (environment === undefined || !mayList(environment, row.path)) continue;
      if (automatic && row.generator === null) continue;
      if (due.length === limit) return { due, hasMore: true };
      due.push({ row, environment });
    }
    const last = rows.at(-1);
    if (last === undefined) return { due, hasMore: false };
    at = { since: last.rotation_due_at ?? 0, after: last.id };
  }
}
