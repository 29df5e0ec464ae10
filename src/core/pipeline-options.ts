import type { AuditLog } from '../domain/audit/audit-log.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { Clock } from '../lib/ids.ts';
import type { RowMac } from '../store/row-mac.ts';
import type { Store } from '../store/store.ts';
import type { StreamLimits } from './events/change-feed.ts';
import type { CohortFacts, VaultObserver } from './observer.ts';
import type { Call } from './operation.ts';
import type { RateLimitOptions } from './rate-limits.ts';

/** Everything that the pipeline works with. */
export interface PipelineOptions {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly mac: RowMac;
  readonly log: AuditLog;
  readonly now: Clock;
  /** A clock in milliseconds that is never set. Default: that of {@link PipelineOptions.rateLimits}. */
  readonly elapsed?: (() => number) | undefined;
  /** The vault's directory. */
  readonly directory: string;
  /** Where the newest checkpoint is kept outside the vault; verifier keys lie beside it. */
  readonly checkpointPath: string;
  /** How often callers over the network may call. */
  readonly rateLimits?: RateLimitOptions | undefined;
  /** How many may follow changes at a time. */
  readonly streamLimits?: StreamLimits | undefined;
  /** The rights that an operation needs for what an entry of the log says. */
  readonly requirementsOf: Call['requirementsOf'];
  /** Called after each durable cohort. */
  readonly committed: (cohort: CohortFacts) => void;
  /** Called after each durable cohort in which something was changed that a reader would see. */
  readonly changed: () => void;
  readonly observer?: VaultObserver | undefined;
  /** Called after a durable cohort in which something was overwritten that must not be found any more. */
  readonly scrub: () => void;
}
