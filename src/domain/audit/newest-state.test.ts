import { describe, expect, it } from 'vitest';
import { textLeafHash } from '../../merkle/hash.ts';
import { perfectRoot, TILE_WIDTH } from '../../merkle/tile.ts';
import { StoredAuditLog } from '../../testing/stored-audit-log.ts';
import { newestState } from './newest-state.ts';

/** Two full tiles and 88 entries at the edge, of which some say a state. */
const SIZE = 600;
const STATES: readonly number[] = [0, 200];

async function logOf(size: number, states: readonly number[]): Promise<StoredAuditLog> {
  const stored = await StoredAuditLog.create();
  const stateOf = (seq: number): string | undefined =>
    states.includes(seq) ? `s${String(seq)}` : undefined;
  await stored.append(size, (seq) => ({ state: stateOf(seq), detail: '"state":"not one"' }));
  await stored.checkpoint();
  return stored;
}

/** Opens the log anew, as a vault does, and asks. */
async function newest(stored: StoredAuditLog): Promise<string | undefined> {
  await stored.reopen();
  return stored.read((transaction) => newestState(transaction, stored.log));
}

function rewrite(stored: StoredAuditLog, seq: number, from: string, to: string): void {
  const sql = `UPDATE audit_entries SET body = replace(body, ?, ?) WHERE seq = ?`;
  stored.tamper(sql, from, to, seq);
}

/** Puts a hash into a stored tile, and gives the tile's new root. */
function putHash(
  stored: StoredAuditLog,
  at: { readonly level: number; readonly position: number },
  hash: Uint8Array,
): Uint8Array {
  const tile = Math.floor(at.position / TILE_WIDTH);
  const where = `level = ${String(at.level)} AND tile = ${String(tile)}`;
  const [row] = stored.rows(`SELECT hashes FROM audit_tiles WHERE ${where}`);
  const hashes = new Uint8Array(row?.['hashes'] as Uint8Array);
  hashes.set(hash, (at.position % TILE_WIDTH) * 32);
  stored.tamper(`UPDATE audit_tiles SET hashes = ? WHERE ${where}`, hashes);
  return perfectRoot(hashes, 0, TILE_WIDTH);
}

function leafOf(stored: StoredAuditLog, seq: number): Uint8Array {
  const [row] = stored.rows(`SELECT body FROM audit_entries WHERE seq = ${String(seq)}`);
  return textLeafHash(String(row?.['body']));
}

describe('the newest state that the log says', () => {
  it('is found in a full tile, at the edge, and in the first and the last entry', async () => {
    for (const [size, states, expected] of [
      [SIZE, STATES, 's200'],
      [SIZE, [0, 200, 550], 's550'],
      [SIZE, [255], 's255'],
      [SIZE, [0], 's0'],
      [SIZE, [599], 's599'],
      [512, [256], 's256'],
      [512, [511], 's511'],
      [1, [0], 's0'],
      [3000, [0, 1976], 's1976'],
    ] as const) {
      await using stored = await logOf(size, states);
      expect(await newest(stored)).toBe(expected);
    }
  });

  it('is looked for further back if none of the last 1,024 entries says one', async () => {
    for (const states of [[0], [0, 951], [0, 952], [0, 1975]]) {
      await using stored = await logOf(3000, states);
      expect(await newest(stored)).toBe(`s${String(states.at(-1))}`);
    }
  });

  it('is none if no entry says one', async () => {
    await using stored = await logOf(1100, []);
    expect(await newest(stored)).toBeUndefined();
    await using empty = await StoredAuditLog.create();
    expect(await newest(empty)).toBeUndefined();
  });

  it('is also found among entries that no checkpoint covers yet', async () => {
    await using stored = await logOf(SIZE, STATES);
    await stored.append(400, (seq) => ({ state: seq === 700 ? 'later' : undefined }));
    expect(await newest(stored)).toBe('later');
  });

  it('cannot be changed, taken away or hidden by a later one or a gap', async () => {
    const changes: readonly ((stored: StoredAuditLog) => void)[] = [
      (stored) => rewrite(stored, 200, '"s200"', '"s0"'),
      (stored) => rewrite(stored, 200, '"state":"s200",', ''),
      (stored) => rewrite(stored, 300, '"time"', '"state":"s0","time"'),
      (stored) => rewrite(stored, 511, '"ok"', '"on"'),
      (stored) => stored.tamper('DELETE FROM audit_entries WHERE seq = 200'),
      (stored) => stored.tamper('DELETE FROM audit_entries WHERE seq = 300'),
      (stored) => stored.tamper('DELETE FROM audit_entries WHERE seq <= 200'),
      (stored) => stored.tamper('DELETE FROM audit_tiles WHERE tile = 0'),
      (stored) => stored.tamper("UPDATE audit_tiles SET hashes = x'00' WHERE tile = 0"),
    ];
    for (const change of changes) {
      await using stored = await logOf(SIZE, STATES);
      change(stored);
      await expect(newest(stored), String(change)).rejects.toMatchObject({
        code: 'audit_tampered',
      });
    }
  });

  it('is not looked for beyond an entry that is missing, which is named', async () => {
    await using stored = await logOf(SIZE, STATES);
    stored.tamper('DELETE FROM audit_entries WHERE seq = 300');
    const fault = { message: 'an audit entry is missing', details: { index: 300 } };
    await expect(newest(stored)).rejects.toMatchObject(fault);
  });

  it('cannot be changed together with the tiles above it', async () => {
    // The edge of the tree begins after 256 tiles, which one tile of the next level covers.
    const seq = 65_000;
    await using stored = await logOf(65_836, [0, seq]);
    expect(await newest(stored)).toBe('s65000');
    rewrite(stored, seq, '"s65000"', '"s0"');
    const fault = { code: 'audit_tampered' };
    await expect(newest(stored)).rejects.toMatchObject({ ...fault, details: { index: seq } });
    const root = putHash(stored, { level: 0, position: seq }, leafOf(stored, seq));
    const tile = Math.floor(seq / TILE_WIDTH);
    const low = { level: 0, tile };
    await expect(newest(stored)).rejects.toMatchObject({ ...fault, details: low });
    putHash(stored, { level: 1, position: tile }, root);
    await expect(newest(stored)).rejects.toMatchObject({ code: 'audit_tampered' });
  });
});
