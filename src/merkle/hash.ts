import { sha256, sha256Into } from '../crypto/hash.ts';

/** Length of a hash in bytes. */
export const HASH_BYTES = 32;

const LEAF = 0x00;
const NODE = 0x01;
const pair = new Uint8Array(1 + 2 * HASH_BYTES);
pair[0] = NODE;
const scratch = new Uint8Array(4096);
scratch[0] = LEAF;

/** The root of a tree without leaves: SHA-256 of nothing (RFC 6962 §2.1). */
export const EMPTY_ROOT: Uint8Array = sha256(new Uint8Array(0));

/**
 * Hash of a leaf: `SHA-256(0x00 ‖ entry)` (RFC 6962 §2.1).
 *
 * @param entry - The entry's bytes, as stored.
 * @returns 32 bytes.
 */
export function leafHash(entry: Uint8Array): Uint8Array {
  const length = entry.length + 1;
  const input = length <= scratch.length ? scratch.subarray(0, length) : new Uint8Array(length);
  input.set(entry, 1);
  return sha256(input);
}

/**
 * Hash of a leaf that is text, without encoding it first.
 *
 * @param entry - The entry, well-formed text.
 * @returns 32 bytes, the same as of its UTF-8.
 */
export function textLeafHash(entry: string): Uint8Array {
  return sha256(`\0${entry}`);
}

/**
 * Hash of an inner node: `SHA-256(0x01 ‖ left ‖ right)` (RFC 6962 §2.1).
 *
 * @param left - Hash of the left subtree, 32 bytes.
 * @param right - Hash of the right subtree, 32 bytes.
 * @returns 32 bytes.
 * @throws RangeError if a hash has another length.
 */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  if (left.length !== HASH_BYTES || right.length !== HASH_BYTES) {
    throw new RangeError('a node hash is made of two hashes of 32 bytes');
  }
  pair.set(left, 1);
  pair.set(right, 1 + HASH_BYTES);
  return sha256(pair);
}

/**
 * Hashes neighbours pair by pair, in place: the hashes of the first `2 × pairs`
 * nodes become `pairs` hashes of the nodes above them. Without an array for
 * each, since opening a vault computes ten thousands.
 *
 * @param nodes - Joined hashes of one height.
 */
export function hashPairs(nodes: Uint8Array, pairs: number): void {
  for (let index = 0; index < pairs; index += 1) {
    pair.set(nodes.subarray(2 * index * HASH_BYTES, 2 * (index + 1) * HASH_BYTES), 1);
    sha256Into(pair, nodes, index * HASH_BYTES);
  }
}
