import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import { equalBytes } from '../../lib/compare.ts';
import { HASH_BYTES } from '../../merkle/hash.ts';
import { perfectRoot, TILE_BYTES, TILE_WIDTH } from '../../merkle/tile.ts';
import type { Transaction } from '../../store/store.ts';
import { storedTile } from './log-queries.ts';

/** What of a log's tree in memory stored tiles are proven against. */
export interface TreeEdge {
  /** The log's number. */
  readonly log: number;
  /** Number of entries. */
  readonly size: number;
  /** By level, the joined hashes of the tile that is being filled. */
  readonly frontier: readonly Uint8Array[];
}

/**
 * The hashes of a tile that are under the tree's root for certain: those of the
 * tile that is being filled, which memory has, or those of a stored tile whose
 * root stands in its place in the tile above, up to one that memory has.
 *
 * @returns Joined hashes: 256 of a full tile.
 * @throws {@link StrongroomError} `audit_tampered` naming the tile.
 */
export async function provenTile(
  transaction: Transaction,
  edge: TreeEdge,
  level: number,
  index: number,
): Promise<Uint8Array> {
  const fullTiles = Math.floor(edge.size / TILE_WIDTH ** (level + 1));
  if (index >= fullTiles) return edge.frontier[level] ?? new Uint8Array();
  const above = await provenTile(transaction, edge, level + 1, Math.floor(index / TILE_WIDTH));
  const row = await transaction.get(storedTile, { log: edge.log, level, tile: index });
  const at = (index % TILE_WIDTH) * HASH_BYTES;
  if (
    row?.hashes.length === TILE_BYTES &&
    equalBytes(perfectRoot(row.hashes, 0, TILE_WIDTH), above.subarray(at, at + HASH_BYTES))
  ) {
    return row.hashes;
  }
  throw new StrongroomError('audit_tampered', 'a stored tile of the audit tree was altered', {
    details: { log: edge.log, level, tile: index },
    hint: DAMAGED_HINT,
  });
}
