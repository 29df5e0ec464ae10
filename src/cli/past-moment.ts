import { StrongroomError } from '../errors.ts';
import { parseMoment } from '../lib/duration.ts';

const LOCAL = /^(\d{4})-(\d{2})-(\d{2})(?:[T ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?)?$/;

/**
 * Reads a moment of the past as people write it: RFC 3339; a duration ago,
 * such as `7d`; `yesterday` (24 hours ago) or `now`; or a date, with a time or
 * as it begins, where this computer is.
 *
 * @param now - Milliseconds since 1970.
 * @returns RFC 3339 in UTC, or `undefined` if the text is none of these.
 */
export function parsePastMoment(text: string, now: number): string | undefined {
  if (text === 'now') return new Date(now).toISOString();
  if (text === 'yesterday') return parseMoment('1d', 'past', now);
  return parseMoment(text, 'past', now) ?? localMoment(text);
}

/**
 * Reads a moment as {@link parsePastMoment} does, with durations that lead
 * into the past or the future, and `tomorrow` for the future.
 *
 * @param now - Milliseconds since 1970.
 * @returns RFC 3339 in UTC, or `undefined` if the text is no moment.
 */
export function parseWrittenMoment(
  text: string,
  direction: 'past' | 'future',
  now: number,
): string | undefined {
  if (direction === 'past') return parsePastMoment(text, now);
  if (text === 'tomorrow') return parseMoment('1d', 'future', now);
  return parseMoment(text, 'future', now) ?? parsePastMoment(text, now);
}

/** Makes the reader of an option that takes a moment of the past. */
export function pastMoment(name: string): (text: string) => string {
  return (text) => {
    const time = parsePastMoment(text, Date.now());
    if (time !== undefined) return time;
    throw new StrongroomError('usage', `${name} takes a moment of the past`, {
      hint: `as in ${name} 7d (also 12h, 30m), ${name} yesterday, or ${name} 2026-03-01T12:00`,
    });
  };
}

function localMoment(text: string): string | undefined {
  const parts = LOCAL.exec(text);
  if (parts === null) return undefined;
  const [year = 0, month = 0, day = 0, hours = 0, minutes = 0, seconds = 0] = parts
    .slice(1)
    .map((part) => Number(part ?? 0));
  const date = new Date(year, month - 1, day, hours, minutes, seconds);
  // Of February 30 a calendar makes March 2.
  const isInCalendar = date.getMonth() === month - 1 && date.getDate() === day;
  return isInCalendar ? date.toISOString() : undefined;
}
