import { setImmediate as nextTurn } from 'node:timers/promises';

import { z } from 'zod';

import {
  advanceJob,
  beginJob,
  findJob,
  finishJob,
  jobInput,
  newestJob,
} from '../../domain/jobs/jobs.ts';
import { countByKey } from '../../domain/keys/envelope-pages.ts';
import { rewrapBatch } from '../../domain/keys/rewrap.ts';
import {
  countEnvelopes,
  destroyUnused,
  isKeyDue,
  keyUsesOf,
  rotateWorkspaceKey,
  workspaceKeys,
} from '../../domain/keys/workspace-keys.ts';
import { readSetting } from '../../domain/settings/settings.ts';
import type { Workspace } from '../../domain/workspaces/directory.ts';
import { statement } from '../../store/statement.ts';
import type { JobRow, SecretRow } from '../../store/tables.ts';
import type { Call, Operation, Requirement, Services } from '../operation.ts';
import { ADMIN, IN_WORKSPACE } from '../rest-binding.ts';
import * as schema from './schema.ts';

/** Kind of the job that wraps data keys anew. */
export const REWRAP_JOB = 'keys.rewrap';

const BATCH_DEFAULT = 64;
const BATCH_MAX = 4096;

export interface RotateKeyInput {
  readonly workspace?: string | undefined;
  /** Encrypts values anew too, where a data key may have been exposed. Takes longer. */
  readonly reencrypt?: boolean | undefined;
}

/** A workspace key that was made, and the job that it began. */
export interface KeyRotated {
  readonly workspace: string;
  /** Id of the new key. */
  readonly key: string;
  /** Which key of its workspace it is, from 1. */
  readonly number: number;
  readonly job: string;
  /** Envelopes under older keys. */
  readonly total: number;
}

export interface RewrapInput {
  readonly workspace?: string | undefined;
  /** At most so many data keys in this call. Default 64. */
  readonly limit?: number | undefined;
}

/** How far a job is that does one batch for each call. */
export interface BatchDone {
  readonly done: number;
  readonly total: number;
  /** What cannot be opened, and stays under its old key. */
  readonly failed: number;
  readonly finished: boolean;
}

export interface RetireKeysInput {
  readonly workspace?: string | undefined;
}

/** Which keys are gone, and which are still needed. */
export interface KeysRetired {
  readonly workspace: string;
  /** Numbers of the keys that were destroyed. */
  readonly destroyed: readonly number[];
  /** Keys that stay, as envelopes are under them. */
  readonly kept: readonly { readonly number: number; readonly envelopes: number }[];
}

const oldKeys = statement((db) =>
  db.selectFrom('keys').select(['id']).where('state', '=', 'decrypt-only'),
);

const keyRotated = schema.answer<KeyRotated>({
  workspace: z.string(),
  key: z.uuid(),
  number: z.int(),
  job: z.uuid(),
  total: z.int(),
});

export const rotateKey: Operation<RotateKeyInput, KeyRotated> = {
  name: 'keys.rotate',
  summary: 'Gives a workspace a new key, and begins to wrap its data keys under it.',
  errors: [],
  input: z.strictObject({ workspace: schema.workspace, reencrypt: z.boolean().optional() }),
  output: keyRotated,
  rest: [
    { method: 'POST', path: `${ADMIN}/encryption/rotate-key` },
    { method: 'POST', path: `${IN_WORKSPACE}/keys/rotate` },
  ],
  secretMembers: [],
  mutates: true,
  requires: (input) => [adminOf(schema.workspaceOf(input))],
  subject: (input) => ({ workspace: schema.workspaceOf(input) }),
  apply: async (input, call) => {
    const workspace = call.directory.workspace(schema.workspaceOf(input));
    const rotated = await rotate(call, workspace, input.reencrypt ?? false);
    call.about({ detail: `key ${rotated.number} ${rotated.key}` });
    return rotated;
  },
};

