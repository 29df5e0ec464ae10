import { z } from 'zod';

import { followSecret, requireGrantsAllowed } from '../../domain/access/secret-grants.ts';
import { findSecretById, requireActive } from '../../domain/secrets/find.ts';
import {
  reinsertSecret,
  restoreAs,
  restoreValue,
  reviveSecret,
  type SecretRestored,
} from '../../domain/secrets/restore-secret.ts';
import { secretNotFound } from '../../domain/secrets/secret-errors.ts';
import { requireVersion } from '../../domain/secrets/versions.ts';
import type { OpeningWork } from '../../domain/work.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import { FIRST_ENVIRONMENTS } from '../../domain/workspaces/names.ts';
import { StrongroomError } from '../../errors.ts';
import type { SlotKey } from '../../seal/slot.ts';
import type { SecretRow, VersionRow } from '../../store/tables.ts';
import { readParts, type PartsFound, type PartsWanted } from '../backup-parts.ts';
import type { Call, Operation, Requirement } from '../operation.ts';
import { mayAt, requireAt } from '../rights-at.ts';
import { backupFile, BACKUPS_PATH, filePath, READS_BACKUPS, slotKeys } from './backup-view.ts';
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
  /** Makes a new secret of this path of it, in `environment`. Needs `path`. */
  readonly as?: string | undefined;
  /** `next` of the answer before, for the rest of a large workspace. */
  readonly after?: string | undefined;
  /**
   * What opened the vault when the backup was made, if its root key was changed since. Needs the
   * right to read what backups there are, as it may name files too.
   */
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

/** What a restore of parts did. Of a workspace some may stay as they are, named as `environment/path` in the backup. */
export interface PartsRestored {
  readonly secrets: readonly RestoredSecret[];
  /** Paths that another secret has by now. */
  readonly taken: readonly string[];
  /** Those whose current version had been deleted or destroyed when the backup was made. */
  readonly withoutValue: readonly string[];
  /** Those that were moved to another workspace since. */
  readonly elsewhere: readonly string[];
  /** Set if there is more: pass it as `after`. */
  readonly next: string | undefined;
}

const restoredSecret = schema.answer<RestoredSecret>({
  environment: z.string(),
  path: z.string(),
  version: z.int(),
  outcome: z.enum(['unchanged', 'changed', 'created', 'revived']),
});

/**
 * Needs the right to read each secret where it is and where the backup has it, and to write where it
 * comes to be; for a secret or a version that was deleted since also to delete it, and `admin` if it
 * was destroyed, or if the vault does not know the secret. Of a workspace that had the name before, an owner of the vault alone brings anything back.
 *
 * Errors: `backup_damaged`, `backup_unverifiable`, `integrity_error`, `backup_not_found`,
 * `backup_of_another_vault`, `key_not_found`, `workspace_not_found`, `environment_not_found`,
 * `secret_not_found`, `secret_exists`, `secret_inactive`, `version_not_found`.
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
  output: schema.answer<PartsRestored>({
    secrets: z.array(restoredSecret),
    taken: schema.texts,
    withoutValue: schema.texts,
    elsewhere: schema.texts,
    next: z.string().optional(),
  }),
  rest: [{ method: 'POST', path: `${BACKUPS_PATH}/{id}/restore`, omit: ['file', 'keys.path'] }],
  secretMembers: ['keys'],
  mutates: true,
  fresh: true,
  requires,
  subject: (input) => ({
    workspace: schema.workspaceOf(input),
    environment: input.environment,
    path: input.path,
    version: input.version,
  }),
  prepare: async (input, services) => {
    const file = await backupFile(input, services);
    return readParts({ ...wantedOf(input), file, id: input.id, keys: input.keys }, services);
  },
  apply: async (input, call, found) => {
    requireSameWorkspace(input, call, found);
    await requirePlaces(input, call, found);
    const source = { keyring: found.keyring };
    const secrets: RestoredSecret[] = [];
    const left = { taken: [] as string[], withoutValue: [] as string[], elsewhere: [] as string[] };
    call.about({ detail: `backup ${found.header.id}` });
    for (const part of found.secrets) {
      try {
        secrets.push(await restoreOne(input, call, { ...part, source, backup: found.header.id }));
      } catch (error) {
        const why = error instanceof StrongroomError ? LEFT.get(error.code) : undefined;
        if (why === undefined || input.path !== undefined) throw error;
        left[why].push(`${part.environment}/${part.row.path}`);
      }
    }
    return { secrets, ...left, next: found.next };
  },
};

/** What leaves one secret as it is and does not keep the others of a workspace back; nothing has changed by then. */
const LEFT: ReadonlyMap<string, 'taken' | 'withoutValue' | 'elsewhere'> = new Map([
  ['secret_exists', 'taken'],
  ['version_not_found', 'withoutValue'],
  ['secret_not_found', 'elsewhere'],
]);

