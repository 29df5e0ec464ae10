import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCheckpoint } from '../../merkle/checkpoint.ts';
import { textLeafHash } from '../../merkle/hash.ts';
import { parseNote } from '../../merkle/note.ts';
import { consistencyProof, nodeReader, verifyConsistency } from '../../merkle/proof.ts';
import { MerkleTree } from '../../merkle/tree.ts';
import { verifyCheckpoint } from '../../merkle/verify-checkpoint.ts';
import { StoredAuditLog } from '../../testing/stored-audit-log.ts';

const SIZE = 600;
const HOUR = 3_600_000;

const tampered = expect.objectContaining({ code: 'audit_tampered' });

/** What one flipped bit of a stored column takes. */
interface Flip {
  readonly table: 'audit_entries' | 'audit_tiles' | 'audit_checkpoints';
  readonly column: string;
  readonly where: string;
}

/** Flips a bit and gives what puts it back. */
function flip(stored: StoredAuditLog, { table, column, where }: Flip, at: number): () => void {
  const [row] = stored.rows(`SELECT ${column} AS found FROM ${table} WHERE ${where}`);
  const found = row?.['found'] as string | Uint8Array;
  const bytes = Buffer.from(found);
  // The lowest bit, so that text stays text.
  bytes[at % bytes.length]! ^= 1;
  const put = (value: string | Uint8Array): void =>
    stored.tamper(`UPDATE ${table} SET ${column} = ? WHERE ${where}`, value);
  put(typeof found === 'string' ? bytes.toString('utf8') : bytes);
  return () => put(found);
}

function entry(seq: number): Flip {
  return { table: 'audit_entries', column: 'body', where: `seq = ${String(seq)}` };
}

function tile(index: number): Flip {
  return { table: 'audit_tiles', column: 'hashes', where: `level = 0 AND tile = ${String(index)}` };
}

function checkpointColumn(column: string): Flip {
  return { table: 'audit_checkpoints', column, where: 'size = 300' };
}

function countCheckpoints(stored: StoredAuditLog): number {
  return stored.rows('SELECT size FROM audit_checkpoints').length;
}

describe('AuditLog', () => {
  it('stores entries and full tiles, and signs their root', async () => {
    await using stored = await StoredAuditLog.create();
    await stored.append(SIZE);
    const note = await stored.checkpoint();
    const tree = MerkleTree.empty();
    const bodies = stored.rows('SELECT body FROM audit_entries ORDER BY seq');
    const tiles = bodies.flatMap(({ body }) => tree.append(textLeafHash(String(body))));
    const { origin, keys } = stored.log;
    expect(verifyCheckpoint(note ?? '', keys)).toStrictEqual({
      origin,
      size: SIZE,
      root: tree.root(),
    });
    const found = stored.rows('SELECT level, tile AS "index", hashes FROM audit_tiles');
    expect(found.map((row) => ({ ...row }))).toStrictEqual(tiles);
  });

  it('signs nothing for an empty log, and nothing twice', async () => {
    await using stored = await StoredAuditLog.create();
    expect(await stored.checkpoint()).toBeUndefined();
    await stored.append(1);
    const note = await stored.checkpoint();
    expect(await stored.checkpoint()).toBe(note);
    expect(countCheckpoints(stored)).toBe(1);
  });

  it('goes on alike after it was opened again, wherever it stood', async () => {
    await using stored = await StoredAuditLog.create();
    for (const count of [1, 254, 1, 1, 255, 300]) {
      await stored.append(count);
      await stored.reopen();
      await stored.checkpoint();
      await stored.append(3);
      const { size } = stored.log;
      await stored.reopen();
      expect(stored.log.size).toBe(size);
    }
    await stored.checkpoint();
    await stored.reopen();
    expect(stored.log.checkpointSize).toBe(stored.log.size);
  });

  it('never signs a checkpoint that is inconsistent with an earlier one', async () => {
    await using stored = await StoredAuditLog.create();
    const notes: string[] = [];
    for (const count of [1, 255, 1, 200, 60, 83]) {
      await stored.append(count);
      notes.push((await stored.checkpoint()) ?? '');
      await stored.reopen();
    }
    const tiles = new Map<string, Uint8Array>();
    const tree = MerkleTree.empty();
    for (const { body } of stored.rows('SELECT body FROM audit_entries ORDER BY seq')) {
      for (const { level, index, hashes } of tree.append(textLeafHash(String(body)))) {
        tiles.set(`${String(level)}/${String(index)}`, hashes);
      }
    }
    const hashAt = nodeReader(tree, (level, index) =>
      tiles.get(`${String(level)}/${String(index)}`),
    );
    const newest = verifyCheckpoint(notes.at(-1) ?? '', stored.log.keys);
    expect(newest.size).toBe(SIZE);
    for (const note of notes) {
      const { size, root } = verifyCheckpoint(note, stored.log.keys);
      const claim = { size1: size, root1: root, size2: newest.size, root2: newest.root };
      const proof = consistencyProof(size, newest.size, hashAt);
      expect(verifyConsistency({ ...claim, proof })).toBe(true);
    }
  });

  it('what was written in a transaction that failed is not part of the log', async () => {
    await using stored = await StoredAuditLog.create();
    await stored.append(250);
    const staged = stored.log.stage();
    const failing = stored.store.write(async (transaction) => {
      for (let i = 0; i < 20; i += 1) {
        staged.append({ action: 'x', outcome: 'ok', request: 'r' }, stored.now);
      }
      await staged.flush(transaction);
      throw new TypeError('stopped');
    });
    await expect(failing).rejects.toThrow('stopped');
    expect(stored.log.size).toBe(250);
    await stored.append(10);
    await stored.checkpoint();
    await stored.reopen();
    expect(stored.log.checkpointSize).toBe(260);
  });

  it('a checkpoint of a transaction that failed does not stand in the way of the next', async () => {
    await using stored = await StoredAuditLog.create();
    await stored.append(10);
    await stored.checkpoint();
    await stored.append(10);
    const failing = stored.store.write(async (transaction) => {
      await stored.log.checkpoint(transaction, stored.now);
      throw new TypeError('stopped');
    });
    await expect(failing).rejects.toThrow('stopped');
    await stored.append(10);
    const note = await stored.checkpoint();
    expect(parseCheckpoint(parseNote(note ?? '').text).size).toBe(30);
    await stored.reopen();
  });

  it('after a commit of unknown outcome it is what is stored', async () => {
    await using stored = await StoredAuditLog.create();
    await stored.append(10);
    await stored.checkpoint();
    const staged = stored.log.stage();
    await stored.store.write(async (transaction) => {
      staged.append({ action: 'x', outcome: 'ok', request: 'r' }, stored.now);
      await staged.flush(transaction);
    });
    await stored.read((transaction) => stored.log.reload(transaction));
    expect(stored.log.size).toBe(11);
    await stored.append(1);
    await stored.checkpoint();
    await stored.reopen();
    expect(stored.log.checkpointSize).toBe(12);
  });
});

