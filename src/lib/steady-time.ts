/** By how much two clocks may differ before it is said that one was set back. */
const SLACK_MS = 2000;

/**
 * Time that does not run backwards with a clock that is set back: what is over by it stays over for
 * as long as the process lives. It follows a clock that is set forward, and follows it back as well.
 *
 * @param elapsed - A clock in milliseconds that is never set. Default `performance.now`.
 * @returns What the time is at least, where a clock says `now`; milliseconds since 1970.
 */
export function steadyTime(
  elapsed: () => number = () => performance.now(),
): (now: number) => number {
  let began: { readonly now: number; readonly elapsed: number } | undefined;
  return (now) => {
    began ??= { now, elapsed: elapsed() };
    // Whole, as all times are that are stored.
    const least = began.now + Math.floor(elapsed() - began.elapsed);
    return now < least - SLACK_MS ? least : now;
  };
}
