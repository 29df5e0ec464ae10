import { z } from 'zod';

import { listByMoment } from '../../domain/secrets/list-by-moment.ts';
import { generatorOf, policyOf } from '../../domain/secrets/rotation-columns.ts';
import type { SecretType } from '../../formats/secret-type.ts';
import { StrongroomError } from '../../errors.ts';
import { parseDuration } from '../../lib/duration.ts';
import { isoTime } from '../../lib/iso-time.ts';
import type { Operation } from '../operation.ts';
import { IN_WORKSPACE } from '../rest-binding.ts';
import {
  decodePosition,
  listBinding,
  listScope,
  LOOKS_MAX,
  PAGE_LIMIT,
  positionCursor,
  requiresToList,
  type ListPlace,
} from './cursor.ts';
import * as schema from './schema.ts';

export interface DueSecretsInput extends ListPlace {
  /** Also those that will be due by then: a duration such as `7d` or `12h`. Default: those that are due now. */
  readonly within?: string | undefined;
  /** The same in days, 0 to 3,650. */
  readonly daysAhead?: number | undefined;
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

/** Secrets that are due, the most urgent first. A page may have fewer than `limit` and still not be the last. */
export interface DueList {
  readonly secrets: readonly DueSecret[];
  /** Set if there are more: pass it as `cursor`. */
  readonly next: string | undefined;
}

/** The schema of {@link DueList}. */
export const dueList: z.ZodType<DueList> = schema.answer<DueList>({
  secrets: z.array(
    schema
      .answer<DueSecret>({
        id: z.uuid(),
        workspace: z.string(),
        environment: z.string(),
        path: z.string(),
        type: schema.secretType,
        rotation: z.string(),
        generator: z.string().nullable(),
        dueAt: schema.instant,
        isOverdue: z.boolean(),
        rotatedAt: schema.instant.nullable(),
      })
      .meta({ wire: { names: { ...schema.SECRET_NAMES.names, dueAt: 'rotation_due_at' } } }),
  ),
  next: z.string().optional(),
});

const DAY_MS = 86_400_000;
const DAYS_MAX = 3650;

/** Errors: `workspace_not_found`, `environment_not_found`, `invalid_input` (cursor). */
export const dueSecrets: Operation<DueSecretsInput, DueList> = {
  name: 'secrets.due',
  summary: 'Lists active secrets that are due for rotation, the most urgent first.',
  errors: ['environment_not_found'],
  input: z.strictObject({
    workspace: schema.workspace,
    environment: schema.environment.optional(),
    within: z
      .string()
      .max(16)
      .meta({ pattern: schema.DURATION })
      .refine((text) => parseDuration(text) !== undefined, 'takes a duration such as 12h or 7d')
      .optional(),
    daysAhead: z.int().min(0).max(DAYS_MAX).optional(),
    automatic: z.boolean().optional(),
    limit: z.int().min(1).max(PAGE_LIMIT.max).optional(),
    cursor: z.string().max(1024).optional(),
  }),
  output: dueList,
  rest: [{ method: 'GET', path: `${IN_WORKSPACE}/secrets/rotation-due` }],
  secretMembers: [],
  mutates: false,
  requires: requiresToList,
  subject: (input) => ({ workspace: schema.workspaceOf(input), environment: input.environment }),
  apply: async (input, call) => {
    const { environments, mayList } = listScope(call, input);
    const binding = listBinding(call, 'secrets.due', input);
    const { rows, next } = await listByMoment(call, environments, {
      by: 'rotation_due_at',
      before: call.now + aheadMs(input) + 1,
      active: true,
      generated: input.automatic,
      limit: input.limit ?? PAGE_LIMIT.byDefault,
      looksMax: LOOKS_MAX,
      after: decodePosition(call, input.cursor, binding),
      mayList,
    });
    const secrets = rows.map(({ row, environment }) => ({
      id: row.id,
      workspace: environment.workspace.name,
      environment: environment.name,
      path: row.path,
      type: row.type as SecretType,
      rotation: policyOf(row),
      generator: generatorOf(row) ?? null,
      dueAt: isoTime(row.rotation_due_at ?? 0),
      isOverdue: (row.rotation_due_at ?? 0) <= call.now,
      rotatedAt: row.rotated_at === null ? null : isoTime(row.rotated_at),
    }));
    return { secrets, next: positionCursor(call, next, binding) };
  },
};

function aheadMs({ within, daysAhead }: DueSecretsInput): number {
  if (within !== undefined && daysAhead !== undefined) {
    throw new StrongroomError('invalid_input', 'a duration and days exclude each other');
  }
  return daysAhead === undefined ? (parseDuration(within ?? '') ?? 0) : daysAhead * DAY_MS;
}
