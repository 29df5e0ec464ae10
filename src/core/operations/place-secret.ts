import { z } from 'zod';

import { followSecret, requireGrantsAllowed } from '../../domain/access/secret-grants.ts';
import { copySecret, requireStrongFor } from '../../domain/secrets/copy.ts';
import { placeSecret, relocations, requireFree } from '../../domain/secrets/place.ts';
import { requireUnchanged } from '../../domain/secrets/rotate.ts';
import { StrongroomError } from '../../errors.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Call, Operation, Requirement } from '../operation.ts';
import { IN_WORKSPACE, onSecret, type RestBinding } from '../rest-binding.ts';
import { requireAt } from '../rights-at.ts';
import { complexityOf } from './complexity.ts';
import { requireGivenOut } from './given-out.ts';
import * as schema from './schema.ts';
import { environmentOf, type SecretAddress } from './secret-address.ts';
import { isFolder, pathOrFolder, requirementAt, secretsAt, targetPath } from './secret-folder.ts';

export interface RenameSecretInput extends SecretAddress {
  /** The new path; a folder takes a secret under its own name. Of a folder, the new folder. */
  readonly to: string;
  /** Fails with `cas_mismatch` unless the current version is this one. Not for folders. */
  readonly cas?: number | undefined;
}

export interface MoveSecretInput extends SecretAddress {
  /** Default: the workspace where it is. */
  readonly toWorkspace?: string | undefined;
  /** Default: the name of the environment where it is. */
  readonly toEnvironment?: string | undefined;
  /** Default: the path that it has. */
  readonly to?: string | undefined;
  /** Fails with `cas_mismatch` unless the current version is this one. Not for folders. */
  readonly cas?: number | undefined;
}

/** Input of `secrets.copy`. */
export type CopySecretInput = MoveSecretInput;

/** A secret at its new place. */
export interface SecretPlaced {
  readonly id: string;
  readonly workspace: string;
  readonly environment: string;
  readonly path: string;
  readonly version: number;
  /** Where it was, or what it is a copy of. */
  readonly from: {
    readonly workspace: string;
    readonly environment: string;
    readonly path: string;
  };
}

/** The secrets that have a new place, by their old paths. */
export interface SecretsPlaced {
  readonly secrets: readonly SecretPlaced[];
}

const secretPlaced = schema
  .answer<SecretPlaced>({
    id: z.uuid(),
    workspace: z.string(),
    environment: z.string(),
    path: z.string(),
    version: z.int(),
    from: z
      .strictObject({ workspace: z.string(), environment: z.string(), path: z.string() })
      .meta({ wire: schema.SECRET_NAMES }),
  })
  .meta({ wire: schema.SECRET_NAMES });

/** The schema of {@link SecretsPlaced}. */
export const secretsPlaced: z.ZodType<SecretsPlaced> = schema.answer<SecretsPlaced>({
  secrets: z.array(secretPlaced),
});

/** One secret at its own addresses; one or a folder where it is named in the body. */
function placing(verb: string): readonly RestBinding[] {
  return [...onSecret('POST', verb), { method: 'POST', path: `${IN_WORKSPACE}/secrets/${verb}` }];
}

const moveInput = {
  ...schema.address,
  path: pathOrFolder,
  toWorkspace: schema.workspace,
  toEnvironment: schema.environment.optional(),
  to: pathOrFolder.optional(),
  cas: z.int().min(1).optional(),
};

export const renameSecret: Operation<RenameSecretInput, SecretsPlaced> = {
  name: 'secrets.rename',
  summary: 'Gives a secret, or all in a folder, another path; ids, history and grants stay.',
  errors: [
    'environment_not_found',
    'secret_not_found',
    'secret_exists',
    'secret_deleted',
    'cas_mismatch',
  ],
  input: z
    .strictObject({
      ...schema.address,
      path: pathOrFolder,
      to: pathOrFolder,
      cas: z.int().min(1).optional(),
    })
    .meta({ wire: schema.SECRET_NAMES }),
  output: secretsPlaced,
  rest: placing('rename'),
  secretMembers: [],
  mutates: true,
  requires: (input) => requirements(input, ['read', 'write']),
  subject: subjectOf,
  apply: (input, call) =>
    relocate(call, input, { name: 'secrets.rename', needs: ['read', 'write'] }),
};

