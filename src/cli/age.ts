const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/**
 * A moment as people read it: how long ago it was if that is less than a day,
 * else date and time in UTC.
 *
 * @param time - RFC 3339.
 * @param now - Milliseconds since 1970.
 */
export function formatAge(time: string, now: number): string {
  const age = now - Date.parse(time);
  // A clock that was set back must not make entries of the future "just now".
  if (age < -MINUTE_MS || age >= DAY_MS) return `${time.slice(0, 10)} ${time.slice(11, 16)}Z`;
  if (age < MINUTE_MS) return 'just now';
  return age < HOUR_MS
    ? ago(Math.floor(age / MINUTE_MS), 'minute')
    : ago(Math.floor(age / HOUR_MS), 'hour');
}

function ago(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'} ago`;
}
