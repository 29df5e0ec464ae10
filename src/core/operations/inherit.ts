import { z } from 'zod';

import { pathFault } from '../../domain/secrets/path.ts';
import type { Capability } from '../../domain/access/capability.ts';
import {
  createImport as create,
  importNotFound,
  removeImport,
  type Folder,
} from '../../domain/workspaces/imports.ts';
import { isoTime } from '../../lib/iso-time.ts';
import type { ImportRow } from '../../store/tables.ts';
import type { Call, Operation, Requirement } from '../operation.ts';
import { IN_WORKSPACE } from '../rest-binding.ts';
import { listScope, requiresToList } from './cursor.ts';
import * as schema from './schema.ts';

/** An environment, or a folder of it. */
export interface FolderAddress {
  /** Default: `default`; for a source, the workspace that imports. */
  readonly workspace?: string | undefined;
  readonly environment: string;
  /** A folder such as `db/`. Default: all of the environment. */
  readonly folder?: string | undefined;
}

export interface ImportInput extends FolderAddress {
  /** Where it has what it lacks from. */
  readonly source: FolderAddress;
}

export interface ListImportsInput {
  readonly workspace?: string | undefined;
  /** Default: all environments of the workspace. */
  readonly environment?: string | undefined;
}

/** What an environment or folder has what it lacks from. Times are RFC 3339. */
export interface ImportSummary {
  readonly id: string;
  readonly workspace: string;
  readonly environment: string;
  /** Empty for all of the environment. */
  readonly folder: string;
  /** `null` if the caller may not list anything there. */
  readonly source: {
    readonly workspace: string;
    readonly environment: string;
    readonly folder: string;
  } | null;
  /** Of two imports the one with the higher position wins. */
  readonly position: number;
  readonly createdAt: string;
  /** Principal id. */
  readonly createdBy: string;
}

/** The schema of {@link ImportSummary}. */
export const importSummary: z.ZodType<ImportSummary> = schema
  .answer<ImportSummary>({
    id: z.uuid(),
    workspace: z.string(),
    environment: z.string(),
    folder: z.string(),
    source: z
      .strictObject({ workspace: z.string(), environment: z.string(), folder: z.string() })
      .nullable(),
    position: z.int(),
    createdAt: schema.instant,
    createdBy: z.string(),
  })
  .meta({ wire: schema.SECRET_NAMES });

const folder = z
  .string()
  .refine(
    (text) => text === '' || pathFault(text.replace(/\/$/, '')) === undefined,
    'takes a folder such as db/',
  )
  .optional();

const members = { workspace: schema.workspace, environment: schema.environment, folder };

const common = {
  input: z.strictObject({ ...members, source: z.strictObject(members) }),
  output: importSummary,
  secretMembers: [],
  mutates: true,
  subject: (input: ImportInput) => ({
    workspace: schema.workspaceOf(input),
    environment: input.environment,
    detail: `${folderOf(input)} from ${sourceText(input)}`.trim(),
  }),
} as const;

export const createImport: Operation<ImportInput, ImportSummary> = {
  ...common,
  name: 'imports.create',
  errors: ['import_cycle', 'environment_not_found', 'import_exists'],
  rest: [{ method: 'POST', path: `${IN_WORKSPACE}/imports`, status: 201 }],
  summary: 'Lets an environment or folder have what it lacks from another one.',
  requires: (input) => [
    requiresAll('write', input),
    requiresAll('read', { ...input.source, workspace: sourceWorkspace(input) }),
  ],
  apply: async (input, call) =>
    toSummary(call, await create(call, call.directory, places(call, input))),
};

