import { availableParallelism } from 'node:os';

import { StrongroomError } from '../errors.ts';

/** Options of a {@link WorkQueue}. */
export interface WorkQueueOptions {
  /** How much is done at once. */
  readonly atOnce: number;
  /** How much may wait. */
  readonly waitingMax: number;
  /** What whoever comes too many is told to wait, in seconds. */
  readonly retryAfter: number;
}

/**
 * Does so much at once and no more: hashing passwords takes memory and a core
 * for as long as it lasts, whoever asks for it.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #waiting: (() => void)[] = [];
  #underWay = 0;
  #begun = 0;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** How much was begun so far. */
  get begun(): number {
    return this.#begun;
  }

  /**
   * Does some work when it is its turn.
   *
   * @throws {@link StrongroomError} `rate_limited` if too much is waiting; then nothing of it was done.
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#underWay >= this.#options.atOnce) await this.#turn();
    else this.#underWay += 1;
    this.#begun += 1;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#underWay -= 1;
      else next();
    }
  }

  /** Whoever is done hands their place on, so it is never free in between. */
  #turn(): Promise<void> {
    if (this.#waiting.length >= this.#options.waitingMax) throw tooMany(this.#options.retryAfter);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }
}

/** The one queue of this process for everything that hashes a password. */
export const passwordQueue: WorkQueue = new WorkQueue({
  atOnce: availableParallelism(),
  waitingMax: 64,
  retryAfter: 5,
});

function tooMany(retryAfter: number): StrongroomError {
  return new StrongroomError('rate_limited', 'too many sign in at the same time', {
    details: { retryAfter },
    hint: `try again in ${retryAfter} seconds`,
  });
}
