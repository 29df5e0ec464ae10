import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { parseDuration, parseMoment } from './duration.ts';

const NOW = Date.parse('2026-03-01T12:00:00Z');

describe('parseDuration', () => {
  test('reads minutes, hours and days', () => {
    expect(parseDuration('30m')).toBe(30 * 60_000);
    expect(parseDuration('12h')).toBe(12 * 3_600_000);
    expect(parseDuration('7d')).toBe(7 * 86_400_000);
  });

  test.each([
    '',
    '7',
    'd',
    '0d',
    '-1d',
    '1.5h',
    '7 d',
    '7D',
    '7dd',
    '1h30m',
    '1w',
    '9999999d',
    '٣d',
  ])('refuses %j', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
});

describe('parseMoment', () => {
  test('counts a duration from now, back or forth', () => {
    expect(parseMoment('1d', 'past', NOW)).toBe('2026-02-28T12:00:00.000Z');
    expect(parseMoment('1d', 'future', NOW)).toBe('2026-03-02T12:00:00.000Z');
  });

  test('gives any RFC 3339 time in UTC', () => {
    expect(parseMoment('2026-02-28T01:00:00.5+02:00', 'past', NOW)).toBe(
      '2026-02-27T23:00:00.500Z',
    );
    fc.assert(
      fc.property(
        fc.date({ min: new Date(0), max: new Date('9999-01-01'), noInvalidDate: true }),
        (date) => {
          expect(parseMoment(date.toISOString(), 'past', NOW)).toBe(date.toISOString());
        },
      ),
    );
  });

  test.each([
    '2026-02-30T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-01',
    '2026-01-01T00:00:00',
    'yesterday',
    'now',
    '1',
  ])('refuses %j, which is no moment or an unclear one', (text) => {
    expect(parseMoment(text, 'past', NOW)).toBeUndefined();
  });
});
