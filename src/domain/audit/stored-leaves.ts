import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import { HASH_BYTES, textLeafHash } from '../../merkle/hash.ts';
import { TILE_BYTES, TILE_WIDTH } from '../../merkle/tile.ts';
import type { Transaction } from '../../store/store.ts';
import { storedTile, type StoredBody } from './log-queries.ts';

/**
 * The leaf hashes of neighbouring entries: computed from their text or, where
 * that is kept no more, as the stored tiles have them.
 *
 * @param bodies - Those of the entries whose text is there, in order.
 * @throws {@link StrongroomError} `audit_tampered` if there is neither text nor tile.
 */
export async function storedLeaves(
  transaction: Transaction,
  log: number,
  range: { readonly from: number; readonly end: number },
  bodies: readonly StoredBody[],
): Promise<readonly Uint8Array[]> {
  const leaves: Uint8Array[] = [];
  let tile: Uint8Array = new Uint8Array();
  let next = 0;
  for (let seq = range.from; seq < range.end; seq += 1) {
    const row = bodies[next];
    if (row?.seq === seq) {
      leaves.push(textLeafHash(row.body));
      next += 1;
      continue;
    }
    const at = (seq % TILE_WIDTH) * HASH_BYTES;
    if (tile.length === 0 || at === 0) tile = await tileOf(transaction, log, seq);
    leaves.push(tile.slice(at, at + HASH_BYTES));
    if (at === TILE_BYTES - HASH_BYTES) tile = new Uint8Array();
  }
  return leaves;
}

async function tileOf(transaction: Transaction, log: number, seq: number): Promise<Uint8Array> {
  const found = { log, level: 0, tile: Math.floor(seq / TILE_WIDTH) };
  const hashes = (await transaction.get(storedTile, found))?.hashes;
  if (hashes?.length === TILE_BYTES) return hashes;
  throw new StrongroomError('audit_tampered', 'an audit entry is missing', {
    details: { log, index: seq },
    hint: DAMAGED_HINT,
  });
}
