import { z } from 'zod';

import { principalNames } from '../../domain/access/principals.ts';
import { findDeleted, findSecret, requireSecret } from '../../domain/secrets/find.ts';
import { openMetadata } from '../../domain/secrets/metadata.ts';
import { listVersions } from '../../domain/secrets/versions.ts';
import { StrongroomError } from '../../errors.ts';
import type { Operation } from '../operation.ts';
import * as schema from './schema.ts';
import {
  environmentOf,
  requiresOnSecret,
  secretSubject,
  type SecretAddress,
} from './secret-address.ts';
import { toIso, toSummary, type SecretSummary } from './secret-view.ts';

/** All that is known of a secret but its value. */
export interface SecretDescription extends SecretSummary {
  /** The present name of the principal who made it. */
  readonly createdByName: string;
  /** The present name of the principal who changed it last. */
  readonly updatedByName: string;
  readonly description: string | undefined;
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
  readonly createdAt: string;
  /** Principal id. */
  readonly createdBy: string;
  /** The principal's present name. */
  readonly createdByName: string;
  readonly deletedAt: string | null;
}

/** Versions by environment, newest first. */
export interface SecretHistory {
  readonly path: string;
  readonly versions: readonly SecretVersion[];
}

/** Errors: `secret_not_found`, `secret_deleted`. */
export const describeSecret: Operation<SecretAddress, SecretDescription> = {
  name: 'secrets.describe',
  summary: 'Says everything about a secret but its value.',
  input: z.strictObject({
    workspace: schema.workspace,
    environment: schema.environment,
    path: schema.path,
  }),
  secretMembers: ['description'],
  mutates: false,
  requires: requiresOnSecret('list'),
  subject: secretSubject,
  apply: async (input, call) => {
    const environment = environmentOf(call, input);
    const row = await requireSecret(call, environment, input.path);
    call.about({ secretId: row.id });
    const { description } = openMetadata(call, row);
    const names = await principalNames(call.transaction, call.mac);
    return {
      ...toSummary(call, environment, row),
      createdByName: names.get(row.created_by) ?? row.created_by,
      updatedByName: names.get(row.updated_by) ?? row.updated_by,
      description,
    };
  },
};

/** Errors: `secret_not_found`, `secret_deleted`, `environment_not_found`. */
export const secretHistory: Operation<SecretHistoryInput, SecretHistory> = {
  name: 'secrets.history',
  summary: 'Lists the versions of a secret: which, when, and by whom.',
  input: z.strictObject({
    workspace: schema.workspace,
    environment: schema.environment.optional(),
    path: schema.path,
  }),
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
    const workspace = call.directory.workspace(schema.workspaceOf(input));
    const environments =
      input.environment === undefined
        ? call.directory
            .environments(workspace)
            .filter(({ name }) =>
              call.may('list', [workspace.name, name, ...input.path.split('/')]),
            )
        : [call.directory.environment(workspace.name, input.environment)];
    const names = await principalNames(call.transaction, call.mac);
    const versions: SecretVersion[] = [];
    for (const environment of environments) {
      const secret = await findSecret(call, environment, input.path);
      if (secret === undefined) continue;
      for (const row of await listVersions(call, secret)) {
        versions.push({
          environment: environment.name,
          version: row.version,
          isCurrent: row.version === secret.current_version,
          createdAt: toIso(row.created_at),
          createdBy: row.created_by,
          createdByName: names.get(row.created_by) ?? row.created_by,
          deletedAt: row.deleted_at === null ? null : toIso(row.deleted_at),
        });
      }
    }
    if (versions.length === 0) {
      for (const environment of environments) {
        const deleted = await findDeleted(call, environment, input.path);
        // Says that it was deleted, and how to have it back.
        if (deleted !== undefined) await requireSecret(call, environment, input.path);
      }
      throw new StrongroomError('secret_not_found', `there is no secret ${input.path}`, {
        details: { path: input.path },
      });
    }
    return { path: input.path, versions };
  },
};
