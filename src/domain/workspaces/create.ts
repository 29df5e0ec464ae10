import { StrongroomError } from '../../errors.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { ENVIRONMENTS, KEYS, WORKSPACES } from '../../store/protected-tables.ts';
import { insertRow } from '../../store/rows.ts';
import type { Work } from '../work.ts';
import type { Directory, Environment, Workspace } from './directory.ts';
import { FIRST_ENVIRONMENTS, requireNewName } from './names.ts';

/**
 * Makes a workspace with its key and the usual environments.
 *
 * @throws {@link StrongroomError} `workspace_exists`, `invalid_name`, `reserved_name`.
 */
export async function createWorkspace(
  work: Work,
  directory: Directory,
  name: string,
): Promise<Workspace> {
  requireNewName('workspace', name);
  if (directory.findWorkspace(name) !== undefined) {
    throw new StrongroomError('workspace_exists', `there is a workspace ${name} already`, {
      details: { workspace: name },
    });
  }
  return insertWorkspace(work, name);
}

/** Makes a workspace under a name that has been checked. */
export async function insertWorkspace(work: Work, name: string): Promise<Workspace> {
  const workspace: Workspace = { id: uuidv7(), name };
  await insertRow(work.transaction, work.mac, WORKSPACES, {
    id: workspace.id,
    name,
    created_at: work.now,
    created_by: work.actor,
  });
  const key = work.keyring.create({ purpose: 'workspace', workspaceId: workspace.id, number: 1 });
  await insertRow(work.transaction, work.mac, KEYS, key);
  await work.keyUses.begin(key.id);
  work.keyring.add(key);
  for (const [position, environment] of FIRST_ENVIRONMENTS.entries()) {
    await insertEnvironment(work, workspace, { name: environment, position });
  }
  return workspace;
}

/**
 * Makes an environment at the end of its workspace.
 *
 * @throws {@link StrongroomError} `environment_exists`, `invalid_name`, `reserved_name`.
 */
export async function createEnvironment(
  work: Work,
  directory: Directory,
  { workspace, name }: { readonly workspace: Workspace; readonly name: string },
): Promise<Environment> {
  requireNewName('environment', name);
  const present = directory.environments(workspace);
  if (present.some((environment) => environment.name === name)) {
    throw new StrongroomError('environment_exists', `there is an environment ${name} already`, {
      details: { workspace: workspace.name, environment: name },
    });
  }
  return insertEnvironment(work, workspace, { name, position: present.length });
}

async function insertEnvironment(
  work: Work,
  workspace: Workspace,
  { name, position }: { readonly name: string; readonly position: number },
): Promise<Environment> {
  const id = uuidv7();
  await insertRow(work.transaction, work.mac, ENVIRONMENTS, {
    id,
    workspace_id: workspace.id,
    name,
    position,
    protected: 0,
    created_at: work.now,
    created_by: work.actor,
  });
  return { id, name, position, isProtected: false, workspace };
}
