import { z } from 'zod';

import { removeSecretGrants } from '../../domain/access/secret-grants.ts';
import { shredCompleteAfter } from '../../domain/backup/backup-records.ts';
import {
  destroySecret as destroyAll,
  destroyVersion,
  type Destroyed,
} from '../../domain/secrets/destroy.ts';
import { findSecretById, requireSecretOrTrash } from '../../domain/secrets/find.ts';
import { removeLayoutNaming } from '../../domain/secrets/layout.ts';
import { secretNotFound } from '../../domain/secrets/secret-errors.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import { StrongroomError } from '../../errors.ts';
import { isoTime } from '../../lib/iso-time.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Call, Operation } from '../operation.ts';
import { onSecret } from '../rest-binding.ts';
import * as schema from './schema.ts';
import {
  environmentOf,
  requiresOnSecret,
  secretSubject,
  type SecretAddress,
} from './secret-address.ts';

/** Either some versions, or the whole secret. */
export interface DestroySecretInput extends SecretAddress {
  /** Up to 100 versions of a secret that is there. */
  readonly versions?: readonly number[] | undefined;
  /** The whole secret: the one that is there, or else the one that was deleted last. */
  readonly all?: boolean | undefined;
  /** Of several that were at the path, the one with this id. */
  readonly id?: string | undefined;
}

/** What was destroyed, and until when copies of it are about. */
export interface SecretDestroyed {
  readonly id: string;
  readonly workspace: string;
  readonly environment: string;
  readonly path: string;
  /** The versions that have no value any more; all of them if the whole secret was destroyed. */
  readonly versions: readonly number[] | 'all';
  readonly destroyedAt: string;
  /**
   * When the last backup that still holds it will have been removed; the
   * present moment if no backup does; `null` if one is kept without an end.
   */
  readonly shredCompleteAfter: string | null;
  /** Whether the layout of an imported `.env` file had to go, as it names the secret. */
  readonly layoutRemoved: boolean;
}

/** The schema of {@link SecretDestroyed}. */
export const secretDestroyed: z.ZodType<SecretDestroyed> = schema
  .answer<SecretDestroyed>({
    id: z.uuid(),
    workspace: z.string(),
    environment: z.string(),
    path: z.string(),
    versions: z.union([z.array(z.int()), z.literal('all')]),
    destroyedAt: schema.instant,
    shredCompleteAfter: schema.instant.nullable(),
    layoutRemoved: z.boolean(),
  })
  .meta({ wire: schema.SECRET_NAMES });

const VERSIONS_MAX = 100;

/** Errors: `secret_not_found`, `version_not_found`, `secret_deleted` (destroyed already), `invalid_input`. */
export const destroySecret: Operation<DestroySecretInput, SecretDestroyed> = {
  name: 'secrets.destroy',
  summary: 'Takes versions of a secret, or all of it, away for good. Nothing brings them back.',
  errors: [
    'environment_not_found',
    'secret_not_found',
    'secret_deleted',
    'version_not_found',
    'cas_mismatch',
  ],
  input: z.strictObject({
    ...schema.address,
    versions: z.array(z.int().min(1)).min(1).max(VERSIONS_MAX).optional(),
    all: z.boolean().optional(),
    id: z.uuid().optional(),
  }),
  output: secretDestroyed,
  rest: onSecret('POST', 'destroy'),
  secretMembers: [],
  mutates: true,
  // Nobody can undo it, so the right to delete alone does not do.
  requires: (input) => [...requiresOnSecret('delete')(input), ...requiresOnSecret('admin')(input)],
  subject: secretSubject,
  apply: async (input, call) => {
    if ((input.versions === undefined) === (input.all !== true)) throw notOne();
    const environment = environmentOf(call, input);
    const secret = await target(call, environment, input);
    const { row, layoutRemoved } =
      input.versions === undefined
        ? await destroyWhole(call, secret)
        : await destroyVersions(call, secret, input.versions);
    call.about({
      secretId: row.id,
      revision: row.row_revision,
      detail: input.versions === undefined ? 'all versions' : versionsText(input.versions),
      became: becameOf(secret, row),
    });
    const until = await shredCompleteAfter(call);
    return {
      id: row.id,
      workspace: environment.workspace.name,
      environment: environment.name,
      path: row.path,
      versions: input.versions ?? 'all',
      destroyedAt: isoTime(call.now),
      shredCompleteAfter: until === null ? null : isoTime(until),
      layoutRemoved,
    };
  },
};

/** Destroys a secret with all that hangs on it: rights on it, and the layout that has its value. */
export async function destroyWhole(
  call: Call,
  secret: SecretRow,
): Promise<{ readonly row: SecretRow; readonly layoutRemoved: boolean }> {
  const destroyed = await destroyAll(call, secret);
  await removeSecretGrants(call, secret.id);
  call.scrub();
  return { row: destroyed.row, layoutRemoved: await removeLayouts(call, destroyed) };
}

/** What a reader sees of it: nothing of what was in the trash. */
function becameOf(before: SecretRow, after: SecretRow): 'left' | 'unseen' | undefined {
  if (before.deleted_at !== null) return 'unseen';
  return after.destroyed_at === null ? undefined : 'left';
}

async function destroyVersions(
  call: Call,
  secret: SecretRow,
  versions: readonly number[],
): Promise<{ readonly row: SecretRow; readonly layoutRemoved: boolean }> {
  let destroyed: Destroyed = { row: secret, places: [] };
  for (const version of new Set(versions)) {
    destroyed = await destroyVersion(call, destroyed.row, version);
  }
  call.scrub();
  return { row: destroyed.row, layoutRemoved: await removeLayouts(call, destroyed) };
}

/** An imported file may have the value too, under the name that the secret has or had. */
async function removeLayouts(call: Call, { row, places }: Destroyed): Promise<boolean> {
  const workspace = call.directory.workspaces().find(({ id }) => id === row.workspace_id);
  if (workspace === undefined) return false;
  let isRemoved = false;
  for (const environment of call.directory.environments(workspace)) {
    const names = places
      .filter(({ environmentId }) => environmentId === environment.id)
      .map(({ path }) => path.slice(path.lastIndexOf('/') + 1));
    if (names.length === 0) continue;
    if (await removeLayoutNaming(call, environment, names)) isRemoved = true;
  }
  return isRemoved;
}

async function target(
  call: Call,
  environment: Environment,
  { path, id, versions }: DestroySecretInput,
): Promise<SecretRow> {
  if (id === undefined) {
    return requireSecretOrTrash(call, environment, { path, isLive: versions !== undefined });
  }
  const row = await findSecretById(call, id);
  const isHere = row?.environment_id === environment.id && row.path === path;
  if (row === undefined || !isHere || row.destroyed_at !== null) {
    throw secretNotFound(path, environment.name);
  }
  return row;
}

function versionsText(versions: readonly number[]): string {
  return `${versions.length === 1 ? 'version' : 'versions'} ${versions.join(', ')}`;
}

function notOne(): StrongroomError {
  return new StrongroomError('invalid_input', 'say which versions to destroy, or all', {
    hint: 'pass `versions`, or `all: true` for the whole secret',
  });
}
