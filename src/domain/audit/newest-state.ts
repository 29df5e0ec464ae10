import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import { equalBytes } from '../../lib/compare.ts';
import { HASH_BYTES, textLeafHash } from '../../merkle/hash.ts';
import { TILE_WIDTH } from '../../merkle/tile.ts';
import type { Transaction } from '../../store/store.ts';
import { STATE_INTERVAL, type AuditLog } from './audit-log.ts';
import { parseEntry } from './entry.ts';
import { bodiesBefore, type StoredBody } from './log-queries.ts';
import { provenTile } from './proven-tile.ts';

/**
 * The tables' integrity state as the log last said it. One of any
 * {@link STATE_INTERVAL} entries says it, so that the search is short, unless
 * the state could not be told when one of them was written. Every
 * entry that it looks at, also one that says none, is held against the log's
 * tree: so a state can neither be changed nor hidden behind an older one.
 *
 * @throws {@link StrongroomError} `audit_tampered` naming the entry or the tile.
 */
export async function newestState(
  transaction: Transaction,
  log: AuditLog,
): Promise<string | undefined> {
  const { size, frontier } = log;
  const edge = { log: log.number, size, frontier };
  let bodies: readonly StoredBody[] = [];
  let hashes: Uint8Array = new Uint8Array();
  for (let seq = size - 1; seq >= 0; seq -= 1) {
    const nth = (size - 1 - seq) % STATE_INTERVAL;
    if (nth === 0) {
      const page = { log: log.number, before: seq + 1, limit: STATE_INTERVAL };
      bodies = await transaction.all(bodiesBefore, page);
    }
    const row = bodies[nth];
    if (row?.seq !== seq) throw tampered('an audit entry is missing', log, seq);
    if (seq === size - 1 || (seq + 1) % TILE_WIDTH === 0) {
      hashes = await provenTile(transaction, edge, 0, Math.floor(seq / TILE_WIDTH));
    }
    const at = (seq % TILE_WIDTH) * HASH_BYTES;
    if (!equalBytes(textLeafHash(row.body), hashes.subarray(at, at + HASH_BYTES))) {
      throw tampered('an audit entry is not the one that was written', log, seq);
    }
    if (!row.body.includes('"state":')) continue;
    const { state } = parseEntry(row.body, seq);
    if (state !== undefined) return state;
  }
  return undefined;
}

function tampered(message: string, log: AuditLog, index: number): StrongroomError {
  return new StrongroomError('audit_tampered', message, {
    details: { log: log.id, index },
    hint: DAMAGED_HINT,
  });
}
