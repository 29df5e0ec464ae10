import { z } from 'zod';

import { shredCompleteAfter } from '../../domain/backup/backup-records.ts';
import { countByMoment, earliest, listByMoment } from '../../domain/secrets/list-by-moment.ts';
import { readSetting } from '../../domain/settings/settings.ts';
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
import { destroyWhole } from './destroy-secret.ts';
import * as schema from './schema.ts';

export interface ListTrashInput extends ListPlace {
  /** 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
  /** `next` of the page before. */
  readonly cursor?: string | undefined;
}

/** A secret that was deleted and can be restored. */
export interface DeletedSecret {
  readonly id: string;
  readonly workspace: string;
  readonly environment: string;
  readonly path: string;
  readonly deletedAt: string;
  /** The present name of who deleted it. */
  readonly deletedByName: string;
  /** From when on `trash.purge` destroys it. */
  readonly purgeAfter: string;
}

/** One page, those first that were deleted first. It may be short and not the last: `next` says so. */
export interface TrashList {
  readonly secrets: readonly DeletedSecret[];
  readonly next: string | undefined;
}

export interface PurgeTrashInput {
  readonly workspace?: string | undefined;
  /** Everything in the trash, however short a time it has been there. */
  readonly all?: boolean | undefined;
}

/** One batch. Call it again until it is finished. */
export interface TrashPurged {
  /** How many secrets this call destroyed. */
  readonly done: number;
  /** How many there were to destroy before it. */
  readonly total: number;
  readonly finished: boolean;
  /** When the last backup that still holds them will have been removed; `null`: not known. */
  readonly shredCompleteAfter: string | null;
}

/** The schema of {@link TrashList}. */
export const trashList: z.ZodType<TrashList> = schema.answer<TrashList>({
  secrets: z.array(
    schema
      .answer<DeletedSecret>({
        id: z.uuid(),
        workspace: z.string(),
        environment: z.string(),
        path: z.string(),
        deletedAt: schema.instant,
        deletedByName: z.string(),
        purgeAfter: schema.instant,
      })
      .meta({ wire: schema.SECRET_NAMES }),
  ),
  next: z.string().optional(),
});

const PURGED_PER_CALL = 64;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Errors: `workspace_not_found`, `environment_not_found`, `invalid_input` (cursor). */
export const listTrash: Operation<ListTrashInput, TrashList> = {
  name: 'trash.list',
  summary: 'Lists secrets that were deleted and can be restored.',
  errors: ['environment_not_found'],
  input: z.strictObject({
    workspace: schema.workspace,
    environment: schema.environment.optional(),
    limit: z.int().min(1).max(PAGE_LIMIT.max).optional(),
    cursor: z.string().max(1024).optional(),
  }),
  output: trashList,
  rest: [{ method: 'GET', path: `${IN_WORKSPACE}/trash` }],
  secretMembers: [],
  mutates: false,
  requires: requiresToList,
  subject: (input) => ({ workspace: schema.workspaceOf(input), environment: input.environment }),
  apply: async (input, call) => {
    const workspace = call.directory.workspace(schema.workspaceOf(input));
    const { environments, mayList } = listScope(call, input);
    const binding = listBinding(call, 'trash.list', input);
    const days = readSetting(call, workspace.id, 'trash_retention_days');
    const { rows, next } = await listByMoment(call, environments, {
      by: 'deleted_at',
      limit: input.limit ?? PAGE_LIMIT.byDefault,
      looksMax: LOOKS_MAX,
      after: decodePosition(call, input.cursor, binding),
      mayList,
    });
    return {
      secrets: rows.map(({ row, environment }) => ({
        id: row.id,
        workspace: workspace.name,
        environment: environment.name,
        path: row.path,
        deletedAt: isoTime(row.deleted_at ?? 0),
        deletedByName: row.deleted_by === null ? '' : call.policy.nameOf(row.deleted_by),
        purgeAfter: isoTime((row.deleted_at ?? 0) + days * DAY_MS),
      })),
      next: positionCursor(call, next, binding),
    };
  },
};

export const purgeTrash: Operation<PurgeTrashInput, TrashPurged> = {
  name: 'trash.purge',
  summary: 'Destroys what has been in the trash for longer than the workspace keeps it.',
  errors: [],
  input: z.strictObject({ workspace: schema.workspace, all: z.boolean().optional() }),
  output: schema.answer<TrashPurged>({
    done: z.int(),
    total: z.int(),
    finished: z.boolean(),
    shredCompleteAfter: schema.instant.nullable(),
  }),
  rest: [{ method: 'POST', path: `${IN_WORKSPACE}/trash/purge` }],
  secretMembers: [],
  mutates: true,
  requires: (input) => [{ capability: 'admin', resource: [schema.workspaceOf(input)] }],
  subject: (input) => ({ workspace: schema.workspaceOf(input) }),
  apply: async (input, call) => {
    const workspace = call.directory.workspace(schema.workspaceOf(input));
    const days = readSetting(call, workspace.id, 'trash_retention_days');
    const before = input.all === true ? call.now + 1 : call.now - days * DAY_MS;
    const environments = call.directory.environments(workspace);
    const range = { by: 'deleted_at', before } as const;
    const total = await countByMoment(call, environments, range);
    const due = await earliest(call, environments, { ...range, limit: PURGED_PER_CALL });
    for (const { row, environment } of due) {
      const destroyed = await destroyWhole(call, row);
      call.record('secrets.destroy', {
        workspace: workspace.name,
        environment: environment.name,
        path: row.path,
        secretId: row.id,
        revision: destroyed.row.row_revision,
        detail: 'all versions',
        became: 'unseen',
      });
    }
    call.about({ detail: `${due.length} of ${total} secrets` });
    const until = await shredCompleteAfter(call);
    return {
      done: due.length,
      total,
      finished: due.length === total,
      shredCompleteAfter: until === null ? null : isoTime(until),
    };
  },
};
