import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { init, open, type Vault } from '../../index.ts';
import { StoredAuditLog } from '../../testing/stored-audit-log.ts';
import { catchUpIndex } from './entry-index.ts';
import { verifyLog, type LogVerified } from './verify-log.ts';

/** Two full tiles and 88 entries at the edge. */
const SIZE = 600;

async function signedLog(size: number = SIZE): Promise<StoredAuditLog> {
  const stored = await StoredAuditLog.create();
  await stored.append(size);
  await stored.checkpoint();
  return stored;
}

function verify(stored: StoredAuditLog): Promise<LogVerified> {
  return verifyLog(stored.store, stored.log, stored.mac);
}

describe('verifyLog', () => {
  it('counts what is under the newest checkpoint, and what came after it', async () => {
    await using stored = await signedLog();
    await stored.append(5);
    expect(await verify(stored)).toStrictEqual({
      checkpointSize: SIZE,
      size: SIZE + 5,
      secrets: 0,
    });
    await using empty = await StoredAuditLog.create();
    expect(await verify(empty)).toStrictEqual({ checkpointSize: 0, size: 0, secrets: 0 });
  });

  it('verifies more entries than one page holds', async () => {
    await using stored = await signedLog(9000);
    expect(await verify(stored)).toMatchObject({ checkpointSize: 9000, size: 9000 });
    stored.tamper(`UPDATE audit_entries SET body = replace(body, '"ok"', '"on"') WHERE seq = 8000`);
    const details = { level: 0, tile: 31, index: 8000 };
    await expect(verify(stored)).rejects.toMatchObject({ code: 'audit_tampered', details });
  });

  it('A90 names the index of an entry altered after it was signed', async () => {
    for (const index of [0, 255, 256, 511, 512, 599]) {
      await using stored = await signedLog();
      stored.tamper(
        `UPDATE audit_entries SET body = replace(body, '"ok"', '"on"') WHERE seq = ${String(index)}`,
      );
      const fault = { code: 'audit_tampered', details: { index } };
      await expect(verify(stored)).rejects.toMatchObject(fault);
    }
  });

  it('names the index of an entry that is none any more', async () => {
    for (const damage of [`replace(body, '"revision":1', '"revision":1x')`, `'"revision":'`]) {
      await using stored = await StoredAuditLog.create();
      await stored.append(SIZE, (seq) => (seq === 7 ? { secretId: 's', revision: 1 } : {}));
      stored.tamper(`UPDATE audit_entries SET body = ${damage} WHERE seq = 7`);
      const fault = { code: 'audit_tampered', details: { index: 7 } };
      await expect(verify(stored)).rejects.toMatchObject(fault);
    }
  });

  it('A90 names the index of an entry that is under no checkpoint yet', async () => {
    await using stored = await signedLog();
    await stored.append(5);
    stored.tamper(`UPDATE audit_entries SET body = replace(body, '"ok"', '"on"') WHERE seq = 603`);
    const fault = { code: 'audit_tampered', details: { index: 603 } };
    await expect(verify(stored)).rejects.toMatchObject(fault);
  });

  it('A90 names the tile that was altered after it was signed, and the place in it', async () => {
    await using stored = await signedLog();
    const [row] = stored.rows('SELECT hashes FROM audit_tiles WHERE tile = 1');
    const hashes = Buffer.from(row?.['hashes'] as Uint8Array);
    hashes[32 * 40 + 3]! ^= 1;
    stored.tamper('UPDATE audit_tiles SET hashes = ? WHERE tile = 1', hashes);
    const details = { level: 0, tile: 1, index: 256 + 40 };
    await expect(verify(stored)).rejects.toMatchObject({ code: 'audit_tampered', details });
    for (const sql of [
      "UPDATE audit_tiles SET hashes = x'00' WHERE tile = 1",
      'DELETE FROM audit_tiles WHERE tile = 1',
    ]) {
      stored.tamper(sql);
      const fault = { code: 'audit_tampered', details: { level: 0, tile: 1 } };
      await expect(verify(stored)).rejects.toMatchObject(fault);
    }
  });

  it('A90 an entry and its tile altered together do not give the signed root', async () => {
    await using stored = await signedLog();
    await using other = await signedLog();
    for (const seq of Array(256).keys()) {
      const [row] = other.rows(`SELECT body FROM audit_entries WHERE seq = ${String(seq)}`);
      stored.tamper(`UPDATE audit_entries SET body = ? WHERE seq = ?`, String(row?.['body']), seq);
    }
    const [tile] = other.rows('SELECT hashes FROM audit_tiles WHERE tile = 0');
    stored.tamper(
      'UPDATE audit_tiles SET hashes = ? WHERE tile = 0',
      tile?.['hashes'] as Uint8Array,
    );
    const fault = { code: 'audit_tampered', details: { size: SIZE } };
    await expect(verify(stored)).rejects.toMatchObject(fault);
  });

  it('A90 a checkpoint altered after it was signed is found', async () => {
    for (const sql of [
      "UPDATE audit_checkpoints SET note = replace(note, '600', '601')",
      "UPDATE audit_checkpoints SET note = substr(note, 1, length(note) - 2) || 'A' || char(10)",
      'UPDATE audit_checkpoints SET root = zeroblob(32)',
      'UPDATE audit_checkpoints SET size = 512',
    ]) {
      await using stored = await signedLog();
      stored.tamper(sql);
      await expect(verify(stored), sql).rejects.toMatchObject({ code: 'audit_tampered' });
    }
  });

  it('names the first index that is missing, within the log and at its end', async () => {
    for (const [sql, index] of [
      ['DELETE FROM audit_entries WHERE seq = 300', 300],
      ['DELETE FROM audit_entries WHERE seq >= 590', 590],
      ['DELETE FROM audit_entries WHERE seq = 602', 602],
      ['DELETE FROM audit_entries WHERE seq = 604', 604],
      ['DELETE FROM audit_entries', 0],
    ] as const) {
      await using stored = await signedLog();
      await stored.append(5);
      stored.tamper(sql);
      const fault = { code: 'audit_tampered', details: { index } };
      await expect(verify(stored), sql).rejects.toMatchObject(fault);
    }
  });
});

