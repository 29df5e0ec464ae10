import type { Capability } from '../../domain/access/capability.ts';
import { z } from 'zod';

import { followSecret, requireGrantsAllowed } from '../../domain/access/secret-grants.ts';
import { findSecretById } from '../../domain/secrets/find.ts';
import {
  reinsertSecret,
  restoreAs,
  restoreValue,
  reviveSecret,
  type SecretRestored,
} from '../../domain/secrets/restore-secret.ts';
import { secretNotFound } from '../../domain/secrets/secret-errors.ts';
import type { OpeningWork } from '../../domain/work.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import { FIRST_ENVIRONMENTS } from '../../domain/workspaces/names.ts';
import { StrongroomError } from '../../errors.ts';
import type { SlotKey } from '../../seal/slot.ts';
import type { SecretRow } from '../../store/tables.ts';
import { readParts, type PartsFound, type PartsWanted } from '../backup-parts.ts';
import { denied } from '../denials.ts';
import type { Call, Operation, Requirement } from '../operation.ts';
import { backupFile, filePath, READS_BACKUPS, slotKeys } from './backup-view.ts';
import * as schema from './schema.ts';

export interface RestorePartsInput {
  /** A backup of this vault. Needs the right to read what backups there are. */
  readonly file?: string | undefined;
  /** Instead of `file`: a backup that is listed. */
  readonly id?: string | undefined;
  readonly workspace?: string | undefined;
  /** Default: every environment of the workspace. */
  readonly environment?: string | undefined;
  /** One secret, by the path that it has now or had in the backup. Needs `environment`. */
  readonly path?: string | undefined;
  /** A version in the backup. Default: the one that was current. Needs `path`. */
  readonly version?: number | undefined;
  /** Makes a new secret of this path of it. Needs `path`. */
  readonly as?: string | undefined;
  /** `next` of the answer before, for the rest of a large workspace. */
  readonly after?: string | undefined;
  /** What opened the vault when the backup was made, if its root key was changed since. */
  readonly keys?: readonly SlotKey[] | undefined;
}

/** One secret of a restore. */
export interface RestoredSecret {
  readonly environment: string;
  readonly path: string;
  /** Its current version now. */
  readonly version: number;
  /** `revived`: it was gone and is back under its own id. */
  readonly outcome: SecretRestored['outcome'];
}

/** What a restore of parts did, of at most a thousand secrets. */
export interface PartsRestored {
  readonly secrets: readonly RestoredSecret[];
  /** Paths that another secret has by now, as `environment/path`. */
  readonly taken: readonly string[];
  /** Set if there is more: pass it as `after`. */
  readonly next: string | undefined;
}

/**
 * Needs the right to read each secret where it is and where the backup has it, and to write where it
 * comes to be. Of a workspace that had the name before, an owner of the vault alone brings anything back.
 *
 * Errors: `backup_damaged`, `integrity_error`, `backup_not_found`, `backup_of_another_vault`,
 * `key_not_found`, `workspace_not_found`, `environment_not_found`, `secret_not_found`,
 * `secret_exists`, `version_not_found`.
 */
export const restoreParts: Operation<RestorePartsInput, PartsRestored, PartsFound> = {
  name: 'backups.restoreParts',
  summary: 'Brings a workspace, a secret or a version back from a backup of this vault.',
  input: z
    .strictObject({
      file: filePath.optional(),
      id: z.uuid().optional(),
      workspace: schema.workspace,
      environment: schema.environment.optional(),
      path: schema.path.optional(),
      version: z.int().min(1).optional(),
      as: schema.path.optional(),
      after: z.uuid().optional(),
      keys: slotKeys.optional(),
    })
    .superRefine((input, context) => {
      const isWhole =
        (input.file === undefined) !== (input.id === undefined) &&
        (input.path === undefined || input.environment !== undefined) &&
        (input.path !== undefined || (input.version ?? input.as) === undefined);
      if (!isWhole) context.addIssue({ code: 'custom', message: 'members that go together' });
    }),
  secretMembers: ['keys'],
  mutates: true,
  requires,
  subject: (input) => ({
    workspace: schema.workspaceOf(input),
    environment: input.environment,
    path: input.path,
    version: input.version,
  }),
  prepare: async (input, services) => {
    const file = await backupFile(input, services);
    return readParts({ ...wantedOf(input), file, keys: input.keys }, services);
  },
  apply: async (input, call, found) => {
    requireSameWorkspace(input, call, found);
    await requirePlaces(input, call, found);
    const source = { keyring: found.keyring };
    const secrets: RestoredSecret[] = [];
    const taken: string[] = [];
    call.about({ detail: `backup ${found.header.id}` });
    for (const part of found.secrets) {
      try {
        secrets.push(await restoreOne(input, call, { ...part, source, backup: found.header.id }));
      } catch (error) {
        const isTaken = error instanceof StrongroomError && error.code === 'secret_exists';
        if (!isTaken || input.path !== undefined) throw error;
        taken.push(`${part.environment}/${part.row.path}`);
      }
    }
    return { secrets, taken, next: found.next };
  },
};

type Part = PartsFound['secrets'][number] & {
  readonly source: OpeningWork;
  /** The backup's id. */
  readonly backup: string;
};

