import { StrongroomError } from '../../errors.ts';
import { SECRETS } from '../../store/protected-tables.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';
import { FOLDER_SECRETS_MAX } from './limits.ts';
import { AFTER_ALL } from './path-range.ts';

interface Range {
  readonly environmentId: string;
  readonly from: string;
  readonly before: string;
  readonly limit: number;
}

const under = statement((db, p: Parameters<Range>) =>
  db
    .selectFrom('secrets')
    .selectAll()
    .where('environment_id', '=', p('environmentId'))
    .where('path', '>=', p('from'))
    .where('path', '<', p('before'))
    .where('deleted_at', 'is', null)
    .orderBy('path')
    .limit(p('limit')),
);

/** SQLite takes a negative limit for none. */
const NO_LIMIT = -1;

/**
 * The secrets whose paths begin with a text, by path, checked.
 *
 * @throws {@link StrongroomError} `invalid_input` if there are more than 10,000; `integrity_error`.
 */
export async function secretsUnder(
  work: Work,
  environment: Environment,
  prefix: string,
): Promise<readonly SecretRow[]> {
  const rows = await rowsUnder(work, environment, { prefix, limit: FOLDER_SECRETS_MAX + 1 });
  if (rows.length > FOLDER_SECRETS_MAX) throw tooMany();
  return rows;
}

/** All secrets of an environment, by path, checked. */
export function allSecrets(work: Work, environment: Environment): Promise<readonly SecretRow[]> {
  return rowsUnder(work, environment, { prefix: '', limit: NO_LIMIT });
}

/** The first secrets whose paths begin with a text, by path, checked; a negative limit is none. */
export async function rowsUnder(
  work: Work,
  environment: Environment,
  { prefix, limit }: { readonly prefix: string; readonly limit: number },
): Promise<readonly SecretRow[]> {
  const rows = await work.transaction.all(under, {
    environmentId: environment.id,
    from: prefix,
    before: prefix + AFTER_ALL,
    limit,
  });
  for (const row of rows) work.mac.check(SECRETS, row);
  return rows;
}

/** More secrets than one call works on. */
export function tooMany(): StrongroomError {
  return new StrongroomError(
    'invalid_input',
    `one call works on ${FOLDER_SECRETS_MAX} secrets at most`,
    { hint: 'name a folder that has fewer' },
  );
}