type Part = PartsFound['secrets'][number] & {
  readonly source: OpeningWork;
  /** The backup's id. */
  readonly backup: string;
};

/** Who gets a name that was used before gets nothing with it. */
function requireSameWorkspace(input: RestorePartsInput, call: Call, found: PartsFound): void {
  const name = schema.workspaceOf(input);
  const present = call.directory.workspaces().find((each) => each.name === name);
  const isOwner = call.policy.isOwner(call.principal.id) && call.may('admin', [name]);
  if (found.workspaceId !== present?.id && !isOwner) {
    throw new StrongroomError(
      'workspace_not_found',
      `the backup has another workspace by the name ${name}, and not this one`,
      { details: { workspace: name }, hint: 'ask an owner of the vault to bring it back' },
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

/** Where a secret of a backup comes from now, and where it comes to be. */
interface Target {
  /** Its row in this vault, also if it is in the trash or destroyed. */
  readonly present: SecretRow | undefined;
  /** Where that row is; without one, where the backup has it. */
  readonly here: Environment;
  readonly environment: Environment;
  readonly path: string;
  /** It becomes another secret. */
  readonly isCopy: boolean;
}

async function restoreOne(
  input: RestorePartsInput,
  call: Call,
  part: Part,
): Promise<RestoredSecret> {
  const workspace = schema.workspaceOf(input);
  const present = await findSecretById(call, part.row.id);
  const then = { name: part.environment, workspace: { name: workspace } };
  requireAt(call, 'read', then, part.row.path);
  const target = targetOf(input, call, { part, present });
  const { environment, path, isCopy } = target;
  requireAt(call, 'write', environment, path);
  await requireSource(call, part, target);
  const isPlaced = present?.environment_id !== environment.id || present.path !== path;
  if (isPlaced && !isCopy) await requireGrantsAllowed(call, part.row.id, { environment, path });
  const restored = await bringBack(call, part, { ...target, isNamed: input.version !== undefined });
  if (restored.outcome === 'revived') {
    await followSecret(call, restored.row.id, { environment, path });
  }
  recordOne(call, part, { restored, environment });
  const { row, outcome } = restored;
  return { environment: environment.name, path: row.path, version: row.current_version, outcome };
}

function targetOf(
  input: RestorePartsInput,
  call: Call,
  { part, present }: { readonly part: Part; readonly present: SecretRow | undefined },
): Target {
  const workspace = schema.workspaceOf(input);
  const here = present === undefined ? undefined : environmentById(call, workspace, present);
  const then = (): Environment => call.directory.environment(workspace, part.environment);
  const at = { present, here: here ?? then() };
  if (input.as !== undefined) {
    // Where the caller says, wherever the other one is by now.
    const environment = call.directory.environment(workspace, input.environment ?? '');
    return { ...at, environment, path: input.as, isCopy: true };
  }
  const isThere = present?.deleted_at === null;
  const environment = isThere ? at.here : then();
  return { ...at, environment, path: isThere ? present.path : part.row.path, isCopy: false };
}

/**
 * What was deleted or destroyed, be it the secret or the version, comes back only for who could have
 * done that, and read it there; what is inactive, only for who could activate it there.
 */
async function requireSource(call: Call, part: Part, { present, here }: Target): Promise<void> {
  const row = present ?? part.row;
  requireAt(call, 'read', here, row.path);
  const sources = present === undefined ? [] : [present, await newestRow(call, part, present)];
  // Of what a vault does not know, as one that was set back, nobody can tell what became of it.
  const isUnknown = present === undefined;
  const isDeleted = isUnknown || sources.some((each) => each.deleted_at !== null);
  const isDestroyed = isUnknown || sources.some((each) => each.destroyed_at !== null);
  if (isDeleted) requireAt(call, 'delete', here, row.path);
  if (isDestroyed) requireAt(call, 'admin', here, row.path);
  // Whoever writes at another place could activate it there: then that must be so here too.
  if (!mayAt(call, 'write', here, row.path)) requireActive(row, here);
}

/** What is known of the wanted version: by the vault, or else by the backup. */
async function newestRow(call: Call, part: Part, present: SecretRow): Promise<VersionRow> {
  if (part.version > present.current_version) return wantedVersion(part);
  return requireVersion(call, present.id, part.version);
}

function wantedVersion({ row, version, versions }: Part): VersionRow {
  const wanted = versions.find((each) => each.version === version);
  if (wanted !== undefined) return wanted;
  throw new StrongroomError(
    'version_not_found',
    `the backup has no version ${version} of ${row.path}`,
    { details: { version } },
  );
}

async function bringBack(
  call: Call,
  part: Part,
  { present, environment, path, isCopy, isNamed }: Target & { readonly isNamed: boolean },
): Promise<SecretRestored> {
  const version = wantedVersion(part);
  const backup = { ...part, version };
  if (present === undefined && !isCopy) {
    const whole = await reinsertSecret(call, environment, part);
    if (version.version === whole.row.current_version) return whole;
    return { ...(await restoreValue(call, environment, whole.row, backup)), outcome: 'revived' };
  }
  if (!isNamed && version.deleted_at !== null) throw withoutValue(part);
  if (present === undefined || isCopy) return restoreAs(call, environment, path, backup);
  if (present.deleted_at !== null) return reviveSecret(call, environment, present, backup);
  return restoreValue(call, environment, present, backup);
}

/** Puts on record what was read out of the backup, and what came of it. */
function recordOne(
  call: Call,
  part: Part,
  {
    restored,
    environment,
  }: { readonly restored: SecretRestored; readonly environment: Environment },
): void {
  const workspace = environment.workspace.name;
  call.record('secrets.read', {
    workspace,
    environment: part.environment,
    path: part.row.path,
    secretId: part.row.id,
    version: part.version,
    detail: `backup ${part.backup}`,
  });
  const { row, commit, outcome } = restored;
  if (outcome === 'unchanged') return;
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

/** Where a secret is now, which may be another environment than in the backup. */
function environmentById(call: Call, workspaceName: string, row: SecretRow): Environment {
  const workspace = call.directory.workspace(workspaceName);
  const found = call.directory.environments(workspace).find(({ id }) => id === row.environment_id);
  if (found !== undefined) return found;
  throw secretNotFound(row.path, undefined);
}

function withoutValue({ row, version }: Part): StrongroomError {
  return new StrongroomError(
    'version_not_found',
    `${row.path} had no value when the backup was made: its version ${version} had been deleted`,
    {
      details: { version },
      hint: `to bring that one back all the same, name it: --version ${version}`,
    },
  );
}

/** Every secret is decided about one by one, too. */
function requires(input: RestorePartsInput): readonly Requirement[] {
  const workspace = schema.workspaceOf(input);
  const isNaming = input.file !== undefined || input.keys !== undefined;
  const naming = isNaming ? READS_BACKUPS : [];
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
