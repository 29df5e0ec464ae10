import { concat } from '../lib/bytes.ts';
import { EMPTY_ROOT, HASH_BYTES, nodeHash } from './hash.ts';
import {
  perfectRoot,
  type ReadTile,
  requireTile,
  type Tile,
  TILE_BYTES,
  TILE_HEIGHT,
  TILE_WIDTH,
} from './tile.ts';

const NO_TILES: readonly Tile[] = Object.freeze([]);

/**
 * The right edge of an append-only Merkle tree (RFC 6962 §2.1), enough to
 * append, to compute the root and to give out full tiles: at most 255 hashes
 * for each level of tiles, and the roots of the perfect subtrees that the tree
 * consists of. A tile's root is one of those, so that completing a tile hashes
 * nothing more, and the root of the whole tree takes at most one hash a bit of its size.
 */
export class MerkleTree {
  #size = 0;
  /** By height: root of the perfect subtree of 2^height leaves; current where `size` has that bit. */
  readonly #peaks: Uint8Array[];
  /** By tile level: the hashes of the tile that is being filled. */
  readonly #edges: Uint8Array<ArrayBuffer>[];

  private constructor(size: number, peaks: Uint8Array[], edges: Uint8Array<ArrayBuffer>[]) {
    this.#size = size;
    this.#peaks = peaks;
    this.#edges = edges;
  }

  /** A tree without leaves. */
  static empty(): MerkleTree {
    return new MerkleTree(0, [], []);
  }

  /**
   * The tree that {@link MerkleTree.frontier} described.
   *
   * @param size - Number of leaves.
   * @param frontier - By tile level, the joined hashes of the tile that is being filled.
   * @throws RangeError if the frontier is not one of a tree of that size.
   */
  static fromFrontier(size: number, frontier: readonly Uint8Array[]): MerkleTree {
    checkSize(size);
    const peaks: Uint8Array[] = [];
    const edges: Uint8Array<ArrayBuffer>[] = [];
    let count = size;
    for (let level = 0; count > 0; level += 1) {
      const hashes = frontier[level];
      if (hashes?.length !== (count % TILE_WIDTH) * HASH_BYTES) {
        throw new RangeError('the frontier does not fit the size');
      }
      const edge = new Uint8Array(TILE_BYTES);
      edge.set(hashes);
      edges.push(edge);
      peaks.push(...edgePeaks(edge, count % TILE_WIDTH));
      count = Math.floor(count / TILE_WIDTH);
    }
    if (frontier.length !== edges.length) throw new RangeError('the frontier has too many levels');
    return new MerkleTree(size, peaks, edges);
  }

  /**
   * Rebuilds the tree from stored tiles. Reads at most 255 tiles a level.
   *
   * @param size - Number of leaves.
   * @param readTile - Gives the stored full tiles.
   * @param rightEdge - Leaf hashes of the last `size % 256` leaves.
   * @throws {@link StrongroomError} `audit_tampered` if a tile is missing.
   * @throws RangeError if the right edge has another length.
   */
  static fromTiles(size: number, readTile: ReadTile, rightEdge: readonly Uint8Array[]): MerkleTree {
    checkSize(size);
    const frontier: Uint8Array[] = size > 0 ? [concat(rightEdge)] : [];
    let count = Math.floor(size / TILE_WIDTH);
    for (let level = 1; count > 0; level += 1) {
      const roots: Uint8Array[] = [];
      for (let index = count - (count % TILE_WIDTH); index < count; index += 1) {
        roots.push(perfectRoot(requireTile(readTile, level - 1, index), 0, TILE_WIDTH));
      }
      frontier.push(concat(roots));
      count = Math.floor(count / TILE_WIDTH);
    }
    return MerkleTree.fromFrontier(size, frontier);
  }

  /** Number of leaves. */
  get size(): number {
    return this.#size;
  }

  /**
   * Appends a leaf.
   *
   * @param leafHash - The leaf's hash, 32 bytes.
   * @returns The tiles that this leaf completed, lowest level first; none for 255 of 256 leaves.
   * @throws RangeError if the hash has another length.
   */
  append(leafHash: Uint8Array): readonly Tile[] {
    return this.appendSubtree(0, leafHash);
  }