/** Errors: `import_not_found`, also for a source that there is not; `environment_not_found`, `workspace_not_found`. */
export const deleteImport: Operation<ImportInput, ImportSummary> = {
  ...common,
  name: 'imports.delete',
  errors: ['environment_not_found', 'import_not_found'],
  // It is named by what it is from and to, for which a DELETE has no body.
  rest: [{ method: 'POST', path: `${IN_WORKSPACE}/imports/delete` }],
  summary: 'Lets an environment or folder not have what it lacks from another one any more.',
  requires: (input) => [requiresAll('write', input)],
  apply: async (input, call) =>
    toSummary(call, await removeImport(call, call.directory, importedPlaces(call, input))),
};

export const listImports: Operation<ListImportsInput, readonly ImportSummary[]> = {
  name: 'imports.list',
  summary: 'Lists what environments and folders have what they lack from; those that win first.',
  errors: ['environment_not_found'],
  input: z.strictObject({
    workspace: schema.workspace,
    environment: schema.environment.optional(),
  }),
  output: z.array(importSummary),
  rest: [{ method: 'GET', path: `${IN_WORKSPACE}/imports` }],
  secretMembers: [],
  mutates: false,
  requires: requiresToList,
  subject: (input) => ({ workspace: schema.workspaceOf(input), environment: input.environment }),
  apply: async (input, call) => {
    const { environments } = listScope(call, input);
    return environments
      .filter(({ workspace, name }) => call.may('list', [workspace.name, name], 'under'))
      .flatMap((environment) => call.directory.imports(environment))
      .map((row) => toSummary(call, row));
  },
};

/**
 * The right to all of a folder, however deep. No secret can be at the place
 * that stands for it, so that no right to a single one is enough.
 */
function requiresAll(capability: Capability, input: FolderAddress): Requirement {
  const segments = folderOf(input)
    .split('/')
    .filter((segment) => segment !== '');
  return {
    capability,
    resource: [schema.workspaceOf(input), input.environment, ...segments, '*', '*'],
  };
}

/** A folder with its `/`, or nothing for all. */
function folderOf({ folder: given = '' }: FolderAddress): string {
  return given === '' || given.endsWith('/') ? given : `${given}/`;
}

function sourceWorkspace(input: ImportInput): string {
  return input.source.workspace ?? schema.workspaceOf(input);
}

function sourceText(input: ImportInput): string {
  return `${sourceWorkspace(input)}/${input.source.environment}/${folderOf(input.source)}`;
}

function places(
  { directory }: Call,
  input: ImportInput,
): { readonly target: Folder; readonly source: Folder } {
  return {
    target: {
      environment: directory.environment(schema.workspaceOf(input), input.environment),
      folder: folderOf(input),
    },
    source: {
      environment: directory.environment(sourceWorkspace(input), input.source.environment),
      folder: folderOf(input.source),
    },
  };
}

/** As {@link places}: no right to the source is asked for, and so nothing is told of what there is. */
function importedPlaces(call: Call, input: ImportInput): ReturnType<typeof places> {
  const { directory } = call;
  const workspace = directory.findWorkspace(sourceWorkspace(input));
  const environments = workspace === undefined ? [] : directory.environments(workspace);
  if (environments.some(({ name }) => name === input.source.environment)) {
    return places(call, input);
  }
  const environment = directory.environment(schema.workspaceOf(input), input.environment);
  const source = folderOf(input.source) === '' ? sourceText(input).slice(0, -1) : sourceText(input);
  throw importNotFound({ environment, folder: folderOf(input) }, source);
}

function toSummary(call: Call, row: ImportRow): ImportSummary {
  const target = call.directory.environmentById(row.environment_id);
  const source = call.directory.environmentById(row.source_environment_id);
  const isShown =
    source !== undefined && call.may('list', [source.workspace.name, source.name], 'under');
  return {
    id: row.id,
    workspace: target?.workspace.name ?? '',
    environment: target?.name ?? '',
    folder: row.folder,
    source: isShown
      ? {
          workspace: source.workspace.name,
          environment: source.name,
          folder: row.source_folder,
        }
      : null,
    position: row.position,
    createdAt: isoTime(row.created_at),
    createdBy: row.created_by,
  };
}
