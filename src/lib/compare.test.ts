import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { equalBytes } from './compare.ts';

test('equal bytes are equal, also at different places in memory', () => {
  const memory = Uint8Array.of(9, 1, 2, 3, 9, 1, 2, 3);
  expect(equalBytes(memory.subarray(1, 4), memory.subarray(5))).toBe(true);
  expect(equalBytes(new Uint8Array(), new Uint8Array())).toBe(true);
});

test('bytes of different lengths differ and do not throw', () => {
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 0))).toBe(false);
  expect(equalBytes(new Uint8Array(), Uint8Array.of(0))).toBe(false);
});

test('one changed bit makes bytes differ', () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 64 });
  fc.assert(
    fc.property(bytes, fc.nat(), (original, at) => {
      const changed = new Uint8Array(original);
      const index = at % changed.length;
      changed[index] = (changed[index] ?? 0) ^ (1 << (at % 8));
      expect(equalBytes(original, changed)).toBe(false);
      expect(equalBytes(original, new Uint8Array(original))).toBe(true);
    }),
  );
});
