import { StrongroomError, type ErrorCode } from '../../errors.ts';
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

/** After these it is tried again without a further change. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  'vault_in_use',
  'unreachable',
  'sealed',
  'vault_closed',
  'rate_limited',
  'audit_blocked',
]);
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
  let isPassing = false;
  for (;;) {
    try {
      if (!(await changes.next(isPassing ? AGAIN_MS : undefined))) return;
    } catch (error) {
      failed(error, 'following');
      return;
    }
    let now: T;
    try {
      now = await read();
    } catch (error) {
      const why = error instanceof StrongroomError ? error.message : 'unforeseen';
      isPassing = error instanceof StrongroomError && PASSING.has(error.code);
      if (why !== said) failed(error, 'reading');
      said = why;
      continue;
    }
    isPassing = false;
    said = undefined;
    if (isSame(current, now)) drop?.(now);
    else {
      current = now;
      yield now;
    }
  }
}
