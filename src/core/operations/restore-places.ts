import { findSecretById } from '../../domain/secrets/find.ts';
import { FIRST_ENVIRONMENTS } from '../../domain/workspaces/names.ts';
import { StrongroomError } from '../../errors.ts';
import type { PartsFound } from '../backup-parts.ts';
import type { Call } from '../operation.ts';

/**
 * Refuses a workspace that only has the name of the one in a backup: who gets a name that was used
 * before gets nothing with it.
 *
 * @param name - Of the workspace.
 * @throws {@link StrongroomError} `workspace_not_found`, unless the caller is an owner of the vault.
 */
export function requireSameWorkspace(name: string, call: Call, found: PartsFound): void {
  const present = call.directory.workspaces().find((each) => each.name === name);
  const isOwner = call.policy.isOwner(call.principal.id) && call.may('admin', [name]);
  if (found.workspaceId !== present?.id && !isOwner) {
    throw new StrongroomError(
      'workspace_not_found',
      `the backup has another workspace by the name ${name}, and not this one`,
      { details: { workspace: name }, hint: 'ask an owner of the vault to bring it back' },
    );
  }
}

/**
 * Names at once all that has to be made before the secrets have a place.
 *
 * @param name - Of the workspace.
 * @throws {@link StrongroomError} `workspace_not_found`, `environment_not_found`.
 */
export async function requirePlaces(
  name: string,
  call: Call,
  { secrets }: PartsFound,
): Promise<void> {
  const workspace = call.directory.workspaces().find((each) => each.name === name);
  const there = new Set(
    workspace === undefined
      ? FIRST_ENVIRONMENTS
      : call.directory.environments(workspace).map((each) => each.name),
  );
  const missing = new Set<string>();
  for (const { row, environment } of secrets) {
    if (there.has(environment) || missing.has(environment)) continue;
    const present = await findSecretById(call, row.id);
    // One that is live is brought back where it is now.
    if (present === undefined || present.deleted_at !== null) missing.add(environment);
  }
  if (workspace !== undefined && missing.size === 0) return;
  const environments = [...missing].toSorted();
  const commands = [
    ...(workspace === undefined ? [`\`strongroom workspace create ${name}\``] : []),
    ...environments.map((each) => `\`strongroom environment create ${each} -w ${name}\``),
  ];
  throw new StrongroomError(
    workspace === undefined ? 'workspace_not_found' : 'environment_not_found',
    workspace === undefined
      ? `there is no workspace ${name}`
      : `there is no environment ${environments.join(', ')} in ${name}`,
    {
      details: { workspace: name, environments },
      hint: `make what is missing first, and restore again: ${commands.join(', ')}`,
    },
  );
}