describe('A90 what was altered between write and sign', () => {
  it('a flipped bit of any entry is not signed, and the entry put back is', async () => {
    await using stored = await StoredAuditLog.create();
    await stored.append(SIZE);
    await fc.assert(
      fc.asyncProperty(fc.nat(SIZE - 1), fc.nat(), async (seq, at) => {
        const putBack = flip(stored, entry(seq), at);
        await expect(stored.checkpoint()).rejects.toThrow(tampered);
        putBack();
      }),
      { numRuns: 60 },
    );
    expect(countCheckpoints(stored)).toBe(0);
    expect(await stored.checkpoint()).toBeDefined();
  });

  it('a flipped bit is found by what is computed ahead too, and not for longer than it is there', async () => {
    await using stored = await StoredAuditLog.create();
    await stored.append(3 * SIZE);
    const sign = async (): Promise<string | undefined> => {
      while (await stored.read((transaction) => stored.log.recheck(transaction)));
      return stored.checkpoint();
    };
    for (const flipped of [entry(0), entry(SIZE), entry(3 * SIZE - 1), tile(1)]) {
      const putBack = flip(stored, flipped, 700);
      await expect(sign()).rejects.toThrow(tampered);
      putBack();
    }
    while (await stored.read((transaction) => stored.log.recheck(transaction)));
    // All but the last page was looked at, and is not looked at again.
    flip(stored, entry(0), 700);
    expect(parseCheckpoint(parseNote((await stored.checkpoint()) ?? '').text).size).toBe(3 * SIZE);
  });

  it('a flipped bit of a tile is not signed, and the tile is named', async () => {
    await using stored = await StoredAuditLog.create();
    await stored.append(SIZE);
    for (const [index, at] of [
      [0, 0],
      [0, 8191],
      [1, 4096],
    ] as const) {
      const putBack = flip(stored, tile(index), at);
      const fault = { code: 'audit_tampered', details: { level: 0, index } };
      await expect(stored.checkpoint()).rejects.toMatchObject(fault);
      putBack();
    }
    stored.tamper('DELETE FROM audit_tiles WHERE tile = 1');
    await expect(stored.checkpoint()).rejects.toThrow(tampered);
    expect(countCheckpoints(stored)).toBe(0);
  });

  it('nothing is signed on top of a checkpoint in which a bit was flipped', async () => {
    await using stored = await StoredAuditLog.create();
    await stored.append(300);
    await stored.checkpoint();
    await stored.append(300);
    const note = Buffer.byteLength(
      String(stored.rows('SELECT note FROM audit_checkpoints')[0]?.['note']),
    );
    const places = fc.oneof(
      fc.record({ column: fc.constant('note'), at: fc.nat(note - 1) }),
      fc.record({ column: fc.constant('root'), at: fc.nat(31) }),
    );
    await fc.assert(
      fc.asyncProperty(places, async ({ column, at }) => {
        const putBack = flip(stored, checkpointColumn(column), at);
        await expect(stored.checkpoint()).rejects.toThrow(tampered);
        putBack();
      }),
      { numRuns: 60 },
    );
    expect(countCheckpoints(stored)).toBe(1);
    expect(await stored.checkpoint()).toBeDefined();
  });

  it('a checkpoint moved to another size, or of another log, is not built upon', async () => {
    await using stored = await StoredAuditLog.create();
    await using other = await StoredAuditLog.create();
    for (const log of [stored, other]) {
      await log.append(300);
      await log.checkpoint();
    }
    await stored.append(1);
    stored.tamper('UPDATE audit_checkpoints SET size = 299');
    await expect(stored.checkpoint()).rejects.toThrow(tampered);
    const [foreign] = other.rows('SELECT note, root FROM audit_checkpoints');
    const [own] = stored.rows('SELECT note, root FROM audit_checkpoints');
    const put = 'UPDATE audit_checkpoints SET size = 300, note = ?, root = ?';
    stored.tamper(put, foreign?.['note'] as string, foreign?.['root'] as Uint8Array);
    await expect(stored.checkpoint()).rejects.toThrow(tampered);
    stored.tamper(put, own?.['note'] as string, own?.['root'] as Uint8Array);
    expect(await stored.checkpoint()).toBeDefined();
  });

  it('a missing, added or exchanged entry is not signed', async () => {
    for (const sql of [
      'DELETE FROM audit_entries WHERE seq = 5',
      'DELETE FROM audit_entries WHERE seq = 9',
      'UPDATE audit_entries SET seq = 100 WHERE seq = 5',
      'UPDATE audit_entries SET body = (SELECT body FROM audit_entries WHERE seq = 6) WHERE seq = 5',
    ]) {
      await using stored = await StoredAuditLog.create();
      await stored.append(10);
      stored.tamper(sql);
      await expect(stored.checkpoint()).rejects.toThrow(tampered);
      expect(countCheckpoints(stored)).toBe(0);
    }
  });
});

