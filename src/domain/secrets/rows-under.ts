import { SECRETS } from '../../store/protected-tables.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';

interface Range {
  readonly environmentId: string;
  readonly from: string;
  readonly before: string;
}

const under = statement((db, p: Parameters<Range>) =>
  db
    .selectFrom('secrets')
    .selectAll()
    .where('environment_id', '=', p('environmentId'))
    .where('path', '>=', p('from'))
    .where('path', '<', p('before'))
    .where('deleted_at', 'is', null)
    .orderBy('path'),
);

/** A character after every one that a path can have. */
const AFTER_ALL = '~';

/** All secrets of an environment whose paths begin with a text, by path. */
export async function rowsUnder(
  work: Work,
  environment: Environment,
  prefix: string,
): Promise<readonly SecretRow[]> {
  const rows = await work.transaction.all(under, {
    environmentId: environment.id,
    from: prefix,
    before: prefix + AFTER_ALL,
  });
  for (const row of rows) work.mac.check(SECRETS, row);
  return rows;
}
