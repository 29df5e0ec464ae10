import { z } from 'zod';

import { listSecrets as list } from '../../domain/secrets/list.ts';
import { StrongroomError } from '../../errors.ts';
import { fromBase64Url, toBase64Url } from '../../lib/base64.ts';
import { uuidBytes, uuidText } from '../../lib/ids.ts';
import type { SecretType } from '../../formats/secret-type.ts';
import type { Operation } from '../operation.ts';
import * as schema from './schema.ts';
import { toSummary, type SecretSummary } from './secret-view.ts';

export interface ListSecretsInput {
  readonly workspace?: string | undefined;
  /** Default: all environments of the workspace, in their order. */
  readonly environment?: string | undefined;
  /** Paths that begin with this, such as `payments/`. */
  readonly prefix?: string | undefined;
  readonly type?: SecretType | undefined;
  readonly tag?: string | undefined;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
  /** `next` of the page before. */
  readonly cursor?: string | undefined;
}

/**
 * One page, by environment and path. It may have fewer than `limit`, even
 * none, and still not be the last: `next` alone says so. One call looks at
 * 5,000 secrets at most, of which few may fit.
 */
export interface SecretList {
  readonly secrets: readonly SecretSummary[];
  /** Set if there may be more: pass it as `cursor`, with the same filter. */
  readonly next: string | undefined;
}

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1000;
const LOOKS_MAX = 5000;
const ID_BYTES = 16;

/** Errors: `environment_not_found`, `workspace_not_found`, `invalid_input` (cursor). */
export const listSecrets: Operation<ListSecretsInput, SecretList> = {
  name: 'secrets.list',
  summary: 'Lists secrets that the caller may know of, without their values.',
  input: z.strictObject({
    workspace: schema.workspace,
    environment: schema.environment.optional(),
    prefix: z
      .string()
      .max(255)
      .regex(/^[A-Za-z0-9._/-]*$/)
      .optional(),
    type: schema.secretType.optional(),
    tag: z.string().max(64).optional(),
    limit: z.int().min(1).max(LIMIT_MAX).optional(),
    cursor: z.string().max(1024).optional(),
  }),
  secretMembers: [],
  mutates: false,
  requires: (input) => [
    {
      capability: 'list',
      resource: [
        schema.workspaceOf(input),
        ...(input.environment === undefined ? [] : [input.environment]),
      ],
      reach: 'under',
    },
  ],
  subject: (input) => ({ workspace: schema.workspaceOf(input), environment: input.environment }),
  apply: async (input, call) => {
    const workspace = call.directory.workspace(schema.workspaceOf(input));
    const environments =
      input.environment === undefined
        ? call.directory.environments(workspace)
        : [call.directory.environment(workspace.name, input.environment)];
    const { rows, next } = await list(call, environments, {
      filter: input,
      limit: input.limit ?? LIMIT_DEFAULT,
      after: input.cursor === undefined ? undefined : decodeCursor(input.cursor),
      looksMax: LOOKS_MAX,
      mayList: (environment, path) =>
        call.may('list', [workspace.name, environment.name, ...path.split('/')]),
    });
    return {
      secrets: rows.map(({ row, environment }) => toSummary(call, environment, row)),
      next: next === undefined ? undefined : encodeCursor(next),
    };
  },
};

/** A cursor holds an id: a path might be one that the caller may not know. */
function encodeCursor(id: string): string {
  return toBase64Url(uuidBytes(id));
}

function decodeCursor(cursor: string): string {
  const bytes = fromBase64Url(cursor);
  if (bytes?.length === ID_BYTES) return uuidText(bytes);
  throw new StrongroomError('invalid_input', 'the cursor is not one of ours');
}
