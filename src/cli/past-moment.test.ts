import { describe, expect, it } from 'vitest';

import { parsePastMoment, parseWrittenMoment } from './past-moment.ts';

const now = Date.parse('2026-03-05T12:00:00Z');

describe('a moment of the past', () => {
  it.each([
    ['now', '2026-03-05T12:00:00.000Z'],
    ['yesterday', '2026-03-04T12:00:00.000Z'],
    ['7d', '2026-02-26T12:00:00.000Z'],
    ['2h', '2026-03-05T10:00:00.000Z'],
    ['2026-03-01T12:00:00Z', '2026-03-01T12:00:00.000Z'],
    ['2026-03-01T12:00:00+02:00', '2026-03-01T10:00:00.000Z'],
  ])('may be %s', (text, moment) => {
    expect(parsePastMoment(text, now)).toBe(moment);
  });

  it.each([
    ['2026-03-01T12:00', new Date(2026, 2, 1, 12)],
    ['2026-03-01 12:00:30', new Date(2026, 2, 1, 12, 0, 30)],
    ['2026-03-01', new Date(2026, 2, 1)],
  ])('%s is meant where this computer is', (text, moment) => {
    expect(parsePastMoment(text, now)).toBe(moment.toISOString());
  });

  it.each(['', 'tomorrow', '2026-02-30', '2026-13-01', '12:00', '2026-03-01T24:00', '7w', '-1d'])(
    'is not %s',
    (text) => {
      expect(parsePastMoment(text, now)).toBeUndefined();
    },
  );
});

describe('a moment to come', () => {
  it.each([
    ['tomorrow', '2026-03-06T12:00:00.000Z'],
    ['7d', '2026-03-12T12:00:00.000Z'],
    ['2027-01-31', new Date(2027, 0, 31).toISOString()],
    ['2027-01-31T12:00', new Date(2027, 0, 31, 12).toISOString()],
  ])('may be %s', (text, moment) => {
    expect(parseWrittenMoment(text, 'future', now)).toBe(moment);
  });
});
