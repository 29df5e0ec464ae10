import { z } from 'zod';

import { catchUpIndex } from '../../domain/audit/entry-index.ts';
import { pruneEntries, pruningDetail } from '../../domain/audit/retention.ts';
import { readSetting } from '../../domain/settings/settings.ts';
import { originOfNote, verifyCheckpoint } from '../../merkle/verify-checkpoint.ts';
import type { Operation, Services } from '../operation.ts';
import { readOutsideCheckpoint } from '../outside-checkpoint.ts';
import { ADMIN } from '../rest-binding.ts';
import * as schema from './schema.ts';

/** What was removed. */
export interface AuditPruned {
  /** How many entries lost their text. */
  readonly removed: number;
  /** Whether there is nothing more to remove now. */
  readonly finished: boolean;
}

const DAY_MS = 24 * 60 * 60 * 1000;

export const pruneAudit: Operation<Record<string, never>, AuditPruned, number> = {
  name: 'audit.prune',
  summary:
    'Removes the text of audit entries that are older than audit_retention_days, and keeps their hashes.',
  errors: ['audit_unverifiable'],
  input: z.strictObject({}),
  output: schema.answer<AuditPruned>({ removed: z.int(), finished: z.boolean() }),
  rest: [{ method: 'POST', path: `${ADMIN}/audit/prune` }],
  secretMembers: [],
  mutates: true,
  requires: () => [{ capability: 'admin', resource: ['sys', 'audit'] }],
  subject: () => ({}),
  prepare: async (_input, services) => {
    const days = readSetting({ standing: await services.settings() }, null, 'audit_retention_days');
    if (days > 0) await catchUpIndex(services.store, services.log);
    return outsideSize(services);
  },
  apply: async (_input, call, checkpointSize) => {
    const days = readSetting(call, null, 'audit_retention_days');
    if (days === 0) return { removed: 0, finished: true };
    const pruned = await pruneEntries(call, call.log, {
      before: new Date(call.now - days * DAY_MS).toISOString(),
      checkpointSize,
      isWorkspace: (id) => call.directory.workspaceById(id) !== undefined,
    });
    if (pruned === undefined) return { removed: 0, finished: true };
    call.about({ detail: pruningDetail(pruned) });
    call.scrub();
    return { removed: pruned.removed, finished: pruned.isFinished };
  },
};

/** Size of the newest checkpoint that is kept outside the vault; 0 if none of this log is. */
function outsideSize({ checkpointPath, log }: Services): number {
  const note = readOutsideCheckpoint(checkpointPath);
  if (note === undefined || originOfNote(note) !== log.origin) return 0;
  return verifyCheckpoint(note, log.keys).size;
}
