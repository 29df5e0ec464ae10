// Consistency proofs (`consistencyProof`, `verifyConsistency`) have no caller in Strongroom yet; they are held to the published vectors.
import { equalBytes } from '../lib/compare.ts';
import { EMPTY_ROOT, HASH_BYTES, nodeHash } from './hash.ts';
import { perfectRoot, type ReadTile, requireTile, TILE_HEIGHT, TILE_WIDTH } from './tile.ts';
import type { MerkleTree } from './tree.ts';

/**
 * Gives the root of the full subtree of `2 ** height` leaves that begins at
 * leaf `index × 2 ** height`. It is asked for subtrees within the tree only.
 */
export type HashAt = (height: number, index: number) => Uint8Array;

/** What {@link verifyInclusion} is asked. */
export interface InclusionClaim {
  /** The leaf's index, from 0. */
  readonly index: number;
  /** Number of leaves of the tree. */
  readonly size: number;
  /** The leaf's hash. */
  readonly leafHash: Uint8Array;
  /** The audit path, lowest node first. */
  readonly proof: readonly Uint8Array[];
  /** The tree's root hash, from a checkpoint that was verified. */
  readonly root: Uint8Array;
}

/** What {@link verifyConsistency} is asked. */
export interface ConsistencyClaim {
  /** Number of leaves of the older tree. */
  readonly size1: number;
  /** Number of leaves of the newer tree. */
  readonly size2: number;
  readonly root1: Uint8Array;
  readonly root2: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/**
 * The audit path of a leaf (RFC 6962 §2.1.1).
 *
 * @param index - The leaf, from 0.
 * @param size - Number of leaves of the tree that the proof is for.
 * @param hashAt - Gives the hashes of full subtrees.
 * @returns Hashes, lowest node first.
 * @throws RangeError if there is no such leaf.
 */
export function inclusionProof(index: number, size: number, hashAt: HashAt): Uint8Array[] {
  if (!isSize(size) || !isSize(index) || index >= size) {
    throw new RangeError('no leaf of that index in a tree of that size');
  }
  const proof: Uint8Array[] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const middle = start + splitPoint(end - start);
    if (index < middle) {
      proof.push(rangeRoot(middle, end, hashAt));
      end = middle;
    } else {
      proof.push(rangeRoot(start, middle, hashAt));
      start = middle;
    }
  }
  return proof.toReversed();
}

/**
 * The proof that a tree's first `size1` leaves are the older tree (RFC 6962 §2.1.2).
 *
 * @param size1 - Number of leaves of the older tree. 0 and `size2` need no hashes.
 * @param size2 - Number of leaves of the newer tree.
 * @param hashAt - Gives the hashes of full subtrees of the newer tree.
 * @returns Hashes, lowest node first.
 * @throws RangeError if the older tree is larger.
 */
export function consistencyProof(size1: number, size2: number, hashAt: HashAt): Uint8Array[] {
  if (!isSize(size1) || !isSize(size2) || size1 > size2) {
    throw new RangeError('the older tree is not larger than the newer');
  }
  if (size1 === 0 || size1 === size2) return [];
  const proof: Uint8Array[] = [];
  let start = 0;
  let end = size2;
  while (end !== size1) {
    const middle = start + splitPoint(end - start);
    if (size1 <= middle) {
      proof.push(rangeRoot(middle, end, hashAt));
      end = middle;
    } else {
      proof.push(rangeRoot(start, middle, hashAt));
      start = middle;
    }
  }
  // The verifier knows the older tree's own root, so it is left out where it is a whole subtree.
  if (start > 0) proof.push(rangeRoot(start, end, hashAt));
  return proof.toReversed();
}

/**
 * Whether a proof shows that a leaf is at its index in a tree (RFC 9162
 * §2.1.3.2). Anything malformed is a proof of nothing; it never throws.
 */
export function verifyInclusion(claim: InclusionClaim): boolean {
  const { index, size, leafHash, proof, root } = claim;
  if (!isSize(index) || !isSize(size) || index >= size) return false;
  if (!isHash(leafHash) || !isHash(root) || !isPath(proof)) return false;
  let fn = index;
  let sn = size - 1;
  let node = leafHash;
  for (const hash of proof) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      node = nodeHash(hash, node);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      node = nodeHash(node, hash);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && equalBytes(node, root);
}

