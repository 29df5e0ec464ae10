import type { SecurityEvents } from './security-events.ts';
import type { ServerLog } from './server-log.ts';

/** How often it is told that more were lost. */
const EVERY_MS = 60_000;

/** Tells the server's log of security events that nobody took: of the first at once, of others each minute. */
export class LostEvents {
  readonly #events: readonly Pick<SecurityEvents, 'lost'>[];
  readonly #log: Pick<ServerLog, 'write'>;
  #told = 0;
  #at = Number.NEGATIVE_INFINITY;

  constructor(events: readonly Pick<SecurityEvents, 'lost'>[], log: Pick<ServerLog, 'write'>) {
    this.#events = events;
    this.#log = log;
  }

  /** How many were lost. */
  get count(): number {
    return this.#events.reduce((sum, { lost }) => sum + lost, 0);
  }

  /**
   * Looks whether there is something to tell.
   *
   * @param now - Milliseconds of a clock that is not set.
   */
  look(now: number): void {
    const lost = this.count;
    if (lost === this.#told || now - this.#at < EVERY_MS) return;
    this.#told = lost;
    this.#at = now;
    this.#log.write('warn', 'security_events_lost', {
      lost,
      hint: 'where --security-events sends them takes nothing; the audit log of the vault has them all',
    });
  }
}
