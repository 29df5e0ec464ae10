import { expect, test } from 'vitest';

import { formatAge } from './age.ts';

const NOW = Date.parse('2026-03-01T12:00:00.000Z');

test.each([
  ['2026-03-01T12:00:00.000Z', 'just now'],
  ['2026-03-01T11:59:00.001Z', 'just now'],
  ['2026-03-01T11:59:00.000Z', '1 minute ago'],
  ['2026-03-01T11:00:00.001Z', '59 minutes ago'],
  ['2026-03-01T11:00:00.000Z', '1 hour ago'],
  ['2026-02-28T12:00:00.001Z', '23 hours ago'],
  ['2026-02-28T12:00:00.000Z', '2026-02-28 12:00Z'],
  ['2026-03-01T12:01:00.001Z', '2026-03-01 12:01Z'],
])('the moment %s is shown as %s', (time, shown) => {
  expect(formatAge(time, NOW)).toBe(shown);
});
