import type { Change } from './change.ts';

/** The last so many changes, each with a number of its own that nobody outside is told. */
export class ChangeRing {
  readonly #kept: (Change | undefined)[];
  /** Number of the next change. */
  #next = 1;

  /** @param size - How many changes are kept. */
  constructor(size: number) {
    this.#kept = Array.from({ length: size });
  }

  /** Number of the next change. */
  get next(): number {
    return this.#next;
  }

  /** Number of the oldest change that is kept, or of the next if there is none. */
  get oldest(): number {
    return Math.max(1, this.#next - this.#kept.length);
  }

  /** Adds a change, in place of the oldest one. */
  add(change: Change): void {
    this.#kept[this.#next % this.#kept.length] = change;
    this.#next += 1;
  }

  /** A change that is kept. */
  at(number: number): Change | undefined {
    if (number < this.oldest || number >= this.#next) return undefined;
    return this.#kept[number % this.#kept.length];
  }
}
