const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION = /^([1-9]\d{0,5})([mhd])$/;
const TIMESTAMP =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

/**
 * Reads a duration in minutes, hours or days.
 *
 * @param text - Such as `30m`, `12h` or `7d`; one unit, at most 6 digits.
 * @returns Milliseconds, or `undefined` if the text is no duration.
 */
export function parseDuration(text: string): number | undefined {
  const [, count, unit] = DURATION.exec(text) ?? [];
  return count === undefined ? undefined : Number(count) * (UNITS_MS[unit ?? ''] ?? Number.NaN);
}

/**
 * Reads a moment: RFC 3339 with seconds and time zone, or a duration from now.
 *
 * @param direction - Whether a duration leads into the past or into the future.
 * @param now - Milliseconds since 1970.
 * @returns RFC 3339 in UTC, or `undefined` if the text is neither or not in the calendar.
 */
export function parseMoment(
  text: string,
  direction: 'past' | 'future',
  now: number,
): string | undefined {
  const duration = parseDuration(text);
  if (duration !== undefined) return iso(direction === 'past' ? now - duration : now + duration);
  return TIMESTAMP.test(text) && isInCalendar(text) ? iso(Date.parse(text)) : undefined;
}

/** `Date.parse` takes February 30 for March 2. */
function isInCalendar(timestamp: string): boolean {
  const date = timestamp.slice(0, 10);
  return new Date(`${date}T00:00:00Z`).toISOString().startsWith(date);
}

function iso(ms: number): string | undefined {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
