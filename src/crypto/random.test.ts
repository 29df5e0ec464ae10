import { describe, expect, it } from 'vitest';
import { randomBytes } from './random.ts';

describe('randomBytes', () => {
  it('gives as many bytes as asked for, from the pool or not', () => {
    for (const length of [0, 1, 12, 32, 63, 64, 65, 4095, 4096, 4097, 10_000]) {
      expect(randomBytes(length)).toHaveLength(length);
    }
  });

  it('gives an array that shares memory with nothing', () => {
    for (const length of [1, 32, 64, 65]) {
      const bytes = randomBytes(length);
      expect(bytes.byteOffset).toBe(0);
      expect(bytes.buffer.byteLength).toBe(length);
    }
  });

  it('repeats nothing over many refills of the pool', () => {
    const seen = new Set<string>();
    for (let i = 0; i < 20_000; i += 1) {
      const length = 12 + (i % 53);
      seen.add(Buffer.from(randomBytes(length)).toString('latin1').slice(0, 12));
    }
    expect(seen.size).toBe(20_000);
  });

  it('never hands out the zeros of an erased part of the pool', () => {
    for (let i = 0; i < 10_000; i += 1) {
      expect(randomBytes(16 + (i % 49)).some((byte) => byte !== 0)).toBe(true);
    }
  });

  it('refuses a length that is no number of bytes', () => {
    for (const length of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => randomBytes(length)).toThrow(RangeError);
    }
  });
});
