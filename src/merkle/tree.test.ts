import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { u64 } from '../lib/bytes.ts';
import { referenceRoot } from '../testing/reference-tree.ts';
import { EMPTY_ROOT, leafHash } from './hash.ts';
import { perfectRoot, type Tile, TILE_BYTES } from './tile.ts';
import { MerkleTree } from './tree.ts';

const LARGEST = 70_000;
const leaves: Uint8Array[] = Array.from({ length: LARGEST }, (_, i) => leafHash(u64(i)));
const tiles = new Map<string, Tile>();
const whole = MerkleTree.empty();

function keyOf(level: number, index: number): string {
  return `${String(level)}/${String(index)}`;
}

/** Tiles of the tree of 70,000; a smaller tree's full tiles are among them. */
function readTile(level: number, index: number): Uint8Array | undefined {
  return tiles.get(keyOf(level, index))?.hashes;
}

function grow(size: number): MerkleTree {
  const tree = MerkleTree.empty();
  for (const leaf of leaves.slice(0, size)) tree.append(leaf);
  return tree;
}

function rebuild(size: number): MerkleTree {
  return MerkleTree.fromTiles(size, readTile, leaves.slice(size - (size % 256), size));
}

function checkRebuilt(size: number): void {
  const grown = grow(size);
  const rebuilt = rebuild(size);
  expect(rebuilt.size).toBe(size);
  expect(rebuilt.root()).toStrictEqual(grown.root());
  expect(rebuilt.frontier()).toStrictEqual(grown.frontier());
  for (const leaf of leaves.slice(size, size + 600)) {
    expect(rebuilt.append(leaf)).toStrictEqual(grown.append(leaf));
  }
  expect(rebuilt.root()).toStrictEqual(grown.root());
}

function readWithout3(level: number, index: number): Uint8Array | undefined {
  return index === 3 ? undefined : readTile(level, index);
}

function readCut3(level: number, index: number): Uint8Array | undefined {
  const hashes = readTile(level, index);
  return index === 3 ? hashes?.slice(32) : hashes;
}

beforeAll(() => {
  for (const leaf of leaves) {
    for (const tile of whole.append(leaf)) tiles.set(keyOf(tile.level, tile.index), tile);
  }
});

