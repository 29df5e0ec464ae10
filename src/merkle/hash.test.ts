import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EMPTY_ROOT, HASH_BYTES, hashPairs, leafHash, nodeHash } from './hash.ts';

function sha(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

describe('tree hashes', () => {
  it('hashes a leaf behind 0x00 and a node behind 0x01, so that one is never taken for the other', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 9000 }), (entry) => {
        expect(leafHash(entry)).toStrictEqual(sha(new Uint8Array([0]), entry));
      }),
    );
    const [left, right] = [sha(new Uint8Array([1])), sha(new Uint8Array([2]))];
    expect(nodeHash(left, right)).toStrictEqual(sha(new Uint8Array([1]), left, right));
  });

  it('hashes a short entry after a long one without anything left over from it', () => {
    for (const length of [4096, 4095, 4094, 3, 0]) {
      const entry = new Uint8Array(length).fill(length % 251);
      expect(leafHash(entry)).toStrictEqual(sha(new Uint8Array([0]), entry));
    }
  });

  it('hashes pairs in place as it does one by one, and leaves what is behind them', () => {
    const hashes = Array.from({ length: 7 }, (_, index) => sha(Uint8Array.of(index)));
    const nodes = new Uint8Array(hashes.flatMap((hash) => [...hash]));
    hashPairs(nodes, 3);
    const at = (index: number): Uint8Array =>
      nodes.slice(index * HASH_BYTES, (index + 1) * HASH_BYTES);
    for (const [index, left] of [0, 2, 4].entries()) {
      const above = nodeHash(hashes[left] as Uint8Array, hashes[left + 1] as Uint8Array);
      expect(at(index)).toStrictEqual(above);
    }
    for (const index of [3, 4, 5, 6]) expect(at(index)).toStrictEqual(hashes[index]);
  });

  it('gives the hash of nothing for the empty tree', () => {
    expect(EMPTY_ROOT).toStrictEqual(sha());
  });

  it('refuses node hashes of another length', () => {
    expect(() => nodeHash(new Uint8Array(31), new Uint8Array(32))).toThrow(RangeError);
    expect(() => nodeHash(new Uint8Array(32), new Uint8Array(33))).toThrow(RangeError);
  });
});
