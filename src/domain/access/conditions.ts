import { BlockList, isIP, SocketAddress } from 'node:net';

import { StrongroomError } from '../../errors.ts';
import { canonicalJson, parseCanonicalJson } from '../../lib/canonical-json.ts';
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
const USER_AGENT_PATTERN_MAX = 200;
const STARS_MAX = 8;
/** What a longer user agent is cannot be told: no pattern is tried on it. */
const USER_AGENT_MAX = 1024;
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

function inNetworks(networks: readonly string[]): Condition {
  // One list for each family: a list of both would find IPv4 addresses in IPv6 networks.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) lists[family].addAddress(address, family);
    else lists[family].addSubnet(address, Number(prefix), family);
  }
  return ({ ip }) => {
    if (ip === undefined || isIP(ip) === 0) return 'unknown';
    // A scope such as %eth0 says through which interface, and is no part of the address.
    const [address = ''] = ip.split('%');
    const plain = mappedIPv4(address) ?? address;
    const family = isIP(plain) === 6 ? 'ipv6' : 'ipv4';
    return standing(lists[family].check(plain, family));
  };
}

/** The IPv4 address that an IPv6 address stands for, however it is written; RFC 4291, section 2.5.5.2. */
function mappedIPv4(address: string): string | undefined {
  if (isIP(address) !== 6) return undefined;
  const written = new SocketAddress({ address, family: 'ipv6' }).address;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(written)?.[1];
}

function byPrograms(patterns: readonly string[]): Condition {
  const parts = patterns.map((pattern) => pattern.split('*'));
  return ({ userAgent }) => {
    if (userAgent === undefined || userAgent.length > USER_AGENT_MAX) return 'unknown';
    return standing(parts.some((each) => matchesGlob(each, userAgent)));
  };
}

/** Whether a text is what stands between the stars, in order: the first place of each will do. */
function matchesGlob(parts: readonly string[], text: string): boolean {
  const [first = '', ...rest] = parts;
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
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
    listFault('userAgents', userAgents, programFault) ??
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

function networkFault(network: unknown): string | undefined {
  const fault = 'a network is an IPv4 or IPv6 address, or one with /PREFIX, such as 10.0.0.0/8';
  if (typeof network !== 'string') return fault;
  const [address = '', prefix, ...more] = network.split('/');
  const family = isIP(address);
  if (more.length > 0 || family === 0 || address.includes('%')) return fault;
  if (mappedIPv4(address) !== undefined) {
    return 'an IPv4 network is written as one, without ::ffff:';
  }
  if (prefix === undefined) return undefined;
  const isPrefix =
    /^(?:0|[1-9]\d{0,2})$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128);
  return isPrefix ? undefined : fault;
}

function programFault(pattern: unknown): string | undefined {
  if (typeof pattern !== 'string' || !/^[\x20-\x7e]+$/.test(pattern)) {
    return 'a user agent is printable ASCII text';
  }
  if (pattern.length > USER_AGENT_PATTERN_MAX || pattern.split('*').length - 1 > STARS_MAX) {
    return `a user agent has at most ${USER_AGENT_PATTERN_MAX} characters and ${STARS_MAX} stars`;
  }
  return undefined;
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
