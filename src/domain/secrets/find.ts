import { SECRETS } from '../../store/protected-tables.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';
import { secretDeleted, secretInactive, secretNotFound } from './secret-errors.ts';

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
    .where('destroyed_at', 'is', null)
    .orderBy('deleted_at', 'desc')
    .orderBy('id', 'desc')
    .limit(1),
);

const byId = statement((db, p: Parameters<{ id: string }>) =>
  db.selectFrom('secrets').selectAll().where('id', '=', p('id')),
);

/** A secret by its id, wherever it is, also in the trash and destroyed; or `undefined`. */
export async function findSecretById(work: Work, id: string): Promise<SecretRow | undefined> {
  const row = await work.transaction.get(byId, { id });
  if (row !== undefined) work.mac.check(SECRETS, row);
  return row;
}

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

/** The secret that was deleted last from a path and can be restored, or `undefined`. */
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

/**
 * Refuses to go on to the value of a secret that is not to be given out.
 *
 * @throws {@link StrongroomError} `secret_inactive`.
 */
export function requireActive(row: SecretRow, environment: Environment): void {
  if (row.inactive_at !== null) throw secretInactive(row.path, environment.name);
}

/**
 * The secret at a path, or else the one that was deleted last from there.
 *
 * @param isLive - Only one that is there will do.
 * @throws {@link StrongroomError} `secret_not_found`; `secret_deleted` if it is in the trash and must not be.
 */
export async function requireSecretOrTrash(
  work: Work,
  environment: Environment,
  { path, isLive }: { readonly path: string; readonly isLive: boolean },
): Promise<SecretRow> {
  if (isLive) return requireSecret(work, environment, path);
  const row =
    (await findSecret(work, environment, path)) ?? (await findDeleted(work, environment, path));
  if (row === undefined) throw secretNotFound(path, environment.name);
  return row;
}