describe('A90 a log that was altered is not opened', () => {
  it('be it the checkpoint, a tile or an entry at its edge, or that entries are missing', async () => {
    for (const [sql, code] of [
      ['UPDATE audit_checkpoints SET size = 299', 'audit_tampered'],
      ['UPDATE audit_checkpoints SET size = 900000', 'audit_tampered'],
      ["UPDATE audit_checkpoints SET note = replace(note, '300', '301')", 'audit_tampered'],
      ['UPDATE audit_checkpoints SET root = zeroblob(32)', 'audit_tampered'],
      ['UPDATE audit_tiles SET hashes = zeroblob(8192)', 'audit_tampered'],
      ['UPDATE audit_tiles SET hashes = zeroblob(3)', 'audit_tampered'],
      ['DELETE FROM audit_tiles', 'audit_tampered'],
      ["UPDATE audit_entries SET body = body || ' ' WHERE seq = 299", 'audit_tampered'],
      ['DELETE FROM audit_entries WHERE seq = 299', 'audit_tampered'],
      ['DELETE FROM audit_entries WHERE seq >= 299', 'audit_tampered'],
      ['DELETE FROM audit_entries WHERE seq = 301', 'audit_tampered'],
    ] as const) {
      await using stored = await StoredAuditLog.create();
      await stored.append(300);
      await stored.checkpoint();
      await stored.append(3);
      await stored.reopen();
      stored.tamper(sql);
      await expect(stored.reopen(), sql).rejects.toMatchObject({ code });
    }
  });
});

describe('checkpoints', () => {
  it('thin to one an hour; the newest is always kept', async () => {
    await using stored = await StoredAuditLog.create();
    const start = stored.now;
    for (let minutes = 0; minutes <= 300; minutes += 10) {
      stored.now = start + minutes * 60_000;
      await stored.append(1);
      await stored.checkpoint();
      const kept = stored.rows(
        'SELECT size, created_at AS at FROM audit_checkpoints ORDER BY size',
      );
      expect(kept.at(-1)).toMatchObject({ size: stored.log.size, at: stored.now });
      const times = kept.slice(0, -1).map((row) => Number(row['at']));
      for (const [index, time] of times.slice(1).entries()) {
        expect(time - times[index]!).toBeGreaterThanOrEqual(HOUR);
      }
    }
    expect(countCheckpoints(stored)).toBeLessThanOrEqual(6);
    expect(countCheckpoints(stored)).toBeGreaterThanOrEqual(5);
    await stored.reopen();
  });

  it('that are more than an hour apart are all kept', async () => {
    await using stored = await StoredAuditLog.create();
    for (let count = 1; count <= 5; count += 1) {
      stored.now += HOUR + 1;
      await stored.append(1);
      await stored.checkpoint();
      expect(countCheckpoints(stored)).toBe(count);
    }
  });
});
