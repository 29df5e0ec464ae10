import type { Clock } from '../lib/ids.ts';
import { doDueWork, type Attempts, type WorkReport } from './due-work.ts';
import { createSystemSession, type Session } from './session.ts';
import { asStrongroomError } from './unforeseen.ts';
import type { StrongroomError } from '../errors.ts';
import type { UnsealedVault } from './vault.ts';

/** Options of a {@link Scheduler}. */
export interface ScheduleOptions {
  /** How long from the end of a round to the next, in milliseconds, at least 1,000. Default 5 minutes. */
  readonly everyMs?: number | undefined;
  /** Called after each round in which something was done or failed. What it throws ends nothing. */
  readonly onReport?: ((report: WorkReport) => void) | undefined;
  /** Called if a round could not be begun or ended, such as on a full disk. What it throws ends nothing. */
  readonly onFailure?: ((error: StrongroomError) => void) | undefined;
}

const EVERY_MS_DEFAULT = 5 * 60_000;
const EVERY_MS_MIN = 1000;
const EVERY_MS_MAX = 2 ** 31 - 1;
const BACKOFF_MS = 60_000;
const BACKOFF_MS_MAX = 6 * 3_600_000;

/** Does the work that is due again and again, for as long as the vault is open. */
export class Scheduler {
  readonly #vault: UnsealedVault;
  readonly #everyMs: number;
  readonly #options: ScheduleOptions;
  readonly #attempts: Backoff;
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<WorkReport> | undefined;
  #isStopped = false;

  /** @throws RangeError if `everyMs` is too short or too long. */
  constructor(vault: UnsealedVault, now: Clock, options: ScheduleOptions = {}) {
    checkSchedule(options);
    this.#vault = vault;
    this.#everyMs = options.everyMs ?? EVERY_MS_DEFAULT;
    this.#options = options;
    this.#attempts = new Backoff(now);
  }

  /** Begins the first round at once. The timers keep no process alive. */
  start(): void {
    this.#plan(0);
  }

  /** Does the work that is due now. While a round is under way, that one is waited for. */
  run(): Promise<WorkReport> {
    this.#round ??= doDueWork(createSystemSession(this.#vault), this.#attempts).finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  /** Begins no further round, and resolves when none is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#round?.catch(() => undefined);
  }

  #plan(ms: number): void {
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => void this.#next(), ms);
    this.#timer.unref();
  }

  async #next(): Promise<void> {
    const { onReport, onFailure } = this.#options;
    try {
      const report = await this.run();
      const isNews = Object.values(report.done).some((count) => count > 0);
      if (isNews || report.failures.length > 0) tell(() => onReport?.(report));
    } catch (error) {
      tell(() => onFailure?.(asStrongroomError(error)));
    } finally {
      this.#plan(this.#everyMs);
    }
  }
}

/** Calls the caller's own function, whose failures, at once or later, are not the scheduler's. */
function tell(call: () => unknown): void {
  new Promise((resolve) => resolve(call())).catch(() => {
    // Not what it threw, which may have anything in it.
    process.emitWarning('a function of the schedule threw', { code: 'STRONGROOM_SCHEDULE' });
  });
}

/**
 * Does the work that is due, once, because somebody asks for it. They need
 * `admin` on `sys/jobs`; the work is done as the system.
 *
 * @param scheduler - The one that the vault has already, so that nothing is done twice at a time.
 * @throws {@link StrongroomError} `denied`, `principal_unknown`.
 */
export async function runDueWork(session: Session, scheduler: Scheduler): Promise<WorkReport> {
  await session.jobs.run();
  return scheduler.run();
}

/**
 * Checks options before anything is opened.
 *
 * @throws RangeError if `everyMs` is too short or too long.
 */
export function checkSchedule({ everyMs = EVERY_MS_DEFAULT }: ScheduleOptions): void {
  if (everyMs >= EVERY_MS_MIN && everyMs <= EVERY_MS_MAX) return;
  throw new RangeError(`everyMs is ${EVERY_MS_MIN} to ${EVERY_MS_MAX} milliseconds`);
}

/** What failed is tried again after a minute, then after twice as long each time, up to 6 hours. */
export class Backoff implements Attempts {
  readonly #now: Clock;
  readonly #failed: Map<string, { readonly count: number; readonly notBefore: number }> = new Map();

  constructor(now: Clock) {
    this.#now = now;
  }

  mayTry(what: string): boolean {
    return (this.#failed.get(what)?.notBefore ?? 0) <= this.#now();
  }

  succeeded(what: string): void {
    this.#failed.delete(what);
  }

  failed(what: string): void {
    const count = (this.#failed.get(what)?.count ?? 0) + 1;
    const wait = Math.min(BACKOFF_MS * 2 ** (count - 1), BACKOFF_MS_MAX);
    this.#failed.set(what, { count, notBefore: this.#now() + wait });
  }
}
