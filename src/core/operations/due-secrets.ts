import { z } from 'zod';

import { listByMoment, type MomentPosition } from '../../domain/secrets/list-by-moment.ts';
import { generatorOf, policyOf } from '../../domain/secrets/rotation-columns.ts';
import type { SecretType } from '../../formats/secret-type.ts';
import { StrongroomError } from '../../errors.ts';
import { fromBase64Url, toBase64Url } from '../../lib/base64.ts';
import { parseDuration } from '../../lib/duration.ts';
import { uuidBytes, uuidText } from '../../lib/ids.ts';
import type { Operation } from '../operation.ts';
import { listScope, LOOKS_MAX, PAGE_LIMIT, requiresToList, type ListPlace } from './cursor.ts';
import * as schema from './schema.ts';
import { toIso } from './secret-view.ts';

export interface DueSecretsInput extends ListPlace {
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

/** Secrets that are due, the most urgent first. A page may have fewer than `limit` and still not be the last. */
export interface DueList {
  readonly secrets: readonly DueSecret[];
  /** Set if there are more: pass it as `cursor`. */
  readonly next: string | undefined;
}

/**
 * When the last one that was looked at is due, and its id. Not the id alone:
 * who rotates what is due page by page changes where the last one stands.
 */
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
    limit: z.int().min(1).max(PAGE_LIMIT.max).optional(),
    cursor: z.string().regex(CURSOR).optional(),
  }),
  secretMembers: [],
  mutates: false,
  requires: requiresToList,
  subject: (input) => ({ workspace: schema.workspaceOf(input), environment: input.environment }),
  apply: async (input, call) => {
    const { environments, mayList } = listScope(call, input);
    const { rows, position } = await listByMoment(call, environments, {
      by: 'rotation_due_at',
      before: call.now + (parseDuration(input.within ?? '') ?? 0) + 1,
      active: true,
      generated: input.automatic,
      limit: input.limit ?? PAGE_LIMIT.byDefault,
      looksMax: LOOKS_MAX,
      after: input.cursor === undefined ? undefined : decodePosition(input.cursor),
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
      dueAt: toIso(row.rotation_due_at ?? 0),
      isOverdue: (row.rotation_due_at ?? 0) <= call.now,
      rotatedAt: row.rotated_at === null ? null : toIso(row.rotated_at),
    }));
    return { secrets, next: position && encodePosition(position) };
  },
};

function encodePosition({ moment, id }: MomentPosition): string {
  return `${moment}.${toBase64Url(uuidBytes(id))}`;
}

function decodePosition(cursor: string): MomentPosition {
  const [, moment = '', id = ''] = CURSOR.exec(cursor) ?? [];
  const bytes = fromBase64Url(id);
  if (bytes !== undefined) return { moment: Number(moment), id: uuidText(bytes) };
  throw new StrongroomError('invalid_input', 'the cursor is not one of ours');
}
