import { z } from 'zod';

import type { ChangeType } from './change.ts';

/** A change that somebody is told of. Never a value. */
export interface SecretEvent {
  /** Opaque; to go on from here later. Good for the same principal at the same running server alone. */
  readonly id: string;
  /**
   * `secret.changed`: made, changed, or come here. `secret.deleted`: deleted, destroyed, or gone
   * elsewhere. `override.changed`: the caller's own value under a name. `environment.changed`: what
   * the environment has from others.
   */
  readonly type: ChangeType;
  readonly workspace: string;
  readonly workspaceId: string;
  readonly environment: string;
  /** `null`: the environment as a whole. */
  readonly path: string | null;
  readonly secretId: string | null;
  /** The version that the change made, or `null` if it made none. */
  readonly version: number | null;
  /** RFC 3339, UTC. */
  readonly at: string;
}

/** Changes may have been missed: whoever keeps something looks again. */
export interface ResetEvent {
  readonly id: string;
  readonly type: 'reset';
}

/** What a stream of changes gives. */
export type ChangeEvent = SecretEvent | ResetEvent;

/** Changes as they become durable. One reads it at a time. */
export interface ChangeStream extends AsyncIterable<ChangeEvent>, AsyncDisposable {
  /** Ends it. */
  close(): Promise<void>;
}

/** The schema of what is sent with an event; its id and type stand beside it. */
export const secretEvent: z.ZodType<Omit<SecretEvent, 'id'>> = z.strictObject({
  type: z.enum(['secret.changed', 'secret.deleted', 'override.changed', 'environment.changed']),
  workspace: z.string(),
  workspaceId: z.uuid(),
  environment: z.string(),
  path: z.string().nullable(),
  secretId: z.uuid().nullable(),
  version: z.int().nullable(),
  at: z.iso.datetime(),
});