  /**
   * Appends a subtree of `256 ** level` leaves of which only the root is
   * known. Tiles below that level are not given out for it.
   *
   * @returns The tiles that it completed, lowest level first.
   * @throws RangeError if the tree does not end where such a subtree can begin.
   */
  appendSubtree(level: number, root: Uint8Array): readonly Tile[] {
    const width = TILE_WIDTH ** level;
    let count = this.#size / width;
    if (!Number.isSafeInteger(count) || !Number.isSafeInteger(this.#size + width)) {
      throw new RangeError('the subtree does not begin where the tree ends');
    }
    if (root.length !== HASH_BYTES) throw new RangeError('a hash has 32 bytes');
    let tiles = this.#addToTile(level, count, root, NO_TILES);
    let node = root;
    let height = TILE_HEIGHT * level;
    while (count % 2 === 1) {
      node = nodeHash(this.#peak(height), node);
      height += 1;
      count = (count - 1) / 2;
      if (height % TILE_HEIGHT === 0) {
        tiles = this.#addToTile(height / TILE_HEIGHT, count, node, tiles);
      }
    }
    // The caller may use its array again; those made here are never written to.
    this.#setPeak(height, node === root ? root.slice() : node);
    this.#size += width;
    return tiles;
  }

  /** The root hash of the tree as it stands, 32 bytes. */
  root(): Uint8Array {
    let root: Uint8Array | undefined;
    let rest = this.#size;
    for (let height = 0; rest > 0; height += 1) {
      if (rest % 2 === 1) {
        const peak = this.#peak(height);
        root = root === undefined ? peak : nodeHash(peak, root);
      }
      rest = Math.floor(rest / 2);
    }
    return (root ?? EMPTY_ROOT).slice();
  }

  /** By tile level, a copy of the joined hashes of the tile that is being filled (up to 255). */
  frontier(): Uint8Array[] {
    const frontier: Uint8Array[] = [];
    for (let count = this.#size; count > 0; count = Math.floor(count / TILE_WIDTH)) {
      frontier.push(this.#edge(frontier.length).slice(0, (count % TILE_WIDTH) * HASH_BYTES));
    }
    return frontier;
  }

  /** A tree of its own in the same state. */
  clone(): MerkleTree {
    return new MerkleTree(
      this.#size,
      [...this.#peaks],
      this.#edges.map((edge) => edge.slice()),
    );
  }

  /**
   * A tree in the same state that shares memory with this one: cheap, but only
   * one of the two may be appended to. What the other says stays right.
   */
  fork(): MerkleTree {
    return new MerkleTree(this.#size, [...this.#peaks], [...this.#edges]);
  }

  #addToTile(
    level: number,
    position: number,
    hash: Uint8Array,
    tiles: readonly Tile[],
  ): readonly Tile[] {
    const edge = this.#edge(level);
    const slot = position % TILE_WIDTH;
    edge.set(hash, slot * HASH_BYTES);
    if (slot < TILE_WIDTH - 1) return tiles;
    this.#edges[level] = new Uint8Array(TILE_BYTES);
    return [...tiles, { level, index: Math.floor(position / TILE_WIDTH), hashes: edge }];
  }

  #edge(level: number): Uint8Array<ArrayBuffer> {
    while (this.#edges.length <= level) this.#edges.push(new Uint8Array(TILE_BYTES));
    return this.#edges[level] ?? new Uint8Array(TILE_BYTES);
  }

  #peak(height: number): Uint8Array {
    return this.#peaks[height] ?? EMPTY_ROOT;
  }

  #setPeak(height: number, hash: Uint8Array): void {
    while (this.#peaks.length < height) this.#peaks.push(EMPTY_ROOT);
    this.#peaks[height] = hash;
  }
}

function checkSize(size: number): void {
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError('not the size of a tree');
}

/** Roots of the perfect subtrees in a tile that holds `count` hashes, by height within it. */
function edgePeaks(edge: Uint8Array, count: number): Uint8Array[] {
  const peaks: Uint8Array[] = [];
  for (let height = 0; height < TILE_HEIGHT; height += 1) {
    const width = 2 ** height;
    const first = Math.floor(count / (2 * width)) * 2 * width;
    const isSet = Math.floor(count / width) % 2 === 1;
    peaks.push(isSet ? perfectRoot(edge, first, width) : EMPTY_ROOT);
  }
  return peaks;
}
