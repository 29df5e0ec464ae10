import { SECRETS } from '../../store/protected-tables.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';
import { secretDeleted, secretNotFound } from './secret-errors.ts';

const live = statement((db, p: Parameters<{ environmentId: string; path: string }>) =>
  db
    .selectFrom('secrets')
    .selectAll()
    .where('environment_id', '=', p('environmentId'))
    .where('path', '=', p('path'))
    .where('deleted_at', 'is', null),
);

const trash = statement((db, p: Parameters<{ environmentId: string; path: string }>) =>
  db
    .selectFrom('secrets')
    .selectAll()
    .where('environment_id', '=', p('environmentId'))
    .where('path', '=', p('path'))
    .where('deleted_at', 'is not', null)
    .orderBy('deleted_at', 'desc')
    .orderBy('id', 'desc')
    .limit(1),
);

/** The secret at a path, or `undefined`. */
export async function findSecret(
  work: Work,
  environment: Environment,
  path: string,
): Promise<SecretRow | undefined> {
  const row = await work.transaction.get(live, { environmentId: environment.id, path });
  if (row !== undefined) work.mac.check(SECRETS, row);
  return row;
}

/** The secret that was deleted last from a path, or `undefined`. */
export async function findDeleted(
  work: Work,
  environment: Environment,
  path: string,
): Promise<SecretRow | undefined> {
  const row = await work.transaction.get(trash, { environmentId: environment.id, path });
  if (row !== undefined) work.mac.check(SECRETS, row);
  return row;
}

/**
 * The secret at a path.
 *
 * @throws {@link StrongroomError} `secret_not_found`; `secret_deleted` if it is in the trash.
 */
export async function requireSecret(
  work: Work,
  environment: Environment,
  path: string,
): Promise<SecretRow> {
  const row = await findSecret(work, environment, path);
  if (row !== undefined) return row;
  const deleted = await findDeleted(work, environment, path);
  throw deleted === undefined
    ? secretNotFound(path, environment.name)
    : secretDeleted(path, environment.name);
}
