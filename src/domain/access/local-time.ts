/** A moment as a clock on a wall shows it. */
export interface LocalTime {
  /** 0 is Monday. */
  readonly day: number;
  /** Minutes since midnight. */
  readonly minute: number;
}

const MINUTE_MS = 60_000;
const WEEKDAYS: readonly string[] = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const ZONE = /^(?:UTC|[A-Za-z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+){1,2})$/;
const ZONES_KEPT_MAX = 64;

interface Clock {
  readonly format: Intl.DateTimeFormat;
  minute: number;
  time: LocalTime;
}

const clocks = new Map<string, Clock>();

/** Whether a text names a time zone. */
export function isZone(zone: string): boolean {
  if (!ZONE.test(zone)) return false;
  try {
    return clockOf(zone) !== undefined;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/**
 * A moment in a time zone. What was worked out last for a zone is kept, because
 * many decisions fall into one minute.
 *
 * @param now - Milliseconds since 1970.
 * @throws RangeError if the zone is not known.
 */
export function localTime(now: number, zone: string): LocalTime {
  const clock = clockOf(zone);
  const minute = Math.floor(now / MINUTE_MS);
  if (clock.minute !== minute) {
    clock.time = read(clock.format, minute * MINUTE_MS);
    clock.minute = minute;
  }
  return clock.time;
}

function clockOf(zone: string): Clock {
  const known = clocks.get(zone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  const made: Clock = { format, minute: Number.NaN, time: { day: 0, minute: 0 } };
  if (clocks.size >= ZONES_KEPT_MAX) clocks.clear();
  clocks.set(zone, made);
  return made;
}

function read(format: Intl.DateTimeFormat, now: number): LocalTime {
  const parts = new Map(format.formatToParts(now).map(({ type, value }) => [type, value]));
  return {
    day: WEEKDAYS.indexOf(parts.get('weekday') ?? ''),
    minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
  };
}
