import { z } from 'zod';

import { secretEvent, type ChangeStream } from '../events/change-event.ts';
import { requiresToFollow, workspaceNameOf } from '../events/change-scope.ts';
import type { Operation } from '../operation.ts';
import { EVENTS } from '../rest-binding.ts';
import * as schema from './schema.ts';
import { prefix } from './secret-folder.ts';

export interface OpenEventsInput {
  /** Default: all in which the caller may list anything; `default` with an environment. */
  readonly workspace?: string | undefined;
  /** This environment, and what it has from others. Default: all. */
  readonly environment?: string | undefined;
  /** Paths that begin with this, such as `payments/`. Default: all. */
  readonly prefix?: string | undefined;
  /** Goes on after the event with this id. What was missed beyond what is kept is told as `reset`. */
  readonly lastEventId?: string | undefined;
}

const ID_MAX = 256;

/** Errors: `rate_limited` with too many streams; `workspace_not_found`, `environment_not_found`, `vault_closed`. */
export const openEvents: Operation<OpenEventsInput, ChangeStream> = {
  name: 'events.open',
  summary: 'Follows changes of secrets that the caller may list, as they become durable.',
  errors: ['workspace_not_found', 'environment_not_found'],
  input: z.strictObject({
    workspace: schema.workspace,
    environment: schema.environment.optional(),
    prefix,
    lastEventId: z.string().max(ID_MAX).optional(),
  }),
  output: z.custom<ChangeStream>(
    (given) => typeof given === 'object' && given !== null && Symbol.asyncIterator in given,
  ),
  streams: secretEvent,
  rest: [{ method: 'GET', path: EVENTS }],
  secretMembers: [],
  mutates: false,
  requires: requiresToFollow,
  subject: (input) => ({ workspace: workspaceNameOf(input), environment: input.environment }),
  apply: async ({ lastEventId, ...filter }, call) => call.follow(filter, lastEventId),
};
