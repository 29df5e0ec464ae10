import { z } from 'zod';

import { followSecret, requireGrantsAllowed } from '../../domain/access/secret-grants.ts';
import { countedVersion } from '../../domain/secrets/counted-version.ts';
import { findSecret, findSecretById } from '../../domain/secrets/find.ts';
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
import { StrongroomError } from '../../errors.ts';
import type { SlotKey } from '../../seal/slot.ts';
import type { SecretRow, VersionRow } from '../../store/tables.ts';
import { readParts, type PartsFound, type PartsWanted } from '../backup-parts.ts';
import type { Call, Operation, Requirement } from '../operation.ts';
import { requireAt } from '../rights-at.ts';
import { backupFile, BACKUPS_PATH, filePath, READS_BACKUPS, slotKeys } from './backup-view.ts';
import { requireGivenOut } from './given-out.ts';
import { requirePlaces, requireSameWorkspace } from './restore-places.ts';
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

const TOGETHER =
  'takes a file or the id of a backup, with a path its environment, and a version or another name with a path alone';

const restoredSecret = schema.answer<RestoredSecret>({
  environment: z.string(),
  path: z.string(),
  version: z.int(),
  outcome: z.enum(['unchanged', 'changed', 'created', 'revived']),
});

/**
 * Needs the right to read each secret where it is and where the backup has it, and to write where it
 * comes to be; for a secret or a version that was deleted since also to delete it, and `admin` if it
 * was destroyed, or if the vault does not know the secret or that version of it. Of a workspace that had the name before, an owner of the vault alone brings anything back.
 *
 * Errors: `backup_damaged`, `backup_unverifiable`, `integrity_error`, `backup_not_found`,
 * `backup_of_another_vault`, `key_not_found`, `workspace_not_found`, `environment_not_found`,
 * `secret_not_found`, `secret_exists`, `secret_inactive`, `version_not_found`.
 */
export const restoreParts: Operation<RestorePartsInput, PartsRestored, PartsFound> = {
  name: 'backups.restoreParts',
  summary: 'Brings a workspace, a secret or a version back from a backup of this vault.',
  errors: [
    'workspace_not_found',
    'environment_not_found',
    'secret_not_found',
    'secret_exists',
    'secret_inactive',
    'version_not_found',
    'file_not_found',
    'key_not_found',
    'key_file_exposed',
    'backup_damaged',
    'backup_unverifiable',
    'backup_of_another_vault',
    'backup_not_found',
  ],
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
      if (!isWhole) context.addIssue({ code: 'custom', message: TOGETHER });
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
    const name = schema.workspaceOf(input);
    requireSameWorkspace(name, call, found);
    if (found.fault !== undefined) throw found.fault;
    await requirePlaces(name, call, found);
    const source = { keyring: found.keyring };
    const secrets: RestoredSecret[] = [];
    const left: Record<Left, string[]> = { taken: [], withoutValue: [], elsewhere: [] };
    call.about({ detail: `backup ${found.header.id}` });
    for (const part of found.secrets) {
      const done = await restoreOne(input, call, { ...part, source, backup: found.header.id });
      if (typeof done === 'string') left[done].push(`${part.environment}/${part.row.path}`);
      else secrets.push(done);
    }
    return { secrets, ...left, next: found.next };
  },
};

/** Why one secret of a workspace stays as it is, which does not keep the others back. */
type Left = 'taken' | 'withoutValue' | 'elsewhere';

type Part = PartsFound['secrets'][number] & {
  readonly source: OpeningWork;
  /** The backup's id. */
  readonly backup: string;
};

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

