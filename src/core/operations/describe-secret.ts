import { z } from 'zod';

import { findDeleted, findSecret, requireSecret } from '../../domain/secrets/find.ts';
import { openMetadata, type JsonValue } from '../../domain/secrets/metadata.ts';
import { listVersions } from '../../domain/secrets/versions.ts';
import { secretDeleted, secretNotFound } from '../../domain/secrets/secret-errors.ts';
import type { StrongroomError } from '../../errors.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import { isoTime } from '../../lib/iso-time.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Call, Operation } from '../operation.ts';
import { IN_WORKSPACE, onSecret } from '../rest-binding.ts';
import { descriptionTag, hasTag } from './entity-tag.ts';
import { requirePast } from './past-secret.ts';
import { unchanged } from './read-secret.ts';
import * as schema from './schema.ts';
import {
  environmentOf,
  requiresOnSecret,
  secretSubject,
  type SecretAddress,
} from './secret-address.ts';
import { summaryMembers, toSummary, type SecretSummary } from './secret-view.ts';

/** All that is known of a secret but its value. */
export interface SecretDescription extends SecretSummary {
  /** The present name of the principal who made it. */
  readonly createdByName: string;
  /** The present name of the principal who changed it last. */
  readonly updatedByName: string;
  readonly description: string | undefined;
  /** What it is for, and where it is used. */
  readonly usage: string | undefined;
  /** Members of the callers' own. */
  readonly metadata: Readonly<Record<string, JsonValue>>;
  /** The present name of who answers for it. */
  readonly ownerName: string | null;
  /** Since when it is not given out. */
  readonly inactiveAt: string | null;
  /** If `ifNoneMatch` was given: the entity tag of what is said here. */
  readonly etag?: string | undefined;
}

/** The schema of {@link SecretDescription}. */
export const secretDescription: z.ZodType<SecretDescription> = z.union([
  schema
    .answer<SecretDescription>({
      ...summaryMembers,
      createdByName: z.string(),
      updatedByName: z.string(),
      description: z.string().optional(),
      usage: z.string().optional(),
      metadata: schema.ownJson,
      ownerName: z.string().nullable(),
      inactiveAt: schema.instant.nullable(),
      etag: z.string().optional(),
    })
    .meta({ wire: schema.SECRET_NAMES }),
  unchanged as unknown as z.ZodType<SecretDescription>,
]);

export interface DescribeSecretInput extends SecretAddress {
  /** RFC 3339: what it was at this moment, whatever became of it since. */
  readonly at?: string | undefined;
  /**
   * Entity tags of what the caller has; empty if it has none, and only wants a tag. If one is that
   * of the description, the answer is `{ unchanged: true, etag }` alone. For faces that keep copies.
   */
  readonly ifNoneMatch?: string | undefined;
}

export interface SecretHistoryInput {
  readonly workspace?: string | undefined;
  /** Default: every environment in which the caller may list the secret. */
  readonly environment?: string | undefined;
  readonly path: string;
}

/** One version of a secret, without its value. */
export interface SecretVersion {
  readonly environment: string;
  readonly version: number;
  readonly isCurrent: boolean;
  /** Whether it is the one before the last rotation, until that is retired. */
  readonly isPrevious: boolean;
  readonly createdAt: string;
  /** Principal id. */
  readonly createdBy: string;
  /** The principal's present name. */
  readonly createdByName: string;
  readonly deletedAt: string | null;
  /** Since when it has no value any more. */
  readonly destroyedAt: string | null;
}

/** Versions by environment, newest first. */
export interface SecretHistory {
  readonly path: string;
  readonly versions: readonly SecretVersion[];
}

const secretVersion = schema
  .answer<SecretVersion>({
    environment: z.string(),
    version: z.int(),
    isCurrent: z.boolean(),
    isPrevious: z.boolean(),
    createdAt: schema.instant,
    createdBy: z.string(),
    createdByName: z.string(),
    deletedAt: schema.instant.nullable(),
    destroyedAt: schema.instant.nullable(),
  })
  .meta({ wire: schema.SECRET_NAMES });

/** The schema of {@link SecretHistory}. */
export const secretHistorySchema: z.ZodType<SecretHistory> = schema
  .answer<SecretHistory>({ path: z.string(), versions: z.array(secretVersion) })
  .meta({ wire: schema.SECRET_NAMES });

