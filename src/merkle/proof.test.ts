import { existsSync, readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { u64 } from '../lib/bytes.ts';
import { referencePath, referenceProof, referenceRoot } from '../testing/reference-tree.ts';
import { EMPTY_ROOT, leafHash } from './hash.ts';
import {
  consistencyProof,
  type HashAt,
  inclusionProof,
  nodeReader,
  verifyConsistency,
  verifyInclusion,
} from './proof.ts';
import { MerkleTree } from './tree.ts';

const VECTORS = new URL('../../../shared/vectors/merkle/', import.meta.url);
const PAIRS_MAX = 128;

interface InclusionVector {
  readonly leafIdx: number;
  readonly treeSize: number;
  readonly root: string;
  readonly leafHash: string;
  readonly proof: readonly string[] | null;
  readonly desc: string;
  readonly wantErr: boolean;
}

interface ConsistencyVector {
  readonly size1: number;
  readonly size2: number;
  readonly root1: string;
  readonly root2: string;
  readonly proof: readonly string[] | null;
  readonly desc: string;
  readonly wantErr: boolean;
}

function bytes(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}

function readVectors(name: string): string {
  return readFileSync(new URL(name, VECTORS), 'utf8');
}

const entries: Uint8Array[] = Array.from({ length: 70_000 }, (_, i) => u64(i));
const tiles = new Map<string, Uint8Array>();
const tree: MerkleTree = MerkleTree.empty();
for (const entry of entries) {
  for (const { level, index, hashes } of tree.append(leafHash(entry))) {
    tiles.set(`${String(level)}/${String(index)}`, hashes);
  }
}
const readTile = (level: number, index: number): Uint8Array | undefined =>
  tiles.get(`${String(level)}/${String(index)}`);
const hashAt: HashAt = nodeReader(tree, readTile);
const roots: Uint8Array[] = Array.from({ length: 301 }, (_, n) =>
  referenceRoot(entries.slice(0, n)),
);

describe('inclusion proofs', () => {
  it.skipIf(!existsSync(VECTORS))(
    'give the result that each published vector of transparency-dev/merkle wants',
    () => {
      const vectors: InclusionVector[] = JSON.parse(readVectors('inclusion.json'));
      expect(vectors.length).toBeGreaterThan(60);
      for (const vector of vectors) {
        const isIncluded = verifyInclusion({
          index: vector.leafIdx,
          size: vector.treeSize,
          leafHash: bytes(vector.leafHash),
          proof: (vector.proof ?? []).map(bytes),
          root: bytes(vector.root),
        });
        expect(isIncluded, vector.desc).toBe(!vector.wantErr);
      }
    },
  );

  it('are those of RFC 6962 and verify, for every leaf of every size to 128', () => {
    for (let size = 1; size <= PAIRS_MAX; size += 1) {
      const leaves = entries.slice(0, size);
      for (let index = 0; index < size; index += 1) {
        const proof = inclusionProof(index, size, hashAt);
        expect(proof).toStrictEqual(referencePath(index, leaves));
        const claim = {
          index,
          size,
          leafHash: leafHash(entries[index]!),
          proof,
          root: roots[size]!,
        };
        expect(verifyInclusion(claim)).toBe(true);
        expect(verifyInclusion({ ...claim, index: index + 1 })).toBe(false);
        expect(verifyInclusion({ ...claim, proof: proof.slice(1) })).toBe(size === 1);
        expect(verifyInclusion({ ...claim, proof: [...proof, EMPTY_ROOT] })).toBe(false);
      }
    }
  });

  it('verify at sizes across full tiles, and not under another root or for another leaf', () => {
    const size = fc.integer({ min: 2, max: 70_000 });
    fc.assert(
      fc.property(size, fc.double({ min: 0, max: 0.999_999, noNaN: true }), (size, at) => {
        const index = Math.floor(at * size);
        const root = rootAt(size);
        const proof = inclusionProof(index, size, hashAt);
        const claim = { index, size, leafHash: leafHash(entries[index]!), proof, root };
        expect(verifyInclusion(claim)).toBe(true);
        expect(verifyInclusion({ ...claim, leafHash: leafHash(u64(70_001)) })).toBe(false);
        expect(verifyInclusion({ ...claim, root: EMPTY_ROOT })).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  it('are refused, not thrown at, where they are malformed', () => {
    const proof = inclusionProof(3, 7, hashAt);
    const claim = { index: 3, size: 7, leafHash: leafHash(entries[3]!), proof, root: roots[7]! };
    expect(verifyInclusion(claim)).toBe(true);
    const odd: unknown[] = [-1, 1.5, Number.NaN, 2 ** 53, 2 ** 64, '3', null, undefined, 3n, [3]];
    for (const value of odd) {
      expect(verifyInclusion(Object.assign({ ...claim }, { index: value }))).toBe(false);
      expect(verifyInclusion(Object.assign({ ...claim }, { size: value }))).toBe(false);
      expect(verifyInclusion(Object.assign({ ...claim }, { proof: value }))).toBe(false);
      expect(verifyInclusion(Object.assign({ ...claim }, { root: value }))).toBe(false);
      expect(verifyInclusion(Object.assign({ ...claim }, { leafHash: value }))).toBe(false);
      expect(verifyInclusion(Object.assign({ ...claim }, { proof: [...proof, value] }))).toBe(
        false,
      );
    }
    expect(verifyInclusion({ ...claim, proof: [new Uint8Array(31)] })).toBe(false);
  });

  it('are not made for a leaf that is not there', () => {
    for (const [index, size] of [
      [5, 5],
      [-1, 5],
      [0, 0],
      [0.5, 3],
    ] as const) {
      expect(() => inclusionProof(index, size, hashAt)).toThrow(RangeError);
    }
  });
});

describe('proofs for trees of another size', () => {
  it('are no proof of inclusion, though the hashes lead to the root', () => {
    const proof = inclusionProof(1, 2, hashAt);
    const claim = { index: 1, size: 2, leafHash: leafHash(entries[1]!), proof, root: roots[2]! };
    expect(verifyInclusion(claim)).toBe(true);
    expect(verifyInclusion({ ...claim, index: 0, size: 1 })).toBe(false);
  });

  it('are no proof of consistency, though the hashes lead to both roots', () => {
    const proof = consistencyProof(7, 8, hashAt);
    const claim = { size1: 7, size2: 8, root1: roots[7]!, root2: roots[8]!, proof };
    expect(verifyConsistency(claim)).toBe(true);
    expect(verifyConsistency({ ...claim, size1: 3, size2: 4 })).toBe(false);
  });
});

describe('consistency proofs', () => {
  it.skipIf(!existsSync(VECTORS))(
    'give the result that each published vector of transparency-dev/merkle wants',
    () => {
      const vectors: ConsistencyVector[] = JSON.parse(readVectors('consistency.json'));
      expect(vectors.length).toBeGreaterThan(60);
      for (const { size1, size2, root1, root2, proof, desc, wantErr } of vectors) {
        const isConsistent = verifyConsistency({
          size1,
          size2,
          root1: bytes(root1),
          root2: bytes(root2),
          proof: (proof ?? []).map(bytes),
        });
        expect(isConsistent, desc).toBe(!wantErr);
      }
    },
  );

  it('are those of RFC 6962 and verify, for every pair of sizes to 128', () => {
    for (let size2 = 1; size2 <= PAIRS_MAX; size2 += 1) {
      const leaves = entries.slice(0, size2);
      for (let size1 = 1; size1 <= size2; size1 += 1) {
        const proof = consistencyProof(size1, size2, hashAt);
        expect(proof).toStrictEqual(referenceProof(size1, leaves));
        const claim = { size1, size2, root1: roots[size1]!, root2: roots[size2]!, proof };
        expect(verifyConsistency(claim)).toBe(true);
        expect(verifyConsistency({ ...claim, root1: roots[size1 - 1]! })).toBe(false);
        expect(verifyConsistency({ ...claim, root2: roots[size2 + 1]! })).toBe(false);
        expect(verifyConsistency({ ...claim, proof: [...proof, EMPTY_ROOT] })).toBe(false);
        expect(verifyConsistency({ ...claim, proof: proof.slice(0, -1) })).toBe(size1 === size2);
      }
    }
  });

  it('verify at sizes across full tiles', () => {
    const size = fc.integer({ min: 1, max: 70_000 });
    fc.assert(
      fc.property(size, size, (a, b) => {
        const [size1, size2] = [Math.min(a, b), Math.max(a, b)];
        const proof = consistencyProof(size1, size2, hashAt);
        const claim = { size1, size2, root1: rootAt(size1), root2: rootAt(size2), proof };
        expect(verifyConsistency(claim)).toBe(true);
        expect(verifyConsistency({ ...claim, root1: EMPTY_ROOT })).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  it('find the empty tree at the beginning of every tree, by its root and an empty proof', () => {
    const claim = { size1: 0, size2: 9, root1: EMPTY_ROOT, root2: roots[9]!, proof: [] };
    expect(consistencyProof(0, 9, hashAt)).toStrictEqual([]);
    expect(verifyConsistency(claim)).toBe(true);
    expect(verifyConsistency({ ...claim, root1: roots[1]! })).toBe(false);
    expect(verifyConsistency({ ...claim, proof: [EMPTY_ROOT] })).toBe(false);
  });

  it('are refused, not thrown at, where they are malformed', () => {
    const proof = consistencyProof(3, 7, hashAt);
    const claim = { size1: 3, size2: 7, root1: roots[3]!, root2: roots[7]!, proof };
    expect(verifyConsistency(claim)).toBe(true);
    const odd: unknown[] = [-1, 1.5, Number.NaN, 2 ** 53, 2 ** 64, '3', null, undefined, 3n];
    for (const value of odd) {
      expect(verifyConsistency(Object.assign({ ...claim }, { size1: value }))).toBe(false);
      expect(verifyConsistency(Object.assign({ ...claim }, { size2: value }))).toBe(false);
      expect(verifyConsistency(Object.assign({ ...claim }, { root1: value }))).toBe(false);
      expect(verifyConsistency(Object.assign({ ...claim }, { root2: value }))).toBe(false);
      expect(verifyConsistency(Object.assign({ ...claim }, { proof: value }))).toBe(false);
      expect(verifyConsistency(Object.assign({ ...claim }, { proof: [value] }))).toBe(false);
    }
    expect(() => consistencyProof(8, 7, hashAt)).toThrow(RangeError);
  });
});

describe('nodeReader', () => {
  it('gives each full subtree of the tree, from tiles and from the right edge', () => {
    const leaves = entries.slice(69_000, 70_000).map((entry) => leafHash(entry));
    expect(hashAt(0, 69_000)).toStrictEqual(leaves[0]);
    expect(hashAt(0, 69_999)).toStrictEqual(leaves[999]);
    for (const [height, index] of [
      [5, 2186],
      [8, 272],
      [12, 16],
      [16, 0],
    ] as const) {
      const from = index * 2 ** height;
      const expected = referenceRoot(entries.slice(from, from + 2 ** height));
      expect(hashAt(height, index)).toStrictEqual(expected);
    }
  });

  it('refuses a subtree that is not within the tree', () => {
    for (const [height, index] of [
      [0, 70_000],
      [16, 1],
      [-1, 0],
      [0, -1],
      [0, 0.5],
    ] as const) {
      expect(() => hashAt(height, index)).toThrow(RangeError);
    }
  });

  it('names a tile that is missing', () => {
    const reader = nodeReader(tree, () => undefined);
    const details = { level: 0, index: 2 };
    expect(() => reader(3, 65)).toThrow(
      expect.objectContaining({ code: 'audit_tampered', details }),
    );
  });
});

function rootAt(size: number): Uint8Array {
  const rightEdge = entries.slice(size - (size % 256), size).map((entry) => leafHash(entry));
  return MerkleTree.fromTiles(size, readTile, rightEdge).root();
}
