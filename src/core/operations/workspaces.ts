import { z } from 'zod';

import {
  createEnvironment as makeEnvironment,
  createWorkspace as makeWorkspace,
} from '../../domain/workspaces/create.ts';
import { removeWorkspace } from '../../domain/workspaces/remove.ts';
import type { Operation } from '../operation.ts';
import { IN_WORKSPACE, WORKSPACES } from '../rest-binding.ts';
import * as schema from './schema.ts';

export interface CreateWorkspaceInput {
  /** 1 to 63 lower-case letters, digits and hyphens. */
  readonly name: string;
}

export interface DeleteWorkspaceInput {
  readonly name: string;
}

/** A workspace that is gone. */
export interface WorkspaceDeleted {
  readonly id: string;
  readonly name: string;
  /** How many secrets it had, those in the trash too. */
  readonly secrets: number;
}

export interface CreateEnvironmentInput {
  readonly workspace?: string | undefined;
  /** 1 to 63 lower-case letters, digits and hyphens. */
  readonly name: string;
}

export interface ListEnvironmentsInput {
  readonly workspace?: string | undefined;
}

export interface WorkspaceSummary {
  readonly id: string;
  readonly name: string;
}

export interface EnvironmentSummary {
  readonly id: string;
  readonly workspace: string;
  readonly name: string;
  /** Order in the workspace, from 0. */
  readonly position: number;
  readonly isProtected: boolean;
}

/** The schema of {@link WorkspaceSummary}. */
export const workspaceSummary: z.ZodType<WorkspaceSummary> = schema.answer<WorkspaceSummary>({
  id: z.uuid(),
  name: z.string(),
});

/** The schema of {@link EnvironmentSummary}. */
export const environmentSummary: z.ZodType<EnvironmentSummary> = schema.answer<EnvironmentSummary>({
  id: z.uuid(),
  workspace: z.string(),
  name: z.string(),
  position: z.int(),
  isProtected: z.boolean(),
});

export const createWorkspace: Operation<CreateWorkspaceInput, WorkspaceSummary> = {
  name: 'workspaces.create',
  summary: 'Makes a workspace with its own key and the usual environments.',
  errors: ['reserved_name', 'workspace_exists'],
  input: z.strictObject({ name: z.string().max(255) }),
  output: workspaceSummary,
  rest: [{ method: 'POST', path: WORKSPACES, status: 201 }],
  secretMembers: [],
  mutates: true,
  requires: () => [{ capability: 'admin', resource: ['sys', 'workspaces'] }],
  subject: () => ({}),
  apply: async (input, call) => {
    const workspace = await makeWorkspace(call, call.directory, input.name);
    call.about({ workspace: workspace.name, workspaceId: workspace.id });
    return workspace;
  },
};

/** Errors: `workspace_not_found`, `reserved_name` for the first workspace. */
export const deleteWorkspace: Operation<DeleteWorkspaceInput, WorkspaceDeleted> = {
  name: 'workspaces.delete',
  summary: 'Destroys a workspace: its keys, and everything in it.',
  errors: ['reserved_name'],
  input: z.strictObject({ name: z.string().max(255) }),
  output: schema.answer<WorkspaceDeleted>({ id: z.uuid(), name: z.string(), secrets: z.int() }),
  rest: [{ method: 'DELETE', path: IN_WORKSPACE, workspaceAs: 'name' }],
  secretMembers: [],
  mutates: true,
  fresh: true,
  // An answer is kept under the workspace's key, which is gone with it.
  givesOnce: true,
  requires: () => [{ capability: 'admin', resource: ['sys', 'workspaces'] }],
  subject: ({ name }) => ({ workspace: name }),
  apply: async ({ name }, call) => {
    const workspace = call.directory.workspace(name);
    const secrets = await removeWorkspace(call, workspace);
    call.recent?.forgetWorkspace(workspace.id);
    call.scrub();
    call.about({ workspaceId: workspace.id, detail: `${secrets} secrets` });
    return { ...workspace, secrets };
  },
};

export const listWorkspaces: Operation<Record<string, never>, readonly WorkspaceSummary[]> = {
  name: 'workspaces.list',
  summary: 'Lists the workspaces in which the caller may list anything.',
  errors: [],
  input: z.strictObject({}),
  output: z.array(workspaceSummary),
  rest: [{ method: 'GET', path: WORKSPACES }],
  secretMembers: [],
  mutates: false,
  requires: () => [],
  subject: () => ({}),
  apply: async (_input, call) =>
    call.directory.workspaces().filter(({ name }) => call.may('list', [name], 'under')),
};

export const createEnvironment: Operation<CreateEnvironmentInput, EnvironmentSummary> = {
  name: 'environments.create',
  summary: 'Makes an environment at the end of a workspace.',
  errors: ['reserved_name', 'environment_exists'],
  input: z.strictObject({ workspace: schema.workspace, name: z.string().max(255) }),
  output: environmentSummary,
  rest: [{ method: 'POST', path: `${IN_WORKSPACE}/environments`, status: 201 }],
  secretMembers: [],
  mutates: true,
  requires: (input) => [{ capability: 'admin', resource: [schema.workspaceOf(input)] }],
  subject: (input) => ({ workspace: schema.workspaceOf(input) }),
  apply: async (input, call) => {
    const workspace = call.directory.workspace(schema.workspaceOf(input));
    const { name } = input;
    const made = await makeEnvironment(call, call.directory, { workspace, name });
    call.about({ environment: made.name, environmentId: made.id });
    return { ...made, workspace: workspace.name };
  },
};

export const listEnvironments: Operation<ListEnvironmentsInput, readonly EnvironmentSummary[]> = {
  name: 'environments.list',
  summary:
    'Lists the environments of a workspace in which the caller may list anything, in their order.',
  errors: [],
  input: z.strictObject({ workspace: schema.workspace }),
  output: z.array(environmentSummary),
  rest: [{ method: 'GET', path: `${IN_WORKSPACE}/environments` }],
  secretMembers: [],
  mutates: false,
  requires: (input) => [
    { capability: 'list', resource: [schema.workspaceOf(input)], reach: 'under' },
  ],
  subject: (input) => ({ workspace: schema.workspaceOf(input) }),
  apply: async (input, call) => {
    const workspace = call.directory.workspace(schema.workspaceOf(input));
    return call.directory
      .environments(workspace)
      .filter(({ name }) => call.may('list', [workspace.name, name], 'under'))
      .map((environment) => ({ ...environment, workspace: workspace.name }));
  },
};