export const describeSecret: Operation<DescribeSecretInput, SecretDescription> = {
  name: 'secrets.describe',
  summary: 'Says everything about a secret but its value.',
  errors: ['environment_not_found', 'secret_not_found', 'secret_deleted'],
  input: z.strictObject({
    ...schema.address,
    at: schema.time.optional(),
    ifNoneMatch: schema.headText,
  }),
  output: secretDescription,
  rest: onSecret('GET'),
  secretMembers: ['description', 'usage', 'metadata'],
  mutates: false,
  requires: requiresOnSecret('list'),
  subject: secretSubject,
  apply: async (input, call) => {
    const environment = environmentOf(call, input);
    const { row, at = call.now } = await described(call, environment, input);
    call.about({ secretId: row.id });
    const { ifNoneMatch } = input;
    const isTagged = ifNoneMatch !== undefined && input.at === undefined;
    const etag = isTagged ? descriptionTag(call, row) : undefined;
    if (etag !== undefined && hasTag(ifNoneMatch ?? '', etag)) {
      // Who gives no tag is never answered so: the type is right for everybody else.
      return { unchanged: true, etag } as unknown as SecretDescription;
    }
    const { description, usage, custom = {} } = openMetadata(call, row);
    return {
      ...toSummary({ ...call, now: at }, environment, row),
      createdByName: call.policy.nameOf(row.created_by),
      updatedByName: call.policy.nameOf(row.updated_by),
      description,
      usage,
      metadata: custom,
      ownerName: row.owner === null ? null : call.policy.nameOf(row.owner),
      inactiveAt: row.inactive_at === null ? null : isoTime(row.inactive_at),
      ...(etag === undefined ? {} : { etag }),
    };
  },
};

async function described(
  call: Call,
  environment: Environment,
  { path, at }: DescribeSecretInput,
): Promise<{ readonly row: SecretRow; readonly at?: number }> {
  if (at === undefined) return { row: await requireSecret(call, environment, path) };
  const past = await requirePast(call, environment, { path, at, capability: 'list' });
  return { row: past.former, at: past.at };
}

export const secretHistory: Operation<SecretHistoryInput, SecretHistory> = {
  name: 'secrets.history',
  summary: 'Lists the versions of a secret: which, when, and by whom.',
  errors: ['environment_not_found', 'secret_not_found', 'secret_deleted'],
  input: z
    .strictObject({
      workspace: schema.workspace,
      environment: schema.environment.optional(),
      path: schema.path,
    })
    .meta({ wire: schema.SECRET_NAMES }),
  output: secretHistorySchema,
  rest: [
    ...onSecret('GET', 'versions'),
    { method: 'GET', path: `${IN_WORKSPACE}/secrets/versions` },
  ],
  secretMembers: [],
  mutates: false,
  requires: (input) => [
    {
      capability: 'list',
      resource:
        input.environment === undefined
          ? [schema.workspaceOf(input)]
          : [schema.workspaceOf(input), input.environment, ...input.path.split('/')],
      reach: input.environment === undefined ? 'under' : 'exact',
    },
  ],
  subject: (input) => ({
    workspace: schema.workspaceOf(input),
    environment: input.environment,
    path: input.path,
  }),
  apply: async (input, call) => {
    const environments = environmentsOf(call, input);
    const versions: SecretVersion[] = [];
    for (const environment of environments) {
      const place = { environment, path: input.path, isAlone: input.environment !== undefined };
      for (const version of await versionsIn(call, place)) {
        versions.push(version);
      }
    }
    if (versions.length === 0) throw await whyNone(call, environments, input.path);
    return { path: input.path, versions };
  },
};

/** The environment that was asked for, or all in which the caller may list the secret. */
function environmentsOf(call: Call, input: SecretHistoryInput): readonly Environment[] {
  const { environment, path } = input;
  if (environment !== undefined) return [environmentOf(call, { ...input, environment })];
  const workspace = call.directory.workspace(schema.workspaceOf(input));
  return call.directory
    .environments(workspace)
    .filter(({ name }) => call.may('list', [workspace.name, name, ...path.split('/')]));
}

async function versionsIn(
  call: Call,
  {
    environment,
    path,
    isAlone,
  }: { readonly environment: Environment; readonly path: string; readonly isAlone: boolean },
): Promise<readonly SecretVersion[]> {
  const secret = await findSecret(call, environment, path);
  if (secret === undefined) return [];
  if (isAlone) call.about({ secretId: secret.id });
  return (await listVersions(call, secret)).map((row) => ({
    environment: environment.name,
    version: row.version,
    isCurrent: row.version === secret.current_version,
    isPrevious: row.version === secret.previous_version,
    createdAt: isoTime(row.created_at),
    createdBy: row.created_by,
    createdByName: call.policy.nameOf(row.created_by),
    deletedAt: row.deleted_at === null ? null : isoTime(row.deleted_at),
    destroyedAt: row.destroyed_at === null ? null : isoTime(row.destroyed_at),
  }));
}

/** Why there is no version: the secret was deleted, which is said first, or never was. */
async function whyNone(
  call: Call,
  environments: readonly Environment[],
  path: string,
): Promise<StrongroomError> {
  for (const environment of environments) {
    const deleted = await findDeleted(call, environment, path);
    if (deleted !== undefined) return secretDeleted(path, environment.name);
  }
  return secretNotFound(path);
}
