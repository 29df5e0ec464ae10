import { Cron } from 'croner';

import { StrongroomError } from '../../errors.ts';
import { parseDuration } from '../../lib/duration.ts';

/** When a secret is to be rotated; read by {@link parsePolicy}. */
export type RotationPolicy =
  | { readonly kind: 'manual' }
  | { readonly kind: 'interval'; readonly ms: number }
  | { readonly kind: 'cron'; readonly pattern: string; readonly timezone: string };

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const AUTO_DAYS: readonly number[] = [30, 60, 90, 180, 365];
const AUTO_DEFAULT_DAYS = 90;
const AUTO_DAYS_MAX = 3650;
const CRON_FIELDS = 5;
const POLICIES_HINT =
  'one of manual, auto, auto_30_days, auto_60_days, auto_90_days, auto_180_days, auto_365_days, `every 45d`, `cron 0 3 * * 1`';

/**
 * Reads a policy: `manual`, `auto`, `auto_90_days`, `every 45d` (at least an
 * hour), or `cron` with five fields and perhaps a time zone, such as
 * `cron 0 3 * * 1 Europe/Berlin`. Without one, cron means UTC.
 *
 * @param autoDays - What `auto` stands for. Default 90.
 * @throws {@link StrongroomError} `invalid_input`.
 */
export function parsePolicy(text: string, autoDays: number = AUTO_DEFAULT_DAYS): RotationPolicy {
  if (text === 'manual') return { kind: 'manual' };
  if (text === 'auto') return { kind: 'interval', ms: autoDays * DAY_MS };
  const days = AUTO_DAYS.find((each) => text === `auto_${each}_days`);
  if (days !== undefined) return { kind: 'interval', ms: days * DAY_MS };
  const [word, ...rest] = text.split(' ');
  if (word === 'every') return everyPolicy(rest.join(' '));
  if (word === 'cron') return cronPolicy(rest);
  throw noPolicy('there is no such policy');
}

/** The policies that are named for their days. */
const AUTO_NAMED = /^auto_(\d+)_days$/;

/**
 * The whole days between rotations that a policy says, or `null`: there are
 * none, or it is one by the calendar or of hours.
 *
 * @param autoDays - What `auto` stands for. Default 90.
 */
export function intervalDays(text: string, autoDays: number = AUTO_DEFAULT_DAYS): number | null {
  if (text === 'auto') return autoDays;
  const named = AUTO_NAMED.exec(text)?.[1];
  if (named !== undefined) return Number(named);
  const ms = text.startsWith('every ') ? parseDuration(text.slice('every '.length)) : undefined;
  return ms !== undefined && ms % DAY_MS === 0 ? ms / DAY_MS : null;
}

/**
 * The policy that is meant where its days may be said besides.
 *
 * @param days - `null`: none are said; without a policy either, it is `manual`.
 * @throws {@link StrongroomError} `invalid_input` if a policy says other days itself.
 */
export function policyWith(
  policy: string | undefined,
  days: number | null | undefined,
): string | undefined {
  if (days === undefined) return policy;
  if (days === null) return policy ?? 'manual';
  if (policy !== undefined && policy !== 'auto') {
    if (intervalDays(policy) === days) return policy;
    throw noPolicy('its interval is not the one that is given besides');
  }
  return AUTO_DAYS.includes(days) ? `auto_${days}_days` : `every ${days}d`;
}

/**
 * When a policy next wants a rotation, in milliseconds since 1970.
 *
 * @param from - The moment after which; of an interval, its beginning.
 * @returns `null` for a policy that never does.
 */
export function nextRotation(policy: RotationPolicy, from: number): number | null {
  if (policy.kind === 'manual') return null;
  if (policy.kind === 'interval') return from + policy.ms;
  const { pattern, timezone } = policy;
  return new Cron(pattern, { timezone }).nextRun(new Date(from))?.getTime() ?? null;
}

/**
 * The days of policy `auto`: `SECRET_ROTATION_DAYS`, or 90.
 *
 * @throws {@link StrongroomError} `invalid_input` if the variable is no whole number from 1 to 3650.
 */
export function autoRotationDays(variable: string | undefined): number {
  if (variable === undefined || variable === '') return AUTO_DEFAULT_DAYS;
  const days = /^\d{1,4}$/.test(variable) ? Number(variable) : 0;
  if (days >= 1 && days <= AUTO_DAYS_MAX) return days;
  throw new StrongroomError(
    'invalid_input',
    'SECRET_ROTATION_DAYS is not a number of days from 1 to 3650',
    { hint: 'unset it for 90 days' },
  );
}

function everyPolicy(text: string): RotationPolicy {
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= HOUR_MS && ms <= AUTO_DAYS_MAX * DAY_MS) {
    return { kind: 'interval', ms };
  }
  throw noPolicy('the interval is not from 1h to 3650d');
}

function cronPolicy(words: readonly string[]): RotationPolicy {
  const pattern = words.slice(0, CRON_FIELDS).join(' ');
  const [timezone = 'UTC', ...more] = words.slice(CRON_FIELDS);
  if (words.length < CRON_FIELDS || more.length > 0) {
    throw noPolicy('cron takes five fields and perhaps a time zone');
  }
  const policy: RotationPolicy = { kind: 'cron', pattern, timezone };
  if (isNeverDue(policy)) throw noPolicy('cron never comes to that moment, or cannot read it');
  return policy;
}

function isNeverDue(policy: RotationPolicy): boolean {
  try {
    return nextRotation(policy, 0) === null;
  } catch {
    // What the library says of a pattern is not for people.
    return true;
  }
}

function noPolicy(reason: string): StrongroomError {
  return new StrongroomError('invalid_input', `that is no rotation policy: ${reason}`, {
    hint: POLICIES_HINT,
  });
}
