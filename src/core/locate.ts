import type { Directory, Workspace } from '../domain/workspaces/directory.ts';
import { StrongroomError } from '../errors.ts';
import { isUuid } from '../lib/ids.ts';
import { statement, type Parameters } from '../store/statement.ts';
import type { Transaction } from '../store/store.ts';
import type { Address, Place } from './deferred-input.ts';

// The row is not vouched for here: the operation finds and checks the secret by its path, and the
// pipeline holds the id that it found against the one that was asked for.
const placeOf = statement((db, p: Parameters<{ id: string }>) =>
  db.selectFrom('secrets').select(['environment_id', 'path']).where('id', '=', p('id')),
);

/**
 * Finds the names of what an address gives by id.
 *
 * @throws {@link StrongroomError} `workspace_not_found`; `secret_not_found`, also for a secret of another workspace.
 */
export async function locate(
  transaction: Transaction,
  directory: Directory,
  { workspace: named, secretId }: Address,
): Promise<Place> {
  const workspace = named === undefined ? undefined : findWorkspace(directory, named);
  if (secretId === undefined) return workspace === undefined ? {} : { workspace: workspace.name };
  const row = isUuid(secretId) ? await transaction.get(placeOf, { id: secretId }) : undefined;
  const environment = row && directory.environmentById(row.environment_id);
  if (row === undefined || environment === undefined) throw noSuchSecret();
  if (environment.workspace.id !== workspace?.id) throw noSuchSecret();
  return { workspace: workspace.name, environment: environment.name, path: row.path };
}

/** What is said of an id that there is not, or not for the caller. */
export function noSuchSecret(): StrongroomError {
  return new StrongroomError('secret_not_found', 'there is no secret with this id');
}

/** What is said of a workspace by its id to whoever may know nothing in it: as of one that there is not. */
export function noSuchWorkspace(id: string): StrongroomError {
  return new StrongroomError('workspace_not_found', `there is no workspace ${id}`, {
    details: { workspace: id },
    hint: 'see `strongroom workspace list`',
  });
}

function findWorkspace(directory: Directory, named: string): Workspace {
  return (isUuid(named) ? directory.workspaceById(named) : undefined) ?? directory.workspace(named);
}
