import { z } from 'zod';

import { isoTime } from '../../lib/iso-time.ts';
import type { Operation } from '../operation.ts';
import * as schema from './schema.ts';

/** From when the work that is due is done. */
export interface JobsBegun {
  readonly begunAt: string;
}

/** The work itself is done in many calls, by `runDueWork`, which begins with this one. Errors: none of its own. */
export const runJobs: Operation<Record<string, never>, JobsBegun> = {
  name: 'jobs.run',
  summary: 'Puts on record who has the work done that is due, and whether they may.',
  errors: [],
  input: z.strictObject({}),
  output: schema.answer<JobsBegun>({ begunAt: schema.instant }),
  // It only begins: the work is done by further calls of the process that asked, or by the server's
  // own scheduler.
  rest: [],
  secretMembers: [],
  mutates: false,
  requires: () => [{ capability: 'admin', resource: ['sys', 'jobs'] }],
  subject: () => ({}),
  apply: async (_input, call) => ({ begunAt: isoTime(call.now) }),
};
