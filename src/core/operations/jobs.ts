import { z } from 'zod';

import { listJobs as newestJobs } from '../../domain/jobs/jobs.ts';
import type { JobState } from '../../domain/jobs/jobs.ts';
import { isoTime } from '../../lib/iso-time.ts';
import type { Operation } from '../operation.ts';
import { ADMIN } from '../rest-binding.ts';
import * as schema from './schema.ts';

const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 1000;

export interface ListJobsInput {
  /** At most so many, the newest first. Default 50. */
  readonly limit?: number | undefined;
  /** Only those that are under way. */
  readonly running?: boolean | undefined;
}

/** Long work in batches, and how far it is. Times are RFC 3339. */
export interface JobSummary {
  readonly id: string;
  /** What kind of work, such as `keys.rewrap`. */
  readonly kind: string;
  /** `null`: the whole vault, or a workspace that is gone. */
  readonly workspace: string | null;
  readonly state: JobState;
  readonly done: number;
  readonly total: number;
  readonly failed: number;
  readonly detail: string | null;
  readonly startedAt: string;
  readonly updatedAt: string;
  readonly finishedAt: string | null;
}

/** The schema of {@link JobSummary}. */
export const jobSummary: z.ZodType<JobSummary> = schema.answer<JobSummary>({
  id: z.uuid(),
  kind: z.string(),
  workspace: z.string().nullable(),
  state: z.enum(['running', 'finished', 'failed']),
  done: z.int(),
  total: z.int(),
  failed: z.int(),
  detail: z.string().nullable(),
  startedAt: schema.instant,
  updatedAt: schema.instant,
  finishedAt: schema.instant.nullable(),
});

export const listJobs: Operation<ListJobsInput, readonly JobSummary[]> = {
  name: 'jobs.list',
  summary: 'Lists long work in batches, and how far it is.',
  errors: [],
  input: z.strictObject({
    limit: z.int().min(1).max(LIMIT_MAX).optional(),
    running: z.boolean().optional(),
  }),
  output: z.array(jobSummary),
  rest: [{ method: 'GET', path: `${ADMIN}/jobs` }],
  secretMembers: [],
  mutates: false,
  requires: () => [{ capability: 'read', resource: ['sys', 'jobs'] }],
  subject: () => ({}),
  apply: async ({ limit = LIMIT_DEFAULT, running = false }, call) => {
    const names = new Map(call.directory.workspaces().map(({ id, name }) => [id, name]));
    const rows = await newestJobs(call, { limit, running });
    return rows.map((row) => ({
      id: row.id,
      kind: row.kind,
      workspace: names.get(row.workspace_id ?? '') ?? null,
      state: row.state as JobState,
      done: row.done,
      total: row.total,
      failed: row.failed,
      detail: row.detail,
      startedAt: isoTime(row.created_at),
      updatedAt: isoTime(row.updated_at),
      finishedAt: row.finished_at === null ? null : isoTime(row.finished_at),
    }));
  },
};