export const rotateDueKeys: Operation<Record<string, never>, readonly KeyRotated[]> = {
  name: 'keys.rotateDue',
  summary: 'Rotates the key of every workspace whose key is due.',
  errors: [],
  input: z.strictObject({}),
  output: z.array(keyRotated),
  rest: [{ method: 'POST', path: `${ADMIN}/keys/rotate-due` }],
  secretMembers: [],
  mutates: true,
  requires: () => [{ capability: 'admin', resource: ['sys', 'keys'] }],
  subject: () => ({}),
  apply: async (_input, call) => {
    const rotated: KeyRotated[] = [];
    for (const workspace of call.directory.workspaces()) {
      if (!(await isDue(call, workspace))) continue;
      const done = await rotate(call, workspace, false);
      call.record('keys.rotate', {
        workspace: workspace.name,
        detail: `key ${done.number} ${done.key}`,
      });
      rotated.push(done);
    }
    return rotated;
  },
};

export const rewrapKeys: Operation<RewrapInput, BatchDone> = {
  name: 'keys.rewrap',
  summary:
    'Wraps the next data keys of a workspace under its active key, and those that failed once more.',
  errors: [],
  input: z.strictObject({
    workspace: schema.workspace,
    limit: z.int().min(1).max(BATCH_MAX).optional(),
  }),
  output: schema.answer<BatchDone>({
    done: z.int(),
    total: z.int(),
    failed: z.int(),
    finished: z.boolean(),
  }),
  rest: [{ method: 'POST', path: `${IN_WORKSPACE}/keys/rewrap` }],
  secretMembers: [],
  mutates: true,
  requires: (input) => [adminOf(schema.workspaceOf(input))],
  subject: (input) => ({ workspace: schema.workspaceOf(input) }),
  apply: async (input, call) => {
    const workspace = call.directory.workspace(schema.workspaceOf(input));
    const job = await jobToContinue(call, workspace);
    if (job === undefined) return { done: 0, total: 0, failed: 0, finished: true };
    const batch = await rewrapBatch(call, {
      workspaceId: workspace.id,
      position: job.position,
      limit: input.limit ?? BATCH_DEFAULT,
      reencrypt: jobInput(job)['reencrypt'] === true,
    });
    for (const { row, commit } of batch.changed) recordChange(call, workspace, { row, commit });
    const [done, failed] = [job.done + batch.done, job.failed + batch.failed];
    const finished = batch.position === null;
    const total = finished ? done + failed : Math.max(job.total, done + failed);
    const detail = job.detail ?? batch.failedAt ?? null;
    const progress = { position: batch.position, done, failed, total, detail };
    if (!finished) await advanceJob(call, job, progress);
    else await finishJob(call, job, { ...progress, state: failed > 0 ? 'failed' : 'finished' });
    call.about({ detail: `${done} of ${total}` });
    return { done, total, failed, finished };
  },
};

export const retireKeys: Operation<RetireKeysInput, KeysRetired, Scanned> = {
  name: 'keys.retire',
  summary: 'Destroys the old keys of a workspace that nothing is under any more.',
  errors: [],
  input: z.strictObject({ workspace: schema.workspace }),
  output: schema.answer<KeysRetired>({
    workspace: z.string(),
    destroyed: z.array(z.int()),
    kept: z.array(z.strictObject({ number: z.int(), envelopes: z.int() })),
  }),
  rest: [{ method: 'POST', path: `${IN_WORKSPACE}/keys/retire` }],
  secretMembers: [],
  mutates: true,
  requires: (input) => [adminOf(schema.workspaceOf(input))],
  subject: (input) => ({ workspace: schema.workspaceOf(input) }),
  prepare: (_input, services) => scan(services),
  apply: async (input, call, { retired, counts }) => {
    const workspace = call.directory.workspace(schema.workspaceOf(input));
    // A key that became old only after the scan may have been written under meanwhile.
    const isUnused = (id: string): boolean => retired.has(id) && !counts.has(id);
    const destroyed = await destroyUnused(call, workspace.id, isUnused);
    const left = (await workspaceKeys(call, workspace.id)).filter(
      ({ state }) => state === 'decrypt-only',
    );
    if (destroyed.length > 0) {
      call.scrub();
      call.about({ detail: `destroyed ${destroyed.map(({ number }) => number).join(', ')}` });
    }
    return {
      workspace: workspace.name,
      destroyed: destroyed.map(({ number }) => number),
      kept: left.map(({ id, number }) => ({ number, envelopes: counts.get(id) ?? 0 })),
    };
  },
};