describe('verifyLog of the index by path', () => {
  const paths = (seq: number): { path?: string } =>
    seq % 3 === 0 ? {} : { path: `p/${String(seq % 5)}` };
  const altered = {
    code: 'integrity_error',
    message: 'the index of the audit log was altered',
  };
  const readIndex = (stored: StoredAuditLog): unknown[] =>
    stored.rows('SELECT path, log, seq FROM audit_index').map((row) => ({ ...row }));

  it('is content with one that is right, as far as it reaches, and with none', async () => {
    await using stored = await StoredAuditLog.create();
    await stored.append(SIZE, paths);
    expect(await verify(stored)).toMatchObject({ size: SIZE });
    await catchUpIndex(stored.store, stored.log);
    expect(await verify(stored)).toMatchObject({ size: SIZE });
    await stored.append(50, paths);
    expect(await verify(stored)).toMatchObject({ size: SIZE + 50 });
    // Rows of another log have nothing to do with it.
    stored.tamper("INSERT INTO audit_index VALUES ('p/1', 9, 1)");
    expect(await verify(stored)).toMatchObject({ size: SIZE + 50 });
  });

  it('compares more rows than one page holds', async () => {
    await using stored = await signedLog(1);
    await stored.append(9000, () => ({ path: 'p' }));
    await catchUpIndex(stored.store, stored.log);
    expect(await verify(stored)).toMatchObject({ size: 9001 });
    stored.tamper('DELETE FROM audit_index WHERE seq = 8999');
    await expect(verify(stored)).rejects.toMatchObject(altered);
  });

  it.each([
    'DELETE FROM audit_index',
    'DELETE FROM audit_index WHERE seq = 301',
    "UPDATE audit_index SET path = 'p/9' WHERE seq = 301",
    'UPDATE audit_index SET seq = 300 WHERE seq = 301',
    "INSERT INTO audit_index VALUES ('p/1', 1, 302)",
    "INSERT INTO audit_index VALUES ('p/1', 1, 900)",
    'UPDATE audit_indexed SET size = 601',
    'UPDATE audit_indexed SET size = 9000',
    'UPDATE audit_indexed SET size = 500',
  ])('finds it altered, says so once, and has it made again: %s', async (sql) => {
    await using stored = await StoredAuditLog.create();
    await stored.append(SIZE, paths);
    await catchUpIndex(stored.store, stored.log);
    const right = readIndex(stored);
    expect(right).toHaveLength(400);
    stored.tamper(sql);
    await expect(verify(stored)).rejects.toMatchObject(altered);
    expect(await verify(stored)).toMatchObject({ size: SIZE });
    await catchUpIndex(stored.store, stored.log);
    expect(readIndex(stored)).toStrictEqual(right);
    expect(await verify(stored)).toMatchObject({ size: SIZE });
  });
});

