import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { SqlValue } from '../../store/statement.ts';
import { decodeRow, frameLength, LENGTH_BYTES, RowEncoder } from './frames.ts';

const columns = ['a', 'b', 'c'];
const value: fc.Arbitrary<SqlValue> = fc.oneof(
  fc.constant(null),
  fc.maxSafeInteger(),
  fc.string({ unit: 'grapheme' }),
  fc.uint8Array(),
);

describe('the frame of a row', () => {
  it('gives back every row that was put in', () => {
    const encoder = new RowEncoder(columns);
    fc.assert(
      fc.property(value, value, value, (a, b, c) => {
        const frame = encoder.encode({ a, b, c });
        expect(frameLength(frame)).toBe(frame.length - LENGTH_BYTES);
        expect(decodeRow(columns, frame.subarray(LENGTH_BYTES + 1))).toEqual({ a, b, c });
      }),
    );
  });

  it('is refused when it is cut, too long, or of a type that there is not', () => {
    const frame = new RowEncoder(columns).encode({ a: 1, b: 'two', c: Uint8Array.of(3) });
    const content = frame.slice(LENGTH_BYTES + 1);
    for (let length = 0; length < content.length; length += 1) {
      expect(() => decodeRow(columns, content.subarray(0, length))).toThrow(/malformed/);
    }
    expect(() => decodeRow(columns, Uint8Array.of(...content, 0))).toThrow(/malformed/);
    expect(() => decodeRow(columns, Uint8Array.of(9, ...content.subarray(1)))).toThrow(/malformed/);
  });

  it('has a length that can be', () => {
    expect(() => frameLength(Uint8Array.of(0, 0, 0, 0))).toThrow(/no length/);
    expect(() => frameLength(Uint8Array.of(255, 0, 0, 0))).toThrow(/no length/);
  });
});
