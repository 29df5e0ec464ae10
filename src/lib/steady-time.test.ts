import { expect, it } from 'vitest';

import { steadyTime } from './steady-time.ts';

it('time goes on with a clock, and without it where that is set back', () => {
  let elapsed = 500;
  const at = steadyTime(() => elapsed);
  expect(at(1000)).toBe(1000);
  elapsed += 100;
  expect(at(1100)).toBe(1100);
  // Such clocks have fractions, and stored times have none.
  elapsed += 100.6;
  expect(at(-5000)).toBe(1200);
  // Clocks that differ by a little are not set.
  expect(at(1000)).toBe(1000);
  // Set forward, and back to where it was right.
  expect(at(9000)).toBe(9000);
  elapsed += 50;
  expect(at(1250)).toBe(1250);
});
