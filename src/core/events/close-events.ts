import { z } from 'zod';

import type { InnerOperation } from '../operation.ts';
import { workspaceNameOf, type ChangeFilter } from './change-scope.ts';
import type { Ended } from './followed-changes.ts';

/** What is on record of the end of a stream. */
export interface CloseEventsInput extends ChangeFilter {
  readonly reason: Ended;
  /** How many events were told. */
  readonly told: number;
}

/**
 * The end of a stream of changes, on record in the name of who opened it. It
 * asks for no right: it is noted of those, too, who have none any more.
 */
export const closeEvents: InnerOperation<CloseEventsInput, undefined> = {
  name: 'events.close',
  summary: 'Stops to follow changes.',
  input: z.strictObject({
    workspace: z.string().optional(),
    environment: z.string().optional(),
    prefix: z.string().optional(),
    reason: z.enum(['closed', 'slow', 'sealed', 'unauthenticated', 'denied', 'limit']),
    told: z.int(),
  }),
  secretMembers: [],
  mutates: false,
  requires: () => [],
  subject: ({ reason, told }) => ({
    detail: `${reason}, ${told} ${told === 1 ? 'event' : 'events'}`,
  }),
  apply: async (input, call) => {
    // Said only now: the policies of the workspace do not stand against the end.
    const workspace = workspaceNameOf(input);
    const { environment } = input;
    if (workspace === undefined) return;
    const found = call.directory.findWorkspace(workspace);
    const environments = found === undefined ? [] : call.directory.environments(found);
    const environmentId = environments.find(({ name }) => name === environment)?.id;
    call.about({ workspace, workspaceId: found?.id, environment, environmentId });
  },
};
