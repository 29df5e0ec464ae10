import { z } from 'zod';

import { advanceJob, beginJob, findJob, finishJob, newestJob } from '../../domain/jobs/jobs.ts';
import {
  checkVersions,
  versionCount,
  type Damage,
  type VersionPlace,
} from '../../domain/secrets/check-versions.ts';
import { readSetting } from '../../domain/settings/settings.ts';
import { isoTime } from '../../lib/iso-time.ts';
import type { JobRow } from '../../store/tables.ts';
import type { Call, Operation } from '../operation.ts';
import { ADMIN } from '../rest-binding.ts';
import * as schema from './schema.ts';

/** The job of a check, of which there is one at a time. */
const VERIFY_JOB = 'verify-checksums';
const DAY_MS = 86_400_000;

export interface VerifyChecksumsInput {
  /**
   * Begins a check only if the last one is over for as long as the setting
   * `verify_every_days` says; one that is under way goes on. Default: begins one in any case.
   */
  readonly due?: boolean | undefined;
}

/** A version, or a secret's own row, that is not as it was written. */
export interface DamagedSecret {
  readonly secretId: string;
  /** Where it is, for those who may list it. */
  readonly workspace: string | undefined;
  readonly environment: string | undefined;
  readonly path: string | undefined;
  /** `undefined`: the secret's own row, or what is said about it. */
  readonly version: number | undefined;
  /** `integrity_error` or `decryption_failed`. */
  readonly reason: string;
}

/**
 * One batch of a check. Call it again until it is finished; a check that was
 * interrupted goes on where it was.
 */
export interface ChecksumsVerified {
  /** When the check was begun; `null`: none is due. */
  readonly startedAt: string | null;
  /** How many versions this batch checked. */
  readonly checked: number;
  /** How many versions the check has checked so far. */
  readonly done: number;
  readonly total: number;
  /** How many things the check has found damaged so far. */
  readonly failed: number;
  readonly finished: boolean;
  /** What this batch found damaged. */
  readonly damaged: readonly DamagedSecret[];
}

/** The schema of {@link ChecksumsVerified}. */
export const checksumsVerified: z.ZodType<ChecksumsVerified> = schema.answer<ChecksumsVerified>({
  startedAt: schema.instant.nullable(),
  checked: z.int(),
  done: z.int(),
  total: z.int(),
  failed: z.int(),
  finished: z.boolean(),
  damaged: z.array(
    schema
      .answer<DamagedSecret>({
        secretId: z.string(),
        workspace: z.string().optional(),
        environment: z.string().optional(),
        path: z.string().optional(),
        version: z.int().optional(),
        reason: z.string(),
      })
      .meta({ wire: schema.SECRET_NAMES }),
  ),
});

const NOT_DUE: ChecksumsVerified = {
  startedAt: null,
  checked: 0,
  done: 0,
  total: 0,
  failed: 0,
  finished: true,
  damaged: [],
};

export const verifyChecksums: Operation<VerifyChecksumsInput, ChecksumsVerified> = {
  name: 'secrets.verifyChecksums',
  summary: 'Checks that every version is as it was written, batch by batch. Gives no value out.',
  errors: [],
  input: z.strictObject({ due: z.boolean().optional() }),
  output: checksumsVerified,
  rest: [{ method: 'POST', path: `${ADMIN}/verify-checksums` }],
  secretMembers: [],
  mutates: true,
  requires: () => [{ capability: 'read', resource: ['sys', 'health'] }],
  subject: () => ({}),
  apply: async ({ due = false }, call) => {
    const job = await jobOf(call, due);
    if (job === undefined) return NOT_DUE;
    const { checked, damaged, next } = await checkVersions(call, decode(job.position));
    const done = job.done + checked;
    const failed = job.failed + damaged.length;
    const total = Math.max(await versionCount(call), done);
    for (const { secretId, version, reason } of damaged) {
      call.record('secrets.damaged', { secretId, version, detail: reason });
    }
    call.about({ detail: `${checked} versions, ${damaged.length} damaged` });
    const progress = { done, failed, total, position: next === undefined ? null : encode(next) };
    if (next !== undefined) await advanceJob(call, job, progress);
    else await finishJob(call, job, { ...progress, state: failed > 0 ? 'failed' : 'finished' });
    return {
      startedAt: isoTime(job.created_at),
      checked,
      done,
      total,
      failed,
      finished: next === undefined,
      damaged: damaged.map((each) => named(call, each)),
    };
  },
};

/** The check that is under way, or else a new one, if it is wanted. */
async function jobOf(call: Call, due: boolean): Promise<JobRow | undefined> {
  const running = await findJob(call, VERIFY_JOB, null);
  if (running !== undefined) return running;
  if (due) {
    const last = await newestJob(call, VERIFY_JOB, null);
    const days = readSetting(call, null, 'verify_every_days');
    const from = last?.finished_at ?? Number.NEGATIVE_INFINITY;
    if (days === 0 || call.now < from + days * DAY_MS) return undefined;
  }
  return beginJob(call, { kind: VERIFY_JOB, workspaceId: null, total: await versionCount(call) });
}

function named(call: Call, { secretId, secret, version, reason }: Damage): DamagedSecret {
  const workspace = call.directory.workspaces().find(({ id }) => id === secret?.workspace_id);
  const environment =
    workspace &&
    call.directory.environments(workspace).find(({ id }) => id === secret?.environment_id);
  const isTold =
    secret !== undefined &&
    workspace !== undefined &&
    environment !== undefined &&
    call.may('list', [workspace.name, environment.name, ...secret.path.split('/')]);
  return {
    secretId,
    workspace: isTold ? workspace.name : undefined,
    environment: isTold ? environment.name : undefined,
    path: isTold ? secret.path : undefined,
    version,
    reason,
  };
}

function encode({ secretId, version }: VersionPlace): string {
  return `${secretId} ${version}`;
}

function decode(position: string | null): VersionPlace | undefined {
  if (position === null) return undefined;
  const [secretId = '', version] = position.split(' ');
  return { secretId, version: Number(version) };
}
