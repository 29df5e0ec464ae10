import { StrongroomError } from '../../errors.ts';
import { canonicalJson, parseCanonicalJson } from '../../lib/canonical-json.ts';
import { networkFault, toNetworks } from '../../lib/ip-networks.ts';
import { programPatternFault, toTextGlobs } from '../../lib/text-globs.ts';
import { isZone, localTime } from './local-time.ts';

/** A day of the week. */
export type Day = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun';

/** A part of the week in one time zone. */
export interface TimeWindow {
  /** Default: every day. A window over midnight belongs to the day on which it begins. */
  readonly days?: readonly Day[] | undefined;
  /** `HH:MM`. Default `00:00`. */
  readonly from?: string | undefined;
  /** `HH:MM`, up to `24:00`, and not part of the window. Default `24:00`. */
  readonly to?: string | undefined;
  /** An IANA time zone such as `Europe/Berlin`, or `UTC`. */
  readonly zone: string;
}

/** When a grant counts: each member that is there must be met. */
export interface Conditions {
  /** The client's address is in one of these networks, IPv4 or IPv6. */
  readonly cidr?: readonly string[] | undefined;
  /** The client's program is one of these; `*` stands for any text. */
  readonly userAgents?: readonly string[] | undefined;
  /** The moment is in one of these windows. */
  readonly times?: readonly TimeWindow[] | undefined;
  /** Whether the caller has proven a second factor. */
  readonly mfa?: boolean | undefined;
  /** RFC 3339: this moment or later. */
  readonly notBefore?: string | undefined;
  /** RFC 3339: before this moment. */
  readonly notAfter?: string | undefined;
}

