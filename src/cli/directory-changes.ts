import { Bell, type Changes } from '../core/events/bell.ts';
import { lastMark } from '../store/vault-lock.ts';

const LOOK_MS = 500;

/** Follows a vault of this machine, which others have open when they change it: any change in it counts. */
export function directoryChanges(directory: string): Changes {
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
    [Symbol.asyncDispose]: async () => {
      clearInterval(looks);
      bell.silence();
    },
  };
}
