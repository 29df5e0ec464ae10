import { StrongroomError } from '../../errors.ts';
import { isPassing } from '../../lib/passing.ts';
import type { Changes } from './bell.ts';

/** Something that is read again after each change. */
export interface Renewed<T> {
  readonly changes: Changes;
  readonly read: () => Promise<T>;
  /** Whether nothing came of a change. */
  readonly isSame: (before: T, now: T) => boolean;
  /** Is done with what was read and is the same. Default: nothing. */
  readonly drop?: (now: T) => void;
  /** Told of what is in the way, and not of the same again. What was read last stays as it is. */
  readonly failed: (error: unknown, what: 'reading' | 'following') => void;
}

/** When it is tried again after what passes, without a further change. */
const AGAIN_MS = 5000;

/**
 * Gives what is read after changes, each time that it is not what it was. Ends once changes are not
 * told any more.
 *
 * @param first - What was read before.
 */
export async function* renewals<T>(
  first: T,
  { changes, read, isSame, drop, failed }: Renewed<T>,
): AsyncGenerator<T, void, undefined> {
  let current = first;
  let said: string | undefined;
  let againMs: number | undefined;
  for (;;) {
    try {
      if (!(await changes.next(againMs))) return;
    } catch (error) {
      failed(error, 'following');
      return;
    }
    let now: T;
    try {
      now = await read();
    } catch (error) {
      const why = error instanceof StrongroomError ? error.message : 'unforeseen';
      againMs = isPassing(error) ? AGAIN_MS : undefined;
      if (why !== said) failed(error, 'reading');
      said = why;
      continue;
    }
    againMs = undefined;
    said = undefined;
    if (isSame(current, now)) drop?.(now);
    else {
      current = now;
      yield now;
    }
  }
}