/** Who gets a name that was used before gets nothing with it. */
function requireSameWorkspace(input: RestorePartsInput, call: Call, found: PartsFound): void {
  const isOwner =
    call.policy.isOwner(call.principal.id) && call.may('admin', [schema.workspaceOf(input)]);
  if (found.otherWorkspace !== undefined && !isOwner) {
    const workspace = schema.workspaceOf(input);
    throw new StrongroomError(
      'workspace_not_found',
      `the backup has another workspace by the name ${workspace}, and not this one`,
      { details: { workspace }, hint: 'ask an owner of the vault to bring it back' },
    );
  }
  if (found.fault !== undefined) throw found.fault;
}

/** Names at once all that has to be made before the secrets have a place. */
async function requirePlaces(
  input: RestorePartsInput,
  call: Call,
  { secrets }: PartsFound,
): Promise<void> {
  const name = schema.workspaceOf(input);
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

async function restoreOne(
  input: RestorePartsInput,
  call: Call,
  part: Part,
): Promise<RestoredSecret> {
  const workspace = schema.workspaceOf(input);
  const present = await findSecretById(call, part.row.id);
  const isThere = present !== undefined && present.deleted_at === null;
  const environment = isThere
    ? environmentById(call, workspace, present)
    : call.directory.environment(workspace, part.environment);
  const path = input.as ?? (isThere ? present.path : part.row.path);
  requireRight(call, 'read', [workspace, part.environment, part.row.path]);
  if (isThere) requireRight(call, 'read', [workspace, environment.name, present.path]);
  requireRight(call, 'write', [workspace, environment.name, path]);
  if (present !== undefined && !isThere) requireRevival(call, workspace, present);
  const isPlaced = present?.environment_id !== environment.id || present.path !== path;
  if (isPlaced && input.as === undefined) {
    await requireGrantsAllowed(call, part.row.id, { environment, path });
  }
  call.record('secrets.read', {
    workspace,
    environment: part.environment,
    path: part.row.path,
    secretId: part.row.id,
    version: part.version,
    detail: `backup ${part.backup}`,
  });
  const restored = await bringBack(call, { environment, present, as: input.as }, part);
  if (restored.outcome === 'revived') {
    await followSecret(call, restored.row.id, { environment, path });
  }
  const { row, commit, outcome } = restored;
  if (outcome !== 'unchanged') {
    call.record('backups.restoreSecret', {
      workspace,
      environment: environment.name,
      path: row.path,
      secretId: row.id,
      version: row.current_version,
      revision: row.row_revision,
      commit,
    });
  }
  return { environment: environment.name, path: row.path, version: row.current_version, outcome };
}

/** What was deleted or destroyed comes back only for who could have done that, and read it there. */
function requireRevival(call: Call, workspaceName: string, row: SecretRow): void {
  const { name } = environmentById(call, workspaceName, row);
  const needed = [
    'read',
    'delete',
    ...(row.destroyed_at === null ? [] : (['admin'] as const)),
  ] as const;
  for (const capability of needed) requireRight(call, capability, [workspaceName, name, row.path]);
}

async function bringBack(
  call: Call,
  target: {
    readonly environment: Environment;
    readonly present: SecretRow | undefined;
    readonly as: string | undefined;
  },
  part: Part,
): Promise<SecretRestored> {
  const { environment, present, as } = target;
  const version = part.versions.find((each) => each.version === part.version);
  if (version === undefined) {
    throw new StrongroomError(
      'version_not_found',
      `the backup has no version ${part.version} of ${part.row.path}`,
      { details: { version: part.version } },
    );
  }
  const backup = { ...part, version };
  if (as !== undefined) return restoreAs(call, environment, as, backup);
  if (present === undefined) return reinsertSecret(call, environment, part);
  if (present.deleted_at !== null) return reviveSecret(call, environment, present, backup);
  return restoreValue(call, environment, present, backup);
}

/** Where a secret is now, which may be another environment than in the backup. */
function environmentById(call: Call, workspaceName: string, row: SecretRow): Environment {
  const workspace = call.directory.workspace(workspaceName);
  const found = call.directory.environments(workspace).find(({ id }) => id === row.environment_id);
  if (found !== undefined) return found;
  throw secretNotFound(row.path, undefined);
}

function requireRight(
  call: Call,
  capability: Capability,
  [workspace, environment, path]: readonly [string, string, string],
): void {
  const resource = [workspace, environment, ...path.split('/')];
  if (!call.may(capability, resource)) throw denied({ capability, resource }, call.request);
}

/** Every secret is decided about one by one, too. */
function requires(input: RestorePartsInput): readonly Requirement[] {
  const workspace = schema.workspaceOf(input);
  const naming = input.file === undefined ? [] : READS_BACKUPS;
  if (input.path === undefined) {
    return [...naming, { capability: 'admin', resource: [workspace] }];
  }
  const at = (path: string): readonly string[] => [
    workspace,
    input.environment ?? '',
    ...path.split('/'),
  ];
  return [
    ...naming,
    { capability: 'read', resource: at(input.path) },
    { capability: 'write', resource: at(input.as ?? input.path) },
  ];
}

function wantedOf(input: RestorePartsInput): PartsWanted {
  return {
    workspace: schema.workspaceOf(input),
    environment: input.environment,
    path: input.path,
    version: input.version,
    after: input.after,
  };
}
