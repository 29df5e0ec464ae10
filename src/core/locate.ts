import {
  workspaceNotFound,
  type Directory,
  type Workspace,
} from '../domain/workspaces/directory.ts';
import { StrongroomError } from '../errors.ts';
import { isUuid } from '../lib/ids.ts';
import { statement, type Parameters } from '../store/statement.ts';
import type { Transaction } from '../store/store.ts';
import type { Identified } from './callers.ts';
import type { Address, Place } from './deferred-input.ts';
import { mayKnow } from './hidden-workspaces.ts';
import type { Rights } from './rights.ts';

// The row is not vouched for here: the operation finds and checks the secret by its path, and the
// pipeline holds the id that it found against the one that was asked for.
const placeOf = statement((db, p: Parameters<{ id: string }>) =>
  db.selectFrom('secrets').select(['environment_id', 'path']).where('id', '=', p('id')),
);

/** For whom something is located, by which rights. */
export interface Locating {
  readonly rights: Rights;
  readonly who: Identified;
}

/**
 * Finds the names of what an address gives by id. Of a workspace that there is not, whoever might not
 * be told of one of that name goes on like with one in which they have no right.
 *
 * @throws {@link StrongroomError} `workspace_not_found`; `secret_not_found`, also for a secret of another workspace.
 */
export async function locate(
  transaction: Transaction,
  { rights, who }: Locating,
  { workspace: named, secretId }: Address,
): Promise<Place> {
  const { directory } = rights;
  // It is looked for whether or not there is the workspace: how long that takes must not tell.
  const row = isUuid(secretId ?? '')
    ? await transaction.get(placeOf, { id: secretId ?? '' })
    : undefined;
  const workspace = named === undefined ? undefined : findWorkspace(directory, named);
  if (named !== undefined && workspace === undefined) {
    if (secretId !== undefined || mayKnow(rights, who, named)) throw workspaceNotFound(named);
    return { workspace: named };
  }
  if (secretId === undefined) return workspace === undefined ? {} : { workspace: workspace.name };
  const environment = row && directory.environmentById(row.environment_id);
  if (row === undefined || environment === undefined) throw noSuchSecret();
  if (workspace === undefined || environment.workspace.id !== workspace.id) throw noSuchSecret();
  return { workspace: workspace.name, environment: environment.name, path: row.path };
}

/** What is said of an id that there is not, or not for the caller. */
export function noSuchSecret(): StrongroomError {
  return new StrongroomError('secret_not_found', 'there is no secret with this id');
}

function findWorkspace(directory: Directory, named: string): Workspace | undefined {
  return (
    (isUuid(named) ? directory.workspaceById(named) : undefined) ?? directory.findWorkspace(named)
  );
}
