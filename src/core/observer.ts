import type { EntryFields } from '../domain/audit/entry.ts';

/** What one transaction of the committer came to. */
export interface CohortFacts {
  /** Calls in it. */
  readonly size: number;
  /** How long the first of them waited for its answer, in milliseconds. */
  readonly waitMs: number;
}

/**
 * Whoever watches a vault, for numbers and alarms. It is told after what it is
 * told of is durable, never waited for, and whatever it throws changes nothing.
 */
export interface VaultObserver {
  /** Told of each entry of the audit log. */
  readonly recorded?: ((entry: EntryFields) => void) | undefined;
  /** Told of each transaction of the committer. */
  readonly committed?: ((cohort: CohortFacts) => void) | undefined;
}

/** Tells one who watches, if there is one. Whoever watches must not change what is watched. */
export function tell<News>(told: ((news: News) => void) | undefined, news: News): void {
  try {
    told?.(news);
  } catch {
    // It is durable, whatever they think of it.
  }
}
