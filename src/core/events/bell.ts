import { sleep } from '../../lib/sleep.ts';

/** Tells when it is worth to look whether something changed. */
export interface Changes extends AsyncDisposable {
  /**
   * Resolves at the next change, and once those beside it are over. One waits at a time.
   *
   * @param withinMs - Resolves without a change after this time, in milliseconds. Default: never.
   * @returns Whether it is worth to look: not once it was disposed of.
   * @throws What keeps changes from being told, each time.
   */
  next(withinMs?: number): Promise<boolean>;
}

/** Who changes several secrets changes them within this time. */
const TOGETHER_MS = 300;
const TOGETHER_MS_MAX = 3000;

/** Remembers that it was rung until somebody asks. */
export class Bell implements Pick<Changes, 'next'> {
  #rung = 0;
  #isSilent = false;
  #failure: { readonly cause: unknown } | undefined;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung += 1;
    this.#wake?.();
  }

  /** It is not rung any more, and that is not how it should be. */
  fail(cause: unknown): void {
    this.#failure ??= { cause };
    this.#wake?.();
  }

  /** It is not rung any more. */
  silence(): void {
    this.#isSilent = true;
    this.#wake?.();
  }

  async next(withinMs?: number): Promise<boolean> {
    if (this.#rung === 0) await this.#rings(withinMs);
    const begun = performance.now();
    for (let before = 0; before !== this.#rung && !this.#isSilent;) {
      before = this.#rung;
      await sleep(TOGETHER_MS);
      if (performance.now() - begun > TOGETHER_MS_MAX) break;
    }
    this.#rung = 0;
    return !this.#isSilent;
  }

  async #rings(withinMs: number | undefined): Promise<void> {
    if (!this.#isOver) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (withinMs !== undefined) timer = setTimeout(resolve, withinMs);
      });
      clearTimeout(timer);
      this.#wake = undefined;
    }
    if (this.#failure !== undefined && !this.#isSilent) throw this.#failure.cause;
  }

  get #isOver(): boolean {
    return this.#isSilent || this.#failure !== undefined;
  }
}