/** A vault in a temporary directory, with its own place for key files. */
async function withVault(work: (vault: Vault, database: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'strongroom-verify-'));
  const options = { path: join(directory, 'vault'), configDirectory: join(directory, 'config') };
  try {
    await init({ ...options, owner: 'ada' });
    await using vault = await open(options);
    await work(vault, join(options.path, 'vault.db'));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function change(database: string, work: (db: DatabaseSync) => void): void {
  const db = new DatabaseSync(database);
  try {
    work(db);
  } finally {
    db.close();
  }
}

describe('audit.verify of a vault', () => {
  it('finds an old row of a secret that was put back, and is content with the right one', async () => {
    await withVault(async (vault, database) => {
      const { secrets, audit } = vault.as({ principal: 'ada' });
      const address = { environment: 'development', path: 'db/password' };
      await secrets.write({ ...address, value: 'first' });
      let old: Record<string, unknown> = {};
      change(database, (db) => {
        old = db.prepare('SELECT * FROM secrets').get() ?? {};
      });
      // No new version: only the revision tells.
      await secrets.update({ ...address, tags: ['second'] });
      expect(await audit.verify()).toMatchObject({ secrets: 1 });
      let present: Record<string, unknown> = {};
      const put = (row: Record<string, unknown>): void =>
        change(database, (db) => {
          present = db.prepare('SELECT * FROM secrets').get() ?? {};
          const columns = Object.keys(row);
          const sql = `UPDATE secrets SET ${columns.map((name) => `${name} = ?`).join(', ')}`;
          db.prepare(sql).run(...(Object.values(row) as (string | number | Uint8Array | null)[]));
        });
      put(old);
      const right = present;
      const fault = { code: 'integrity_error', details: { path: 'db/password' } };
      await expect(audit.verify()).rejects.toMatchObject(fault);
      put(right);
      expect(await audit.verify()).toMatchObject({ secrets: 1 });
    });
  });

  it('names a secret that was removed with all that belongs to it, deleted or not', async () => {
    await withVault(async (vault, database) => {
      const { secrets, audit } = vault.as({ principal: 'ada' });
      const ids: string[] = [];
      for (const path of ['A', 'B', 'C']) {
        const address = { environment: 'development', path };
        ids.push((await secrets.write({ ...address, value: 'x' })).id);
        if (path === 'B') await secrets.delete(address);
      }
      expect(await audit.verify()).toMatchObject({ secrets: 3 });
      for (const id of ids) {
        const rows: Record<string, unknown>[] = [];
        change(database, (db) => {
          rows.push(db.prepare('SELECT * FROM secrets WHERE id = ?').get(id) ?? {});
          db.exec('PRAGMA foreign_keys = OFF');
          db.prepare('DELETE FROM secrets WHERE id = ?').run(id);
        });
        const fault = { code: 'integrity_error', details: { secret: id } };
        await expect(audit.verify()).rejects.toMatchObject(fault);
        const [row = {}] = rows;
        change(database, (db) => {
          const places = Object.keys(row).map(() => '?');
          const sql = `INSERT INTO secrets VALUES (${places.join(', ')})`;
          db.prepare(sql).run(...(Object.values(row) as (string | number | Uint8Array | null)[]));
        });
        expect(await audit.verify()).toMatchObject({ secrets: 3 });
      }
    });
  });

  it('names a secret of which a version was removed or added', async () => {
    await withVault(async (vault, database) => {
      const { secrets, audit } = vault.as({ principal: 'ada' });
      for (const path of ['A', 'B', 'C']) {
        for (const value of ['1', '2', '3']) {
          await secrets.write({ environment: 'development', path, value });
        }
      }
      expect(await audit.verify()).toMatchObject({ secrets: 3 });
      const ofB = "secret_id = (SELECT id FROM secrets WHERE path = 'B')";
      for (const [sql, undo] of [
        [`SET version = 9 WHERE version = 1`, `SET version = 1 WHERE version = 9`],
        [`SET version = 9 WHERE version = 2`, `SET version = 2 WHERE version = 9`],
        [`SET version = 0 WHERE version = 3`, `SET version = 3 WHERE version = 0`],
        [`SET version = -1 WHERE version = 1`, `SET version = 1 WHERE version = -1`],
      ]) {
        change(database, (db) => db.exec(`UPDATE versions ${sql} AND ${ofB}`));
        const fault = { code: 'integrity_error', details: { path: 'B' } };
        await expect(audit.verify(), sql).rejects.toMatchObject(fault);
        change(database, (db) => db.exec(`UPDATE versions ${undo} AND ${ofB}`));
        expect(await audit.verify()).toMatchObject({ secrets: 3 });
      }
      change(database, (db) => db.exec(`DELETE FROM versions WHERE ${ofB}`));
      await expect(audit.verify()).rejects.toMatchObject({ details: { path: 'B' } });
    });
  });

  it('finds a row of a secret that was altered', async () => {
    await withVault(async (vault, database) => {
      const { secrets, audit } = vault.as({ principal: 'ada' });
      await secrets.write({ environment: 'development', path: 'TOKEN', value: 'x' });
      change(database, (db) => db.exec('UPDATE secrets SET updated_at = updated_at + 1'));
      await expect(audit.verify()).rejects.toMatchObject({ code: 'integrity_error' });
    });
  });

  it('verifies while others write', async () => {
    await withVault(async (vault) => {
      const { secrets, audit } = vault.as({ principal: 'ada' });
      const writing = Array.from({ length: 300 }, (_, i) =>
        secrets.write({ environment: 'development', path: `k/${String(i % 7)}`, value: String(i) }),
      );
      const verified = await Promise.all(Array.from({ length: 20 }, () => audit.verify()));
      await Promise.all(writing);
      for (const { size } of verified) expect(size).toBeGreaterThan(0);
    });
  });
});
