import { describe, expect, it } from 'vitest';

import {
  autoRotationDays,
  intervalDays,
  nextRotation,
  parsePolicy,
  policyWith,
} from './rotation-policy.ts';

const next = (policy: string, from: string): string | undefined => {
  const ms = nextRotation(parsePolicy(policy), Date.parse(from));
  return ms === null ? undefined : new Date(ms).toISOString();
};

describe('a rotation policy', () => {
  it.each([
    ['manual', '2026-01-01T00:00:00Z', undefined],
    ['auto', '2026-01-01T00:00:00Z', '2026-04-01T00:00:00.000Z'],
    ['auto_30_days', '2026-01-31T10:00:00Z', '2026-03-02T10:00:00.000Z'],
    // A leap year's February has one day more.
    ['auto_30_days', '2028-01-31T10:00:00Z', '2028-03-01T10:00:00.000Z'],
    ['auto_60_days', '2026-01-01T00:00:00Z', '2026-03-02T00:00:00.000Z'],
    ['auto_90_days', '2026-01-01T00:00:00Z', '2026-04-01T00:00:00.000Z'],
    ['auto_180_days', '2026-01-01T00:00:00Z', '2026-06-30T00:00:00.000Z'],
    ['auto_365_days', '2027-03-01T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['every 12h', '2026-01-01T18:00:00Z', '2026-01-02T06:00:00.000Z'],
    ['every 45d', '2026-01-01T00:00:00Z', '2026-02-15T00:00:00.000Z'],
    // An interval is time that passes, so a change of clocks is nothing to it.
    ['every 24h', '2026-03-28T12:00:00+01:00', '2026-03-29T11:00:00.000Z'],
    ['cron 0 3 * * 1', '2026-11-22T12:00:00Z', '2026-11-23T03:00:00.000Z'],
    ['cron 0 3 * * 1', '2026-11-23T03:00:00Z', '2026-11-30T03:00:00.000Z'],
    ['cron 0 3 1 * *', '2026-01-31T12:00:00Z', '2026-02-01T03:00:00.000Z'],
    // Only some months have a 31st.
    ['cron 0 0 31 * *', '2026-02-01T00:00:00Z', '2026-03-31T00:00:00.000Z'],
    // Only leap years have a February 29; 2100 is none.
    ['cron 0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['cron 0 0 29 2 *', '2096-03-01T00:00:00Z', '2104-02-29T00:00:00.000Z'],
    // Three in the morning in Berlin is one hour earlier by UTC in summer.
    ['cron 0 3 * * * Europe/Berlin', '2026-01-10T12:00:00Z', '2026-01-11T02:00:00.000Z'],
    ['cron 0 3 * * * Europe/Berlin', '2026-07-10T12:00:00Z', '2026-07-11T01:00:00.000Z'],
    // The days on which clocks change: 03:00 is there once on each.
    ['cron 0 3 * * * Europe/Berlin', '2026-03-28T12:00:00Z', '2026-03-29T01:00:00.000Z'],
    ['cron 0 3 * * * Europe/Berlin', '2026-10-24T12:00:00Z', '2026-10-25T02:00:00.000Z'],
  ])('%s after %s is due %s', (policy, from, expected) => {
    expect(next(policy, from)).toBe(expected);
  });

  it('by cron is due once on the day on which its hour is skipped, and once where it comes twice', () => {
    const policy = 'cron 30 2 * * * Europe/Berlin';
    const days = (from: string, count: number): string[] => {
      const due: string[] = [];
      for (let at = from; due.length < count;) {
        at = next(policy, at) ?? '';
        due.push(at.slice(0, 10));
      }
      return due;
    };
    expect(days('2026-03-27T12:00:00Z', 3)).toEqual(['2026-03-28', '2026-03-29', '2026-03-30']);
    expect(days('2026-10-23T12:00:00Z', 3)).toEqual(['2026-10-24', '2026-10-25', '2026-10-26']);
  });

  it('is always due later than the moment that is asked from', () => {
    for (const policy of [
      'auto',
      'every 1h',
      'cron * * * * *',
      'cron 15 2 * * * America/New_York',
    ]) {
      for (let at = Date.UTC(2026, 0, 1); at < Date.UTC(2027, 0, 1); at += 13 * 3_600_000 + 17) {
        expect(nextRotation(parsePolicy(policy), at)).toBeGreaterThan(at);
      }
    }
  });

  it.each([
    '',
    'never',
    'auto_31_days',
    'auto_90_days ',
    'every',
    'every 1m',
    'every 59m',
    'every 3651d',
    'every 1 d',
    'cron',
    'cron 0 3 * *',
    'cron 0 3 * * 1 UTC more',
    'cron 0 3 * * 1 Mars/Phobos',
    'cron 61 3 * * 1',
    'cron 0 0 31 2 *',
    'cron a b c d e',
  ])('is not %j, which is refused with a hint', (text) => {
    expect(() => parsePolicy(text)).toThrow(
      expect.objectContaining({ code: 'invalid_input', hint: expect.any(String) as string }),
    );
  });

  it.each([
    [undefined, undefined, undefined],
    ['cron 0 3 * * 1', undefined, 'cron 0 3 * * 1'],
    ['every 12h', null, 'every 12h'],
    [undefined, null, 'manual'],
    ['auto', 90, 'auto_90_days'],
    [undefined, 365, 'auto_365_days'],
    ['auto', 45, 'every 45d'],
    ['every 45d', 45, 'every 45d'],
    ['auto_30_days', 30, 'auto_30_days'],
  ])('%j with %j days is %j', (policy, days, meant) => {
    expect(policyWith(policy, days)).toBe(meant);
    if (typeof days === 'number') expect(intervalDays(meant ?? '')).toBe(days);
  });

  it.each(['manual', 'auto_90_days', 'every 12h', 'cron 0 3 * * 1'])(
    '%j with other days than its own is refused',
    (policy) => {
      expect(() => policyWith(policy, 45)).toThrow(
        expect.objectContaining({ code: 'invalid_input' }),
      );
    },
  );

  it('says its whole days, if it has some', () => {
    expect(intervalDays('auto')).toBe(90);
    expect(intervalDays('auto', 7)).toBe(7);
    expect(intervalDays('every 48h')).toBe(2);
    for (const none of ['manual', 'every 12h', 'every 90m', 'cron 0 3 * * 1']) {
      expect(intervalDays(none)).toBeNull();
    }
  });

  it('auto has the days of SECRET_ROTATION_DAYS', () => {
    expect(autoRotationDays(undefined)).toBe(90);
    expect(autoRotationDays('')).toBe(90);
    expect(autoRotationDays('7')).toBe(7);
    expect(parsePolicy('auto', 7)).toEqual({ kind: 'interval', ms: 7 * 86_400_000 });
    for (const text of ['0', '-1', '1.5', '3651', 'many', '1e3']) {
      expect(() => autoRotationDays(text)).toThrow('SECRET_ROTATION_DAYS');
    }
  });
});
