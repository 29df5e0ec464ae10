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

interface Waiting {
  readonly from: string;
  readonly begin: () => void;
  readonly refuse: (error: StrongroomError) => void;
}

/**
 * Does so much at once and no more: hashing passwords takes memory and a core
 * for as long as it lasts, whoever asks for it. Where no more may wait, whoever
 * has most waiting makes room for who has less: nobody keeps all others out.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  #waiting: Waiting[] = [];
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
   * @param from - Whose it is: a network.
   * @throws {@link StrongroomError} `rate_limited` if too much is waiting; then nothing of it was done.
   */
  async run<T>(work: () => Promise<T>, from = ''): Promise<T> {
    if (this.#underWay >= this.#options.atOnce) await this.#turn(from);
    else this.#underWay += 1;
    this.#begun += 1;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#underWay -= 1;
      else next.begin();
    }
  }

  /** Whoever is done hands their place on, so it is never free in between. */
  #turn(from: string): Promise<void> {
    if (this.#waiting.length >= this.#options.waitingMax) this.#makeRoom(from);
    return new Promise((begin, refuse) => {
      this.#waiting.push({ from, begin, refuse });
    });
  }

  /** The newest goes of whoever has most waiting. */
  #makeRoom(from: string): void {
    const counts = new Map<string, number>();
    for (const each of this.#waiting) counts.set(each.from, (counts.get(each.from) ?? 0) + 1);
    const most = Math.max(...counts.values());
    const own = counts.get(from) ?? 0;
    const last = this.#waiting.findLast((each) => counts.get(each.from) === most);
    if (last === undefined || own + 1 >= most) throw tooMany(this.#options.retryAfter);
    this.#waiting = this.#waiting.filter((each) => each !== last);
    last.refuse(tooMany(this.#options.retryAfter));
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
