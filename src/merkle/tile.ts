import { StrongroomError } from '../errors.ts';
import { HASH_BYTES, hashPairs } from './hash.ts';

/** Hashes in a full tile (C2SP tlog-tiles, height 8). */
export const TILE_WIDTH = 256;
/** Height of a tile: its hashes stand at height `TILE_HEIGHT × level` of the tree. */
export const TILE_HEIGHT = 8;
/** Bytes of a full tile. */
export const TILE_BYTES: number = TILE_WIDTH * HASH_BYTES;

/** A full tile: 256 neighbouring hashes at height `8 × level`. */
export interface Tile {
  /** 0 for leaf hashes, 1 for hashes of 256 leaves each, and so on. */
  readonly level: number;
  /** Position among the tiles of its level, from 0. */
  readonly index: number;
  /** 256 hashes of 32 bytes, joined. */
  readonly hashes: Uint8Array;
}

/** Reads a full tile's 8,192 bytes; `undefined` if it is not there. */
export type ReadTile = (level: number, index: number) => Uint8Array | undefined;

/**
 * Reads a full tile that must be there.
 *
 * @throws {@link StrongroomError} `audit_tampered` if it is missing or has another length.
 */
export function requireTile(readTile: ReadTile, level: number, index: number): Uint8Array {
  const hashes = readTile(level, index);
  if (hashes?.length === TILE_BYTES) return hashes;
  throw new StrongroomError('audit_tampered', 'a tile of the audit tree is missing or cut', {
    details: { level, index },
  });
}

/**
 * The root of the perfect subtree over some neighbouring hashes.
 *
 * @param hashes - Joined hashes of one height.
 * @param first - Position of the first of them.
 * @param count - How many: a power of two, 1 to 256.
 * @returns 32 bytes of its own.
 */
export function perfectRoot(hashes: Uint8Array, first: number, count: number): Uint8Array {
  if (count < 1) throw new RangeError('a subtree has at least one hash');
  const row = hashes.slice(first * HASH_BYTES, (first + count) * HASH_BYTES);
  for (let width = count; width > 1; width /= 2) hashPairs(row, width / 2);
  return row.slice(0, HASH_BYTES);
}
