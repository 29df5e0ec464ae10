import { setTimeout as sleep } from 'node:timers/promises';

import type { ChangeStream } from '../core/events/change-event.ts';
import type { Session } from '../core/session.ts';
import { StrongroomError } from '../errors.ts';
import { lastMark } from '../store/vault-lock.ts';

/** Tells when it is worth to look whether something changed. */
export interface Changes extends AsyncDisposable {
  /**
   * Resolves at the next change, and once those beside it are over. One waits at a time.
   *
   * @param withinMs - Resolves without a change after this time. Default: never.
   */
  next(withinMs?: number): Promise<void>;
}

/** Which environment is followed. */
export interface FollowedPlace {
  readonly workspace: string | undefined;
  readonly environment: string;
}

/** Who changes several secrets changes them within this time. */
const TOGETHER_MS = 300;
const TOGETHER_MS_MAX = 3000;
const LOOK_MS = 500;

/**
 * Follows an environment on a server: what is in it, and what it has from others.
 *
 * @throws {@link StrongroomError} as `events.open` does.
 */
export async function changesOnServer(
  session: Pick<Session, 'events'>,
  { workspace, environment }: FollowedPlace,
): Promise<Changes> {
  const stream = await session.events.open({ workspace, environment });
  const bell = new Bell();
  const reading = ringAtEach(stream, bell).catch((error: unknown) => bell.fail(error));
  return {
    next: (withinMs) => bell.next(withinMs),
    [Symbol.asyncDispose]: async () => {
      await stream.close();
      await reading;
    },
  };
}

/** Follows a vault of this machine, which others have open when they change it: any change in it counts. */
export function changesInDirectory(directory: string): Changes {
  const bell = new Bell();
  let seen = lastMark(directory);
  const looks = setInterval(() => {
    const marked = lastMark(directory);
    if (marked === seen) return;
    seen = marked;
    bell.ring();
  }, LOOK_MS);
  return {
    next: (withinMs) => bell.next(withinMs),
    [Symbol.asyncDispose]: async () => clearInterval(looks),
  };
}

async function ringAtEach(stream: ChangeStream, bell: Bell): Promise<void> {
  const events = stream[Symbol.asyncIterator]();
  for (let next = await events.next(); next.done !== true; next = await events.next()) bell.ring();
}

/** Remembers that it was rung until somebody asks. */
class Bell {
  #rung = 0;
  #failure: unknown;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung += 1;
    this.#wake?.();
  }

  fail(error: unknown): void {
    this.#failure = error ?? new StrongroomError('unreachable', 'the stream has ended');
    this.#wake?.();
  }

  async next(withinMs?: number): Promise<void> {
    if (this.#rung === 0) {
      if (this.#failure !== undefined) throw this.#failure;
      await this.#rings(withinMs);
      if (this.#failure !== undefined) throw this.#failure;
    }
    const begun = performance.now();
    for (let before = 0; before !== this.#rung;) {
      before = this.#rung;
      await sleep(TOGETHER_MS);
      if (performance.now() - begun > TOGETHER_MS_MAX) break;
    }
    this.#rung = 0;
  }

  async #rings(withinMs: number | undefined): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (withinMs !== undefined) timer = setTimeout(resolve, withinMs);
    });
    clearTimeout(timer);
    this.#wake = undefined;
  }
}