/** What a scan of all envelopes found. */
export interface Scanned {
  /** The keys that could only decrypt when it began. */
  readonly retired: ReadonlySet<string>;
  /** Envelopes by the key that they name. */
  readonly counts: ReadonlyMap<string, number>;
}

/** Counts envelopes by key, if there is an old key at all. */
export function scan({ store }: Services): Promise<Scanned> {
  return store.read(async (transaction) => {
    const keys = await transaction.all(oldKeys, {});
    const retired = new Set(keys.map(({ id }) => id));
    const counts = retired.size === 0 ? new Map() : await countByKey(transaction, nextTurn);
    return { retired, counts };
  });
}

/** Whether the active key of a workspace has been in use too long or too often. */
export async function isDue(call: Call, workspace: Workspace): Promise<boolean> {
  const active = (await workspaceKeys(call, workspace.id)).find(({ state }) => state === 'active');
  if (active === undefined) return false;
  const days = readSetting(call, workspace.id, 'key_rotation_days');
  const uses = await keyUsesOf(call, active.id);
  return isKeyDue(active, uses, { days, now: call.now });
}

async function rotate(call: Call, workspace: Workspace, reencrypt: boolean): Promise<KeyRotated> {
  const key = await rotateWorkspaceKey(call, workspace.id);
  const total = await countEnvelopes(call.transaction, workspace.id);
  const job = await beginRewrap(call, workspace, { reencrypt, total });
  const { id, number } = key;
  return { workspace: workspace.name, key: id, number, job: job.id, total };
}

/** A job that is under way has to begin again: it wraps under the key that is active. */
async function beginRewrap(
  call: Call,
  workspace: Workspace,
  { reencrypt, total }: { readonly reencrypt: boolean; readonly total: number },
): Promise<JobRow> {
  const present = await findJob(call, REWRAP_JOB, workspace.id);
  const wasReencrypting = present !== undefined && jobInput(present)['reencrypt'] === true;
  if (present !== undefined) {
    const detail = 'began again under a newer key';
    await finishJob(call, present, { position: null, detail });
  }
  const input = { reencrypt: reencrypt || wasReencrypting };
  return beginJob(call, { kind: REWRAP_JOB, workspaceId: workspace.id, input, total });
}

/** The job that is under way, or another one for what the last could not wrap. */
async function jobToContinue(call: Call, workspace: Workspace): Promise<JobRow | undefined> {
  const last = await newestJob(call, REWRAP_JOB, workspace.id);
  if (last?.state !== 'failed') return findJob(call, REWRAP_JOB, workspace.id);
  return beginJob(call, {
    kind: REWRAP_JOB,
    workspaceId: workspace.id,
    input: jobInput(last),
    total: last.failed,
  });
}

/** A secret whose row changed is on record with what its row is held against. */
function recordChange(
  call: Call,
  workspace: Workspace,
  { row, commit }: { readonly row: SecretRow; readonly commit: string | undefined },
): void {
  const environment = call.directory
    .environments(workspace)
    .find(({ id }) => id === row.environment_id);
  call.record('keys.reencrypt', {
    workspace: workspace.name,
    environment: environment?.name,
    path: row.path,
    secretId: row.id,
    version: row.current_version,
    revision: row.row_revision,
    commit,
    became: 'unseen',
  });
}

function adminOf(workspace: string): Requirement {
  return { capability: 'admin', resource: ['sys', 'keys', workspace] };
}