/** Errors: those of `secrets.rename`; `secret_inactive`, `environment_not_found`, `workspace_not_found`, `decryption_failed`, `too_weak`. */
export const moveSecret: Operation<MoveSecretInput, SecretsPlaced> = {
  name: 'secrets.move',
  summary: 'Moves a secret, or all in a folder, to another environment; ids and history stay.',
  errors: [
    'too_weak',
    'environment_not_found',
    'secret_not_found',
    'secret_exists',
    'secret_deleted',
    'secret_inactive',
    'cas_mismatch',
    'escalation_refused',
  ],
  input: z.strictObject(moveInput).meta({ wire: schema.SECRET_NAMES }),
  output: secretsPlaced,
  rest: placing('move'),
  secretMembers: [],
  mutates: true,
  requires: (input) => requirements(input, ['read', 'delete']),
  subject: subjectOf,
  apply: (input, call) =>
    relocate(call, input, { name: 'secrets.move', needs: ['read', 'delete'] }),
};

export const copySecrets: Operation<CopySecretInput, SecretsPlaced> = {
  name: 'secrets.copy',
  summary: 'Makes new secrets with the values of others, without their history.',
  errors: [
    'too_weak',
    'environment_not_found',
    'secret_not_found',
    'secret_exists',
    'secret_deleted',
    'secret_inactive',
    'cas_mismatch',
  ],
  input: z.strictObject(moveInput).meta({ wire: schema.SECRET_NAMES }),
  output: secretsPlaced,
  rest: placing('copy'),
  secretMembers: [],
  mutates: true,
  requires: (input) => requirements(input, ['read']),
  subject: subjectOf,
  apply: copy,
};

type Needs = readonly ('read' | 'write' | 'delete')[];

/**
 * What is needed there, and the right to write here. To read there is always
 * needed: at another place others may read, if not now then under other
 * circumstances, and nobody decides that about a value that they may not have.
 */
function requirements(input: MoveSecretInput, needs: Needs): readonly Requirement[] {
  const { workspace, environment, path } = placeOf(input);
  const there = [schema.workspaceOf(input), input.environment] as const;
  return [
    ...needs.map((capability) => requirementAt(capability, there, input.path)),
    requirementAt('write', [workspace, environment], path),
  ];
}

/** Where an input puts what it names. */
function placeOf(input: MoveSecretInput): {
  readonly workspace: string;
  readonly environment: string;
  readonly path: string;
} {
  return {
    workspace: input.toWorkspace ?? schema.workspaceOf(input),
    environment: input.toEnvironment ?? input.environment,
    path: targetPath(input.path, input.to ?? input.path),
  };
}

function subjectOf(input: MoveSecretInput): {
  readonly workspace: string;
  readonly environment: string;
  readonly path: string | undefined;
  readonly detail: string;
} {
  const { environment, path } = input;
  return {
    workspace: schema.workspaceOf(input),
    environment,
    path: isFolder(path) ? undefined : path,
    detail: detailOf(input),
  };
}

function detailOf({ path, toWorkspace, toEnvironment, to = path }: MoveSecretInput): string {
  const named = [toWorkspace, toEnvironment, to].filter((part) => part !== undefined).join('/');
  return isFolder(path) ? `${path} to ${named}` : `to ${named}`;
}

/** One secret on its way. */
interface Planned {
  readonly row: SecretRow;
  readonly path: string;
}

/** Works out what goes where. Every right is asked for, and every name, before anything changes. */
async function plan(
  call: Call,
  input: MoveSecretInput,
  { needs, isCopy }: { readonly needs: Needs; readonly isCopy: boolean },
): Promise<{
  readonly from: Environment;
  readonly to: Environment;
  readonly planned: readonly Planned[];
}> {
  const place = placeOf(input);
  const from = environmentOf(call, input);
  const to = call.directory.environment(place.workspace, place.environment);
  if (from.id === to.id && place.path === input.path) throw samePlace();
  const rows = await secretsAt(call, from, input.path);
  requireAsGiven(input, rows);
  const planned = isFolder(input.path)
    ? relocations(rows, input.path, place.path)
    : rows.map((row) => ({ row, path: place.path }));
  for (const { row, path } of planned) {
    for (const capability of needs) requireAt(call, capability, from, row.path);
    requireAt(call, 'write', to, path);
    // Whoever writes at the new place could activate it there.
    requireGivenOut(call, from, row);
    if (!isCopy) await requireGrantsAllowed(call, row.id, { environment: to, path });
  }
  if (from.workspace.id !== to.workspace.id) {
    const complexity = complexityOf(call, to.workspace.id);
    for (const { row } of planned) await requireStrongFor(call, row, complexity);
  }
  const isWithin = from.id === to.id && !isCopy;
  await requireFree(
    call,
    to,
    planned.map(({ row, path }) => ({ path, row: isWithin ? row : undefined })),
  );
  return { from, to, planned };
}