/**
 * Whether a proof shows that one tree is the beginning of another (RFC 9162
 * §2.1.4.2). The empty tree is the beginning of every tree, and a tree of
 * itself; both need an empty proof. Anything malformed is a proof of nothing;
 * it never throws.
 */
export function verifyConsistency(claim: ConsistencyClaim): boolean {
  const { size1, size2, root1, root2, proof } = claim;
  if (!isSize(size1) || !isSize(size2) || size1 > size2) return false;
  if (!isHash(root1) || !isHash(root2) || !isPath(proof)) return false;
  if (size1 === size2) return proof.length === 0 && equalBytes(root1, root2);
  if (size1 === 0) return proof.length === 0 && equalBytes(root1, EMPTY_ROOT);
  const path = isPowerOfTwo(size1) ? [root1, ...proof] : proof;
  return verifyPath(claim, path);
}

/** RFC 9162 §2.1.4.2, from step 3. */
function verifyPath(claim: ConsistencyClaim, path: readonly Uint8Array[]): boolean {
  const [first, ...rest] = path;
  if (first === undefined) return false;
  let fn = claim.size1 - 1;
  let sn = claim.size2 - 1;
  while (fn % 2 === 1) [fn, sn] = [half(fn), half(sn)];
  let older = first;
  let newer = first;
  for (const hash of rest) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      older = nodeHash(hash, older);
      newer = nodeHash(hash, newer);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      newer = nodeHash(newer, hash);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && equalBytes(older, claim.root1) && equalBytes(newer, claim.root2);
}

/**
 * Reads the nodes of a tree from its stored full tiles and, beyond them, from
 * its right edge as it is now.
 *
 * @param tree - The tree; later appends to it are not seen.
 * @param readTile - Gives the stored full tiles.
 * @returns A {@link HashAt}; it throws `audit_tampered` if a tile is missing, and RangeError for
 * a subtree that is not within the tree.
 */
export function nodeReader(tree: MerkleTree, readTile: ReadTile): HashAt {
  const { size } = tree;
  const frontier = tree.frontier();
  return (height, index) => {
    if (!isSize(height) || !isSize(index) || (index + 1) * 2 ** height > size) {
      throw new RangeError('no such subtree in the tree');
    }
    const level = Math.floor(height / TILE_HEIGHT);
    const width = 2 ** (height % TILE_HEIGHT);
    const first = index * width;
    const tile = Math.floor(first / TILE_WIDTH);
    const fullTiles = Math.floor(size / TILE_WIDTH ** (level + 1));
    const hashes = tile < fullTiles ? requireTile(readTile, level, tile) : frontier[level];
    if (hashes === undefined) throw new RangeError('no such subtree in the tree');
    return perfectRoot(hashes, first % TILE_WIDTH, width);
  };
}

/** Root of the leaves from `start` to before `end`, where a subtree of the tree begins at `start`. */
function rangeRoot(start: number, end: number, hashAt: HashAt): Uint8Array {
  const peaks: Uint8Array[] = [];
  let from = start;
  while (from < end) {
    let height = 0;
    while (2 ** (height + 1) <= end - from) height += 1;
    peaks.push(hashAt(height, from / 2 ** height));
    from += 2 ** height;
  }
  return peaks.reduceRight((right, left) => nodeHash(left, right));
}

/** The largest power of two below a number above 1. */
function splitPoint(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

function half(value: number): number {
  return Math.floor(value / 2);
}

function isPowerOfTwo(value: number): boolean {
  let rest = value;
  while (rest % 2 === 0) rest /= 2;
  return rest === 1;
}

function isSize(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isHash(value: unknown): boolean {
  return value instanceof Uint8Array && value.length === HASH_BYTES;
}

/** No path of a tree below 2^53 leaves is longer than twice its height. */
function isPath(value: unknown): boolean {
  return Array.isArray(value) && value.length <= 108 && value.every(isHash);
}
