import { z } from 'zod';

import { followSecret } from '../../domain/access/secret-grants.ts';
import {
  findSecretById,
  reinsertSecret,
  restoreAs,
  restoreValue,
  reviveSecret,
  type SecretRestored,
} from '../../domain/secrets/restore-secret.ts';
import { secretNotFound } from '../../domain/secrets/secret-errors.ts';
import type { Work } from '../../domain/work.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import { StrongroomError } from '../../errors.ts';
import type { SlotKey } from '../../seal/slot.ts';
import type { SecretRow } from '../../store/tables.ts';
import { readParts, type PartsFound, type PartsWanted } from '../backup-parts.ts';
import { denied } from '../denials.ts';
import type { Call, Operation, Requirement } from '../operation.ts';
import { filePath } from './backup-view.ts';
import * as schema from './schema.ts';

export interface RestorePartsInput {
  /** A backup of this vault. */
  readonly file: string;
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

/** Errors: `backup_damaged`, `backup_of_another_vault`, `key_not_found`, `secret_not_found`, `secret_exists`, `version_not_found`. */
export const restoreParts: Operation<RestorePartsInput, PartsRestored, PartsFound> = {
  name: 'backups.restoreParts',
  summary: 'Brings a workspace, a secret or a version back from a backup of this vault.',
  input: z
    .strictObject({
      file: filePath,
      workspace: schema.workspace,
      environment: schema.environment.optional(),
      path: schema.path.optional(),
      version: z.int().min(1).optional(),
      as: schema.path.optional(),
      after: z.uuid().optional(),
      keys: z.array(z.custom<SlotKey>(isSlotKey)).max(16).optional(),
    })
    .superRefine((input, context) => {
      const isWhole =
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
  prepare: (input, services) => readParts({ ...input, ...wantedOf(input) }, services),
  apply: async (input, call, found) => {
    const source: Work = { ...call, keyring: found.keyring, recent: undefined };
    const secrets: RestoredSecret[] = [];
    const taken: string[] = [];
    call.about({ detail: `backup ${found.header.id}` });
    for (const part of found.secrets) {
      try {
        secrets.push(await restoreOne(input, call, { ...part, source }));
      } catch (error) {
        const isTaken = error instanceof StrongroomError && error.code === 'secret_exists';
        if (!isTaken || input.path !== undefined) throw error;
        taken.push(`${part.environment}/${part.row.path}`);
      }
    }
    return { secrets, taken, next: found.next };
  },
};

type Part = PartsFound['secrets'][number] & { readonly source: Work };

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
  requireWrite(call, environment, path);
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

function requireWrite(call: Call, environment: Environment, path: string): void {
  const resource = [environment.workspace.name, environment.name, ...path.split('/')];
  if (!call.may('write', resource)) throw denied({ capability: 'write', resource }, call.request);
}

/** Everything that is written is decided about one by one, too. */
function requires(input: RestorePartsInput): readonly Requirement[] {
  const workspace = schema.workspaceOf(input);
  if (input.path === undefined) return [{ capability: 'admin', resource: [workspace] }];
  const resource = [workspace, input.environment ?? '', ...(input.as ?? input.path).split('/')];
  return [{ capability: 'write', resource }];
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

function isSlotKey(given: unknown): boolean {
  return typeof given === 'object' && given !== null && 'kind' in given;
}