async function relocate(
  call: Call,
  input: MoveSecretInput,
  { name, needs }: { readonly name: string; readonly needs: Needs },
): Promise<SecretsPlaced> {
  const { from, to, planned } = await plan(call, input, { needs, isCopy: false });
  if (isFolder(input.path)) call.about({ detail: `${planned.length} secrets: ${detailOf(input)}` });
  const secrets: SecretPlaced[] = [];
  for (const { row, path } of planned) {
    const placed = await placeSecret(call, row, { environment: to, path });
    await followSecret(call, row.id, { environment: to, path });
    const subject = { secretId: row.id, revision: placed.row_revision };
    const said = { ...subject, detail: `to ${nameOf(from, to, path)}`, became: 'left' } as const;
    if (isFolder(input.path)) call.record(name, { ...addressOf(from, row.path), ...said });
    else call.about(said);
    call.record(name, {
      ...addressOf(to, path),
      ...subject,
      detail: `from ${originOf(to, from, row.path)}`,
    });
    secrets.push({ ...viewOf(placed, to), from: addressOf(from, row.path) });
  }
  return { secrets: secrets.toSorted(byOldPath) };
}

async function copy(input: CopySecretInput, call: Call): Promise<SecretsPlaced> {
  const { from, to, planned } = await plan(call, input, { needs: ['read'], isCopy: true });
  if (isFolder(input.path)) call.about({ detail: `${planned.length} secrets: ${detailOf(input)}` });
  const secrets: SecretPlaced[] = [];
  for (const { row, path } of planned) {
    const copied = await copySecret(call, row, { environment: to, path });
    const source = { ...addressOf(from, row.path), secretId: row.id, version: row.current_version };
    if (isFolder(input.path)) call.record('secrets.read', source);
    else call.about({ secretId: row.id, version: row.current_version });
    call.record('secrets.create', {
      ...addressOf(to, path),
      secretId: copied.row.id,
      version: 1,
      revision: copied.row.row_revision,
      commit: copied.commit,
      detail: `from ${originOf(to, from, row.path)}`,
    });
    secrets.push({ ...viewOf(copied.row, to), from: addressOf(from, row.path) });
  }
  return { secrets: secrets.toSorted(byOldPath) };
}

/** What the audit log says of a place. */
export function addressOf(
  environment: Environment,
  path: string,
): { readonly workspace: string; readonly environment: string; readonly path: string } {
  return { workspace: environment.workspace.name, environment: environment.name, path };
}

function viewOf(row: SecretRow, environment: Environment): Omit<SecretPlaced, 'from'> {
  return { id: row.id, ...addressOf(environment, row.path), version: row.current_version };
}

/** A place as it is named from another one. */
function nameOf(here: Environment, there: Environment, path: string): string {
  if (here.workspace.id !== there.workspace.id) {
    return `${there.workspace.name}:${there.name}/${path}`;
  }
  return here.id === there.id ? path : `${there.name}/${path}`;
}

/** Where something came from, for the record of where it is: of another workspace nothing but its name. */
function originOf(here: Environment, there: Environment, path: string): string {
  const isOther = here.workspace.id !== there.workspace.id;
  return isOther ? `workspace ${there.workspace.name}` : nameOf(here, there, path);
}

function requireAsGiven(input: MoveSecretInput, rows: readonly SecretRow[]): void {
  if (input.cas === undefined) return;
  if (isFolder(input.path)) {
    throw new StrongroomError('invalid_input', 'a folder has no version to compare with');
  }
  for (const row of rows) requireUnchanged(row, input.cas);
}

function byOldPath(a: SecretPlaced, b: SecretPlaced): number {
  return a.from.path < b.from.path ? -1 : 1;
}

function samePlace(): StrongroomError {
  return new StrongroomError('invalid_input', 'it is there already', {
    hint: 'name another path or another environment',
  });
}
