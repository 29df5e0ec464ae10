import { z } from 'zod';

import { findJob, newestJob } from '../../domain/jobs/jobs.ts';
import { isKeyDue, keyUsesOf, workspaceKeys } from '../../domain/keys/workspace-keys.ts';
import { readSetting } from '../../domain/settings/settings.ts';
import type { Workspace } from '../../domain/workspaces/directory.ts';
import { isoTime } from '../../lib/iso-time.ts';
import { readVaultRow } from '../../store/vault-row.ts';
import type { Call, Operation } from '../operation.ts';
import { ADMIN } from '../rest-binding.ts';
import {
  oldestUnproven,
  readSlots,
  slotSummary,
  slotWarnings,
  toSlotSummary,
  trustedAt,
  type SlotSummary,
} from '../slots.ts';
import { REWRAP_JOB, scan, type Scanned } from './keys.ts';
import { ROOT_JOB } from './root-key.ts';
import * as schema from './schema.ts';

/** A key of a workspace. */
export interface WorkspaceKeyStatus {
  readonly id: string;
  /** Which key of its workspace it is, from 1. */
  readonly number: number;
  readonly state: 'active' | 'decrypt-only' | 'destroyed';
  readonly createdAt: string;
  /** How many data keys it has wrapped. */
  readonly uses: number;
  /** Of a key that only decrypts: how many envelopes are under it. */
  readonly envelopes: number | null;
}

/** The keys of a workspace. */
export interface WorkspaceKeys {
  readonly workspace: string;
  readonly keys: readonly WorkspaceKeyStatus[];
  /** Whether its key should be rotated, by age or use. */
  readonly isDue: boolean;
  /** Days after which it is, as set. */
  readonly rotationDays: number;
  /** The job that wraps data keys anew, if it is under way. */
  readonly job:
    { readonly done: number; readonly total: number; readonly failed: number } | undefined;
}

/** How the keys of a vault are. Times are RFC 3339. */
export interface KeyStatus {
  readonly root: { readonly id: string; readonly createdAt: string };
  readonly workspaces: readonly WorkspaceKeys[];
  readonly slots: readonly SlotSummary[];
  /** The slot that has gone longest without proof that it opens. */
  readonly oldestUnproven: SlotSummary | undefined;
  readonly warnings: readonly string[];
}

const DAY_MS = 24 * 60 * 60 * 1000;
const PROOF_DAYS = 180;

const workspaceKeysView = schema.answer<WorkspaceKeys>({
  workspace: z.string(),
  keys: z.array(
    schema.answer<WorkspaceKeyStatus>({
      id: z.uuid(),
      number: z.int(),
      state: z.enum(['active', 'decrypt-only', 'destroyed']),
      createdAt: schema.instant,
      uses: z.int(),
      envelopes: z.int().nullable(),
    }),
  ),
  isDue: z.boolean(),
  rotationDays: z.number(),
  job: z.strictObject({ done: z.int(), total: z.int(), failed: z.int() }).optional(),
});

export const keyStatus: Operation<Record<string, never>, KeyStatus, Scanned> = {
  name: 'keys.status',
  summary: 'Says how old keys and slots are, and what has to be done about them.',
  errors: [],
  input: z.strictObject({}),
  output: schema.answer<KeyStatus>({
    root: z.strictObject({ id: z.guid(), createdAt: schema.instant }),
    workspaces: z.array(workspaceKeysView),
    slots: z.array(slotSummary),
    oldestUnproven: slotSummary.optional(),
    warnings: schema.texts,
  }),
  rest: [{ method: 'GET', path: `${ADMIN}/keys` }],
  secretMembers: [],
  mutates: false,
  requires: () => [{ capability: 'read', resource: ['sys', 'keys'] }],
  subject: () => ({}),
  prepare: (_input, services) => scan(services),
  apply: async (_input, call, { counts }) => {
    const slots = await readSlots(call);
    const workspaces: WorkspaceKeys[] = [];
    for (const workspace of call.directory.workspaces()) {
      workspaces.push(await keysOf(call, workspace, counts));
    }
    const oldest = oldestUnproven(slots);
    const isOld = oldest !== undefined && call.now - trustedAt(oldest) > PROOF_DAYS * DAY_MS;
    return {
      root: await rootOf(call),
      workspaces,
      slots: slots.map(toSlotSummary),
      oldestUnproven: oldest === undefined ? undefined : toSlotSummary(oldest),
      warnings: [
        ...slotWarnings(slots),
        ...slots
          .filter(({ pending_since: since }) => since !== null)
          .map(() => 'shares wait to be entered back: until then they open nothing'),
        ...(isOld ? [`a slot was not proven to open for more than ${PROOF_DAYS} days`] : []),
        ...workspaces
          .filter(({ isDue }) => isDue)
          .map(({ workspace }) => `the key of the workspace ${workspace} is due for rotation`),
      ],
    };
  },
};

async function keysOf(
  call: Call,
  workspace: Workspace,
  counts: ReadonlyMap<string, number>,
): Promise<WorkspaceKeys> {
  const rotationDays = readSetting(call, workspace.id, 'key_rotation_days');
  const job = await findJob(call, REWRAP_JOB, workspace.id);
  const keys: WorkspaceKeyStatus[] = [];
  let isDue = false;
  for (const row of await workspaceKeys(call, workspace.id)) {
    const uses = await keyUsesOf(call, row.id);
    if (row.state === 'active') isDue = isKeyDue(row, uses, { days: rotationDays, now: call.now });
    keys.push({
      id: row.id,
      number: row.number,
      state: row.state as WorkspaceKeyStatus['state'],
      createdAt: isoTime(row.created_at),
      uses,
      envelopes: row.state === 'decrypt-only' ? (counts.get(row.id) ?? 0) : null,
    });
  }
  const progress = job && { done: job.done, total: job.total, failed: job.failed };
  return { workspace: workspace.name, keys, isDue, rotationDays, job: progress };
}

/** A root key is as old as the job that took it into use, or as the vault. */
async function rootOf(call: Call): Promise<KeyStatus['root']> {
  const vault = await readVaultRow(call.transaction, call.mac);
  const { rootKeyId: id } = call.keyring;
  const rotated = await newestJob(call, ROOT_JOB, null);
  const since = rotated?.detail === id ? rotated.created_at : vault.created_at;
  return { id, createdAt: isoTime(since) };
}
