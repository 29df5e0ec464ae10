import { z } from 'zod';

import { purgeAttempts } from '../../domain/identities/attempts.ts';
import { purgeRevocations, purgeTokens as purge } from '../../domain/identities/purge.ts';
import { purgeAnswers } from '../idempotency.ts';
import type { Operation } from '../operation.ts';
import { ADMIN } from '../rest-binding.ts';

/** What was removed. */
export interface TokensPurged {
  /** Credentials, revocations, counts of wrong guesses and answers kept for idempotency keys. */
  readonly done: number;
  /** Whether there is more: the operation is called again then. */
  readonly finished: boolean;
}

export const purgeTokens: Operation<Record<string, never>, TokensPurged> = {
  name: 'tokens.purge',
  summary:
    'Removes credentials that expired a day ago, and what is kept only while they could count.',
  errors: [],
  input: z.strictObject({}),
  output: z.strictObject({ done: z.int(), finished: z.boolean() }),
  rest: [{ method: 'POST', path: `${ADMIN}/tokens/purge` }],
  secretMembers: [],
  mutates: true,
  requires: () => [{ capability: 'admin', resource: ['sys', 'jobs'] }],
  subject: () => ({}),
  apply: async (_input, call) => {
    const credentials = (await purge(call)) + (await purgeRevocations(call));
    const done = credentials + (await purgeAttempts(call)) + (await purgeAnswers(call));
    call.about({ detail: `${done} removed` });
    return { done, finished: done === 0 };
  },
};