/** Of one that was named, why it has to stay as it is is thrown. */
async function restoreOne(
  input: RestorePartsInput,
  call: Call,
  part: Part,
): Promise<RestoredSecret | Left> {
  const workspace = schema.workspaceOf(input);
  const present = await findSecretById(call, part.row.id);
  const then = { name: part.environment, workspace: { name: workspace } };
  requireAt(call, 'read', then, part.row.path);
  const target = targetOf(input, call, { part, present });
  if (target === undefined) return leave(input, 'elsewhere', secretNotFound(part.row.path));
  const { environment, path, isCopy } = target;
  requireAt(call, 'write', environment, path);
  await requireSource(call, part, target);
  const isPlaced = present?.environment_id !== environment.id || present.path !== path;
  if (isPlaced && !isCopy) await requireGrantsAllowed(call, part.row.id, { environment, path });
  const isNamed = input.version !== undefined;
  const wasDeleted = wantedVersion(part).deleted_at !== null;
  if (wasDeleted && !isNamed) return leave(input, 'withoutValue', withoutValue(part));
  // What is named is refused by the writing itself.
  if (input.path === undefined && (await isTaken(call, target))) return 'taken';
  const restored = await bringBack(call, part, target);
  if (restored.outcome === 'revived') {
    await followSecret(call, restored.row.id, { environment, path });
  }
  recordOne(call, part, { restored, environment });
  const { row, outcome } = restored;
  return { environment: environment.name, path: row.path, version: row.current_version, outcome };
}

function leave(input: RestorePartsInput, why: Left, fault: StrongroomError): Left {
  if (input.path === undefined) return why;
  throw fault;
}

/** `undefined` for what was moved to another workspace. */
function targetOf(
  input: RestorePartsInput,
  call: Call,
  { part, present }: { readonly part: Part; readonly present: SecretRow | undefined },
): Target | undefined {
  const workspace = schema.workspaceOf(input);
  const then = (): Environment => call.directory.environment(workspace, part.environment);
  const here =
    present === undefined ? then() : call.directory.environmentById(present.environment_id);
  if (here?.workspace.name !== workspace) return undefined;
  const at = { present, here };
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
  const known = present === undefined ? undefined : await sameVersion(call, part, present);
  const sources = present === undefined || known === undefined ? [] : [present, known];
  // Of what a vault does not know, as one that was set back, nobody can tell what became of it.
  const isUnknown = known === undefined;
  const isDeleted = isUnknown || sources.some((each) => each.deleted_at !== null);
  const isDestroyed = isUnknown || sources.some((each) => each.destroyed_at !== null);
  if (isDeleted) requireAt(call, 'delete', here, row.path);
  if (isDestroyed) requireAt(call, 'admin', here, row.path);
  // Whoever writes at another place could activate it there: then that must be so here too.
  requireGivenOut(call, here, row);
}

/**
 * The wanted version as this vault has it, or `undefined` if it has none, or another one of that
 * number: of a vault that was set back, the numbers were given out anew.
 */
async function sameVersion(
  call: Call,
  part: Part,
  present: SecretRow,
): Promise<VersionRow | undefined> {
  if (part.version > present.current_version) return undefined;
  const row = await countedVersion(call, present, part.version);
  const wanted = wantedVersion(part);
  const isSame = row.created_at === wanted.created_at && row.created_by === wanted.created_by;
  return isSame ? row : undefined;
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

/** Whether another secret has by now the path that one that is gone would come back to. */
async function isTaken(call: Call, { present, environment, path }: Target): Promise<boolean> {
  if (present?.deleted_at === null) return false;
  return (await findSecret(call, environment, path)) !== undefined;
}

async function bringBack(
  call: Call,
  part: Part,
  { present, environment, path, isCopy }: Target,
): Promise<SecretRestored> {
  const version = wantedVersion(part);
  const backup = { ...part, version };
  if (present === undefined && !isCopy) {
    const whole = await reinsertSecret(call, environment, part);
    const isCurrent = version.version === whole.row.current_version;
    // One that was deleted, and is wanted all the same, comes back as the newest.
    if (isCurrent && version.deleted_at === null) return whole;
    return { ...(await restoreValue(call, environment, whole.row, backup)), outcome: 'revived' };
  }
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
