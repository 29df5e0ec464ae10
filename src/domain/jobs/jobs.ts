import { StrongroomError } from '../../errors.ts';
import { canonicalJson, parseCanonicalJson } from '../../lib/canonical-json.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { JOBS } from '../../store/protected-tables.ts';
import { insertRow, updateRow } from '../../store/rows.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { JobRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';

/** How far a job is. `failed` is final too: what was done stays done. */
export type JobState = 'running' | 'finished' | 'failed';

/** A job to begin. */
export interface NewJob {
  /** What kind of work, such as `keys.rewrap`. */
  readonly kind: string;
  /** `null` is the whole vault. */
  readonly workspaceId: string | null;
  /** What it was asked: plain JSON without secrets. */
  readonly input?: Readonly<Record<string, unknown>> | undefined;
  /** How many items there are, as far as that is known. */
  readonly total: number;
  /** Where it begins; its form is the kind's. */
  readonly position?: string | null | undefined;
}

/** What a batch came to. Numbers are those of the whole job so far, not of the batch. */
export interface JobProgress {
  /** Where it goes on. */
  readonly position?: string | null | undefined;
  readonly done?: number | undefined;
  readonly total?: number | undefined;
  readonly failed?: number | undefined;
  readonly detail?: string | null | undefined;
}

const running = statement((db, p: Parameters<{ kind: string }>) =>
  db.selectFrom('jobs').selectAll().where('kind', '=', p('kind')).where('finished_at', 'is', null),
);

const newest = statement((db, p: Parameters<{ limit: number }>) =>
  db
    .selectFrom('jobs')
    .selectAll()
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(p('limit')),
);

const newestRunning = statement((db, p: Parameters<{ limit: number }>) =>
  db
    .selectFrom('jobs')
    .selectAll()
    .where('finished_at', 'is', null)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(p('limit')),
);

const newestOf = statement((db, p: Parameters<{ kind: string; workspaceId: string }>) =>
  db
    .selectFrom('jobs')
    .selectAll()
    .where('kind', '=', p('kind'))
    .where((e) => e(e.fn.coalesce('workspace_id', e.val('')), '=', p('workspaceId')))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(1),
);

/**
 * Begins a job. Of one kind there is one at a time in a workspace, and one for
 * the whole vault.
 *
 * @throws {@link StrongroomError} `job_running`.
 */
export async function beginJob(work: Work, job: NewJob): Promise<JobRow> {
  const { kind, workspaceId, input = {}, total, position = null } = job;
  const present = await findJob(work, kind, workspaceId);
  if (present !== undefined) {
    throw new StrongroomError('job_running', `a job ${kind} is under way already`, {
      details: { job: present.id, kind },
      hint: 'let it be finished: `strongroom jobs list` shows how far it is',
    });
  }
  return insertRow(work.transaction, work.mac, JOBS, {
    id: uuidv7(),
    kind,
    workspace_id: workspaceId,
    state: 'running',
    input: canonicalJson(input),
    position,
    done: 0,
    total,
    failed: 0,
    detail: null,
    created_at: work.now,
    created_by: work.actor,
    updated_at: work.now,
    finished_at: null,
  });
}

/**
 * The job of a kind that is under way in a workspace (`null`: for the vault), if one is.
 *
 * @throws {@link StrongroomError} `integrity_error`.
 */
export async function findJob(
  work: Pick<Work, 'transaction' | 'mac'>,
  kind: string,
  workspaceId: string | null,
): Promise<JobRow | undefined> {
  const rows = await work.transaction.all(running, { kind });
  const found = rows.find((row) => row.workspace_id === workspaceId);
  if (found !== undefined) work.mac.check(JOBS, found);
  return found;
}

/** Notes how far a job is, in the transaction of what it did. */
export async function advanceJob(work: Work, row: JobRow, progress: JobProgress): Promise<JobRow> {
  const set = { ...progressColumns(row, progress), updated_at: work.now };
  return updateRow(work.transaction, work.mac, JOBS, { from: row, set });
}

/** Ends a job. */
export async function finishJob(
  work: Work,
  row: JobRow,
  end: JobProgress & { readonly state?: Exclude<JobState, 'running'> | undefined } = {},
): Promise<JobRow> {
  const set = {
    ...progressColumns(row, end),
    state: end.state ?? 'finished',
    updated_at: work.now,
    finished_at: work.now,
  };
  return updateRow(work.transaction, work.mac, JOBS, { from: row, set });
}

/**
 * The job of a kind that was begun last in a workspace (`null`: for the vault), also if it is over.
 *
 * @throws {@link StrongroomError} `integrity_error`.
 */
export async function newestJob(
  work: Pick<Work, 'transaction' | 'mac'>,
  kind: string,
  workspaceId: string | null,
): Promise<JobRow | undefined> {
  const row = await work.transaction.get(newestOf, { kind, workspaceId: workspaceId ?? '' });
  if (row !== undefined) work.mac.check(JOBS, row);
  return row;
}

/**
 * Jobs, the newest first.
 *
 * @throws {@link StrongroomError} `integrity_error`.
 */
export async function listJobs(
  work: Pick<Work, 'transaction' | 'mac'>,
  { limit, running: isRunning }: { readonly limit: number; readonly running: boolean },
): Promise<readonly JobRow[]> {
  const rows = await work.transaction.all(isRunning ? newestRunning : newest, { limit });
  for (const row of rows) work.mac.check(JOBS, row);
  return rows;
}

/** What a job was asked. */
export function jobInput(row: JobRow): Readonly<Record<string, unknown>> {
  const input = parseCanonicalJson(row.input);
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new StrongroomError('integrity_error', 'what a job was asked is not readable', {
      details: { job: row.id },
    });
  }
  return { ...input };
}

function progressColumns(
  row: JobRow,
  {
    position = row.position,
    done = row.done,
    total = row.total,
    failed = row.failed,
    detail = row.detail,
  }: JobProgress,
): Pick<JobRow, 'position' | 'done' | 'total' | 'failed' | 'detail'> {
  return { position, done, total, failed, detail };
}
