import { TILE_WIDTH } from '../../merkle/tile.ts';
import { MerkleTree } from '../../merkle/tree.ts';
import type { Transaction } from '../../store/store.ts';
import { bodiesFrom, tilesBetween } from './log-queries.ts';
import { storedLeaves } from './stored-leaves.ts';

/**
 * Rebuilds the tree of a log at a size from stored tiles and the entries at
 * its right edge, or what is kept of them. Reads at most 255 tiles of each level.
 *
 * @throws {@link StrongroomError} `audit_tampered` if a tile or an entry is missing.
 */
export async function loadTree(
  transaction: Transaction,
  log: number,
  size: number,
): Promise<MerkleTree> {
  const tiles = new Map<string, Uint8Array>();
  let level = 0;
  for (
    let count = Math.floor(size / TILE_WIDTH);
    count > 0;
    count = Math.floor(count / TILE_WIDTH)
  ) {
    const from = count - (count % TILE_WIDTH);
    for (const row of await transaction.all(tilesBetween, { log, level, from, before: count })) {
      tiles.set(`${level}/${row.tile}`, row.hashes);
    }
    level += 1;
  }
  const edgeLength = size % TILE_WIDTH;
  const edge = await transaction.all(bodiesFrom, {
    log,
    from: size - edgeLength,
    limit: edgeLength,
  });
  const range = { from: size - edgeLength, end: size };
  return MerkleTree.fromTiles(
    size,
    (tileLevel, index) => tiles.get(`${tileLevel}/${index}`),
    await storedLeaves(transaction, log, range, edge),
  );
}