/** What is known about a call, besides who calls. Members that are not known are absent. */
export interface Circumstances {
  readonly ip?: string | undefined;
  readonly userAgent?: string | undefined;
  readonly mfa?: boolean | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** How a condition stands. `unknown`: what it needs to know is not known. */
export type Standing = 'met' | 'unmet' | 'unknown';

/** A condition, ready to be held against circumstances. */
export type Condition = (circumstances: Circumstances) => Standing;

/** The days in the order of {@link localTime}. */
export const DAYS: readonly Day[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

const LIST_MAX = 64;
const TIME_OF_DAY = /^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/;
const MEMBERS: ReadonlySet<string> = new Set([
  'cidr',
  'userAgents',
  'times',
  'mfa',
  'notBefore',
  'notAfter',
]);
const WINDOW_MEMBERS: ReadonlySet<string> = new Set(['days', 'from', 'to', 'zone']);

/**
 * Conditions as they are stored: canonical JSON, or `null` if there are none.
 *
 * @throws {@link StrongroomError} `invalid_input` for what could not be enforced.
 */
export function encodeConditions(conditions: Conditions | undefined): string | null {
  if (conditions === undefined) return null;
  const fault = faultOf(conditions);
  if (fault !== undefined) {
    throw new StrongroomError('invalid_input', `the conditions cannot be enforced: ${fault}`);
  }
  const text = canonicalJson(conditions);
  return text === '{}' ? null : text;
}

/** What a stored text says; `undefined` if this version does not know all of it. */
export function decodeConditions(stored: string): Conditions | undefined {
  const value = parseCanonicalJson(stored);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return faultOf(value) === undefined ? value : undefined;
}

/**
 * Makes a stored condition ready. One that is not known in all its members is
 * never known to be met: an allow does not count then, and a deny does.
 */
export function compileConditions(stored: string): Condition {
  const conditions = decodeConditions(stored);
  if (conditions === undefined) return () => 'unknown';
  const parts: Condition[] = [];
  const { cidr, userAgents, times, mfa, notBefore, notAfter } = conditions;
  if (cidr !== undefined) parts.push(inNetworks(cidr));
  if (userAgents !== undefined) parts.push(byPrograms(userAgents));
  if (times !== undefined) parts.push(inWindows(times));
  if (mfa !== undefined) {
    parts.push((call) => (call.mfa === undefined ? 'unknown' : standing(call.mfa === mfa)));
  }
  if (notBefore !== undefined) {
    const from = Date.parse(notBefore);
    parts.push(({ now }) => standing(now >= from));
  }
  if (notAfter !== undefined) {
    const until = Date.parse(notAfter);
    parts.push(({ now }) => standing(now < until));
  }
  return (circumstances) => all(parts, circumstances);
}

/** One that is not met settles it, whatever is not known of the others. */
function all(parts: readonly Condition[], circumstances: Circumstances): Standing {
  let result: Standing = 'met';
  for (const part of parts) {
    const each = part(circumstances);
    if (each === 'unmet') return 'unmet';
    if (each === 'unknown') result = 'unknown';
  }
  return result;
}

function standing(isMet: boolean): Standing {
  return isMet ? 'met' : 'unmet';
}

function standingOf(isMet: boolean | undefined): Standing {
  return isMet === undefined ? 'unknown' : standing(isMet);
}

function inNetworks(cidr: readonly string[]): Condition {
  const networks = toNetworks(cidr);
  return ({ ip }) => standingOf(ip === undefined ? undefined : networks.has(ip));
}

function byPrograms(patterns: readonly string[]): Condition {
  const globs = toTextGlobs(patterns);
  return ({ userAgent }) => standingOf(userAgent === undefined ? undefined : globs.fits(userAgent));
}

function inWindows(windows: readonly TimeWindow[]): Condition {
  return ({ now }) => standing(windows.some((window) => isInWindow(window, now)));
}

function isInWindow(
  { days, from = '00:00', to = '24:00', zone }: TimeWindow,
  now: number,
): boolean {
  const { day, minute } = localTime(now, zone);
  const isOn = (index: number): boolean => {
    const name = DAYS[index];
    return days === undefined || (name !== undefined && days.includes(name));
  };
  const [begin, end] = [minutesOf(from), minutesOf(to)];
  if (begin < end) return isOn(day) && minute >= begin && minute < end;
  if (minute >= begin) return isOn(day);
  return minute < end && isOn((day + DAYS.length - 1) % DAYS.length);
}

function minutesOf(time: string): number {
  const [hours = '', minutes = ''] = time.split(':');
  return Number(hours) * 60 + Number(minutes);
}

/** Why conditions cannot be enforced; `undefined` if they can. */
function faultOf(given: object): string | undefined {
  const stranger = Object.keys(given).find((name) => !MEMBERS.has(name));
  if (stranger !== undefined) return 'there is a member that is not known';
  const { cidr, userAgents, times, mfa, notBefore, notAfter } = given as Conditions;
  return (
    listFault('cidr', cidr, networkFault) ??
    listFault('userAgents', userAgents, programPatternFault) ??
    listFault('times', times, windowFault) ??
    (mfa === undefined || typeof mfa === 'boolean' ? undefined : 'mfa is true or false') ??
    momentFault('notBefore', notBefore) ??
    momentFault('notAfter', notAfter) ??
    orderFault(notBefore, notAfter)
  );
}

function listFault<T>(
  name: string,
  list: readonly T[] | undefined,
  faultIn: (item: T) => string | undefined,
): string | undefined {
  if (list === undefined) return undefined;
  if (!Array.isArray(list) || list.length === 0 || list.length > LIST_MAX) {
    return `${name} is a list of 1 to ${LIST_MAX}`;
  }
  return (list as readonly T[]).map(faultIn).find((fault) => fault !== undefined);
}

function windowFault(window: unknown): string | undefined {
  if (typeof window !== 'object' || window === null) return 'a time window is an object';
  if (Object.keys(window).some((name) => !WINDOW_MEMBERS.has(name))) {
    return 'a time window has days, from, to and zone';
  }
  const { days, from = '00:00', to = '24:00', zone } = window as Partial<TimeWindow>;
  if (days !== undefined) {
    const isDays =
      Array.isArray(days) && days.length > 0 && days.every((day) => DAYS.includes(day));
    if (!isDays) return `days are some of ${DAYS.join(', ')}`;
  }
  if (![from, to].every((time) => typeof time === 'string' && TIME_OF_DAY.test(time))) {
    return 'from and to are times such as 08:30';
  }
  if (from === to || from === '24:00') return 'a time window ends at another time than it begins';
  if (typeof zone !== 'string' || !isZone(zone)) {
    return 'zone is an IANA time zone such as Europe/Berlin, or UTC';
  }
  return undefined;
}

function momentFault(name: string, moment: unknown): string | undefined {
  if (moment === undefined) return undefined;
  const isMoment =
    typeof moment === 'string' &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/.test(moment) &&
    Number.isFinite(Date.parse(moment)) &&
    isOnCalendar(moment.slice(0, 'YYYY-MM-DDTHH:MM:SS'.length));
  return isMoment ? undefined : `${name} is an RFC 3339 time`;
}

/** `Date.parse` takes the 30th of February for a day in March. */
function isOnCalendar(local: string): boolean {
  return new Date(`${local}Z`).toISOString().startsWith(local);
}

function orderFault(
  notBefore: string | undefined,
  notAfter: string | undefined,
): string | undefined {
  if (notBefore === undefined || notAfter === undefined) return undefined;
  return Date.parse(notBefore) < Date.parse(notAfter)
    ? undefined
    : 'notAfter is later than notBefore';
}