describe('MerkleTree', () => {
  it('has the root of RFC 6962 at every size from 0 to 300', () => {
    const tree = MerkleTree.empty();
    expect(tree.root()).toStrictEqual(EMPTY_ROOT);
    for (let size = 1; size <= 300; size += 1) {
      tree.append(leaves[size - 1]!);
      const entries = Array.from({ length: size }, (_, i) => u64(i));
      expect(tree.size).toBe(size);
      expect(tree.root()).toStrictEqual(referenceRoot(entries));
    }
  });

  it('gives out each full tile once, and nothing else', () => {
    expect(tiles.size).toBe(273 + 1);
    for (let index = 0; index < 273; index += 1) {
      const expected = Buffer.concat(leaves.slice(index * 256, (index + 1) * 256));
      expect(Buffer.compare(readTile(0, index)!, expected)).toBe(0);
    }
    const level1 = readTile(1, 0)!;
    expect(level1).toHaveLength(TILE_BYTES);
    for (let i = 0; i < 256; i += 1) {
      const root = perfectRoot(readTile(0, i)!, 0, 256);
      expect(level1.slice(i * 32, (i + 1) * 32)).toStrictEqual(root);
    }
  });

  it('gives a tile and the tile above it by one append, the lower first', () => {
    const tree = grow(65_535);
    const places = tree.append(leaves[65_535]!).map(({ level, index }) => ({ level, index }));
    expect(places).toStrictEqual([
      { level: 0, index: 255 },
      { level: 1, index: 0 },
    ]);
  });

  it('is rebuilt from tiles and right edge at any size up to 70,000 and goes on alike', () => {
    const edges = [0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 65_792, LARGEST - 600];
    for (const size of edges) checkRebuilt(size);
    fc.assert(fc.property(fc.integer({ min: 0, max: LARGEST - 600 }), checkRebuilt), {
      numRuns: 20,
    });
  });

  it('reads at most 255 tiles a level to be rebuilt', () => {
    let reads = 0;
    const size = 65_535;
    const counted = (level: number, index: number): Uint8Array | undefined => {
      reads += 1;
      return readTile(level, index);
    };
    MerkleTree.fromTiles(size, counted, leaves.slice(size - 255, size));
    expect(reads).toBe(255);
  });

  it('is rebuilt from its frontier, and shares nothing with its clone', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3000 }), (size) => {
        const tree = grow(size);
        const root = tree.root();
        const copy = MerkleTree.fromFrontier(size, tree.frontier());
        const clone = tree.clone();
        for (const leaf of leaves.slice(size, size + 300)) {
          expect(clone.append(leaf)).toStrictEqual(copy.append(leaf));
        }
        expect(tree.root()).toStrictEqual(root);
        expect(clone.root()).toStrictEqual(grow(size + 300).root());
        expect(copy.root()).toStrictEqual(clone.root());
        const other = tree.clone();
        const given = leaves.slice(size, size + 256).flatMap((leaf) => {
          const tiles = tree.append(leaf);
          if (tiles.length === 0) other.append(EMPTY_ROOT);
          return tiles;
        });
        expect(given).not.toHaveLength(0);
        for (const { level, index, hashes } of given) {
          expect(hashes).toStrictEqual(readTile(level, index));
        }
      }),
      { numRuns: 30 },
    );
  });

  it('takes whole subtrees where they are aligned, with the same root', () => {
    const tree = grow(512);
    tree.appendSubtree(1, perfectRoot(readTile(0, 2)!, 0, 256));
    tree.append(leaves[768]!);
    expect(tree.root()).toStrictEqual(grow(769).root());
    expect(() => tree.appendSubtree(1, EMPTY_ROOT)).toThrow(RangeError);
    const large = MerkleTree.empty();
    large.appendSubtree(2, perfectRoot(readTile(1, 0)!, 0, 256));
    expect(large.root()).toStrictEqual(grow(65_536).root());
  });

  it('keeps its own copy of a leaf that the caller writes over', () => {
    const tree = MerkleTree.empty();
    const leaf = leaves[0]!.slice();
    tree.append(leaf);
    const root = tree.root();
    leaf.fill(0);
    tree.root().fill(0);
    expect(tree.root()).toStrictEqual(root);
  });

  it('A90 a missing or cut tile is named, not passed over', () => {
    const fault = expect.objectContaining({
      code: 'audit_tampered',
      details: { level: 0, index: 3 },
    });
    const edge = leaves.slice(1024, 1030);
    expect(() => MerkleTree.fromTiles(1030, readWithout3, edge)).toThrow(fault);
    expect(() => MerkleTree.fromTiles(1030, readCut3, edge)).toThrow(fault);
  });

  it('A90 a flipped bit of any stored tile that the root is rebuilt from changes the root', () => {
    fc.assert(
      fc.property(fc.nat(3), fc.nat(TILE_BYTES * 8 - 1), (tile, bit) => {
        const flipped = (level: number, index: number): Uint8Array | undefined => {
          const hashes = readTile(level, index)?.slice();
          if (hashes !== undefined && index === tile) hashes[bit >> 3]! ^= 1 << (bit & 7);
          return hashes;
        };
        const tree = MerkleTree.fromTiles(1030, flipped, leaves.slice(1024, 1030));
        expect(tree.root()).not.toStrictEqual(grow(1030).root());
      }),
      { numRuns: 30 },
    );
  });

  it('refuses sizes, frontiers and hashes that fit no tree', () => {
    for (const size of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(() => MerkleTree.fromFrontier(size, [])).toThrow(RangeError);
      expect(() => MerkleTree.fromTiles(size, readTile, [])).toThrow(RangeError);
    }
    const frontier = grow(300).frontier();
    expect(() => MerkleTree.fromFrontier(301, frontier)).toThrow(RangeError);
    expect(() => MerkleTree.fromFrontier(300, frontier.slice(0, 1))).toThrow(RangeError);
    expect(() => MerkleTree.fromFrontier(300, [...frontier, new Uint8Array()])).toThrow(RangeError);
    expect(() => MerkleTree.fromTiles(300, readTile, leaves.slice(0, 43))).toThrow(RangeError);
    expect(() => MerkleTree.empty().append(new Uint8Array(31))).toThrow(RangeError);
  });
});
