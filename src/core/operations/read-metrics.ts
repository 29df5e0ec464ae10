import { z } from 'zod';

import { newestCheckpoint } from '../../domain/audit/log-queries.ts';
import { wipe } from '../../lib/bytes.ts';
import type { Keyring } from '../../keys/keyring.ts';
import type { Operation } from '../operation.ts';
import { backupMoments, countRotationDue } from './health-numbers.ts';

/** Numbers of a vault for monitoring. Moments are milliseconds since 1970. */
export interface VaultMetrics {
  /** Active secrets whose rotation is due. */
  readonly rotationDue: number;
  readonly auditEntries: number;
  /** Whether the active keys of all workspaces can be used. */
  readonly isHealthy: boolean;
  /** When the newest signed checkpoint of the audit log was made. */
  readonly checkpointAt?: number | undefined;
  /** When the newest backup whose file is in its place was made. */
  readonly backupAt?: number | undefined;
  /** When a restore of a backup last succeeded. */
  readonly backupProvenAt?: number | undefined;
}

const moment = z.int().optional();

export const readMetrics: Operation<Record<string, never>, VaultMetrics> = {
  name: 'metrics.read',
  summary: 'Numbers of the vault for monitoring.',
  errors: [],
  input: z.strictObject({}),
  output: z.strictObject({
    rotationDue: z.int(),
    auditEntries: z.int(),
    isHealthy: z.boolean(),
    checkpointAt: moment,
    backupAt: moment,
    backupProvenAt: moment,
  }),
  // A server gives them at `/metrics`, with its own, in the format of Prometheus.
  rest: [],
  secretMembers: [],
  mutates: false,
  requires: () => [{ capability: 'read', resource: ['sys', 'metrics'] }],
  subject: () => ({}),
  apply: async (_input, call) => {
    const { log, transaction } = call;
    const checkpoint = await transaction.get(newestCheckpoint, { log: log.number });
    const { madeAt, provenAt } = await backupMoments(call);
    return {
      rotationDue: await countRotationDue(call),
      auditEntries: log.size,
      isHealthy: call.directory.workspaces().every(({ id }) => opensKey(call.keyring, id)),
      checkpointAt: checkpoint?.created_at,
      backupAt: madeAt,
      backupProvenAt: provenAt,
    };
  },
};

/** Whether the active key of a workspace can be unwrapped. */
function opensKey(keyring: Keyring, workspaceId: string): boolean {
  try {
    wipe(keyring.unwrap(keyring.activeWorkspaceKey(workspaceId).id));
    return true;
  } catch {
    return false;
  }
}
