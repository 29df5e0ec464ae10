import { z } from 'zod';

import { dueSecrets as due, type DuePosition } from '../../domain/secrets/due.ts';
import { generatorOf, policyOf } from '../../domain/secrets/rotation-columns.ts';
import type { SecretType } from '../../formats/secret-type.ts';
import { StrongroomError } from '../../errors.ts';
import { fromBase64Url, toBase64Url } from '../../lib/base64.ts';
import { parseDuration } from '../../lib/duration.ts';
import { uuidBytes, uuidText } from '../../lib/ids.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Operation } from '../operation.ts';
import * as schema from './schema.ts';
import { toIso } from './secret-view.ts';

export interface DueSecretsInput {
  readonly workspace?: string | undefined;
  /** Default: every environment of the workspace. */
  readonly environment?: string | undefined;
  /** Also those that will be due by then: a duration such as `7d` or `12h`. Default: those that are due now. */
  readonly within?: string | undefined;
  /** Only those that can be rotated without anybody: they have a generator. Default no. */
  readonly automatic?: boolean | undefined;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
  /** `next` of the page before. */
  readonly cursor?: string | undefined;
}

/** A secret that is due for rotation. */
export interface DueSecret {
  readonly id: string;
  readonly workspace: string;
  readonly environment: string;
  readonly path: string;
  readonly type: SecretType;
  /** Such as `auto_90_days`. */
  readonly rotation: string;
  /** `null`: somebody has to give it a value. */
  readonly generator: string | null;
  readonly dueAt: string;
  readonly isOverdue: boolean;
  readonly rotatedAt: string | null;
}

/** Secrets that are due, the most urgent first. */
export interface DueList {
  readonly secrets: readonly DueSecret[];
  /** Set if there are more: pass it as `cursor`. */
  readonly next: string | undefined;
}

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1000;
/** When the last one is due and its id: its path is for who may list it. */
const CURSOR = /^(\d{1,16})\.([A-Za-z0-9_-]{22})$/;

/** Errors: `workspace_not_found`, `environment_not_found`. */
export const dueSecrets: Operation<DueSecretsInput, DueList> = {
  name: 'secrets.due',
  summary: 'Lists active secrets that are due for rotation, the most urgent first.',
  input: z.strictObject({
    workspace: schema.workspace,
    environment: schema.environment.optional(),
    within: z
      .string()
      .refine((text) => parseDuration(text) !== undefined, { error: 'a duration such as 7d' })
      .optional(),
    automatic: z.boolean().optional(),
    limit: z.int().min(1).max(LIMIT_MAX).optional(),
    cursor: z.string().regex(CURSOR).optional(),
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
    const found = await due(call, environments, {
      until: call.now + (parseDuration(input.within ?? '') ?? 0),
      limit: input.limit ?? LIMIT_DEFAULT,
      after: input.cursor === undefined ? undefined : decodeCursor(input.cursor),
      automatic: input.automatic ?? false,
      mayList: ({ name }, path) => call.may('list', [workspace.name, name, ...path.split('/')]),
    });
    const secrets = found.due.map(({ row, environment }) => ({
      id: row.id,
      workspace: workspace.name,
      environment: environment.name,
      path: row.path,
      type: row.type as SecretType,
      rotation: policyOf(row),
      generator: generatorOf(row) ?? null,
      dueAt: toIso(row.rotation_due_at ?? 0),
      isOverdue: (row.rotation_due_at ?? 0) <= call.now,
      rotatedAt: row.rotated_at === null ? null : toIso(row.rotated_at),
    }));
    return { secrets, next: found.hasMore ? encodeCursor(found.due.at(-1)?.row) : undefined };
  },
};

function encodeCursor(row: SecretRow | undefined): string | undefined {
  if (row === undefined) return undefined;
  return `${row.rotation_due_at ?? 0}.${toBase64Url(uuidBytes(row.id))}`;
}

function decodeCursor(cursor: string): DuePosition {
  const [, dueAt = '', id = ''] = CURSOR.exec(cursor) ?? [];
  const bytes = fromBase64Url(id);
  if (bytes !== undefined) return { dueAt: Number(dueAt), id: uuidText(bytes) };
  throw new StrongroomError('invalid_input', 'the cursor is not one of ours');
}
