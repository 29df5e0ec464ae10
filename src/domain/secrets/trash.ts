import { StrongroomError } from '../../errors.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';
import { findDeleted, findSecret, requireSecret } from './find.ts';
import { casMismatch, secretExists } from './secret-errors.ts';
import { forgetReads } from './reads.ts';
import { changeState } from './states.ts';

/**
 * Deletes the secret at a path. It can be restored, and its name is free at once.
 *
 * @throws {@link StrongroomError} `secret_not_found`, `secret_deleted`, `cas_mismatch`.
 */
export async function deleteSecret(
  work: Work,
  environment: Environment,
  { path, cas }: { readonly path: string; readonly cas?: number | undefined },
): Promise<SecretRow> {
  const row = await requireSecret(work, environment, path);
  if (cas !== undefined && cas !== row.current_version) {
    throw casMismatch(row.current_version, cas);
  }
  await forgetReads(work, row.id);
  return changeState(work, row, { deleted_at: work.now, deleted_by: work.actor });
}

/**
 * Restores the secret that was deleted last from a path.
 *
 * @throws {@link StrongroomError} `secret_not_found` if none was; `secret_exists` if the name is taken.
 */
export async function undeleteSecret(
  work: Work,
  environment: Environment,
  path: string,
): Promise<SecretRow> {
  if ((await findSecret(work, environment, path)) !== undefined) {
    throw secretExists(path, environment.name, {
      hint: 'delete it first, if the one in the trash is wanted instead',
    });
  }
  const row = await findDeleted(work, environment, path);
  if (row === undefined) {
    throw new StrongroomError(
      'secret_not_found',
      `no secret ${path} was deleted from ${environment.name}`,
      { details: { environment: environment.name, path } },
    );
  }
  return changeState(work, row, {
    deleted_at: null,
    deleted_by: null,
    updated_at: work.now,
    updated_by: work.actor,
  });
}
