import { cpSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  makeTemporaryVault,
  openSession,
  openTemporaryVault,
  putRow,
  storedRows,
  tamper,
  type StoredRow,
  type TemporaryVault,
} from '../../src/testing/temporary-vault.ts';

// Someone who can write the database, has an older copy of it, and has no key.

const TABLES = ['integrity', 'workspaces', 'environments', 'grants', 'memberships', 'keys'];

let place: TemporaryVault;
/** The directories as a kill leaves them: the state of the newest rights is in a full tile of the log. */
let killed: string;
let copies = 0;
const old = new Map<string, StoredRow[]>();
let oldState = '';

/** Entries that say a state, newest first. */
function states(db: DatabaseSync): { readonly seq: number; readonly state: string }[] {
  const rows = db
    .prepare(`SELECT seq, body FROM audit_entries WHERE body LIKE '%"state":%' ORDER BY seq DESC`)
    .all();
  return rows.map(({ seq, body }) => ({
    seq: Number(seq),
    state: (JSON.parse(String(body)) as { state: string }).state,
  }));
}

function putBack(db: DatabaseSync): void {
  for (const [table, rows] of old) {
    db.exec(`DELETE FROM ${table}`);
    for (const row of rows) putRow(db, table, row);
  }
}

/** Opens a copy of the killed vault that someone changed; the outcome's code. */
async function openingAfter(change: (db: DatabaseSync) => void): Promise<string> {
  const root = join(place.root, `copy-${String((copies += 1))}`);
  cpSync(killed, root, { recursive: true });
  const copy = { ...place, path: join(root, 'vault'), configDirectory: join(root, 'config') };
  tamper(copy, change);
  try {
    const vault = await openTemporaryVault(copy);
    await vault.close();
    return 'opened';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

beforeAll(async () => {
  place = await makeTemporaryVault();
  killed = join(place.root, 'killed');
  const { vault, session } = await openSession(place);
  tamper(place, (db) => {
    for (const table of TABLES) old.set(table, storedRows(db, table));
    oldState = states(db)[0]?.state ?? '';
  });
  await session.environments.create({ name: 'extra' });
  for (let count = 0; count < 600; count += 1) await session.workspaces.list();
  await session.audit.checkpoint();
  cpSync(place.path, join(killed, 'vault'), { recursive: true });
  cpSync(place.configDirectory, join(killed, 'config'), { recursive: true });
  await vault.close();
});
afterAll(() => place.remove());

describe('rows that decide who may do what, put back all together', () => {
  it('are found, because the newest state that the log says is another', async () => {
    expect(await openingAfter(() => undefined)).toBe('opened');
    expect(await openingAfter(putBack)).toBe('integrity_error');
  });

  it('are found also if that entry is made to say the older state', async () => {
    const outcome = await openingAfter((db) => {
      const [newest] = states(db);
      if (newest === undefined) throw new TypeError('there is one');
      expect(newest.state).not.toBe(oldState);
      expect(newest.seq).toBeLessThan(256);
      putBack(db);
      db.prepare('UPDATE audit_entries SET body = replace(body, ?, ?) WHERE seq = ?').run(
        newest.state,
        oldState,
        newest.seq,
      );
    });
    expect(outcome).toBe('audit_tampered');
  });

  it('are found also if that entry is made to say none, or a later one to say the older', async () => {
    const hidden = await openingAfter((db) => {
      putBack(db);
      const [newest] = states(db);
      const member = `"state":"${newest?.state ?? ''}",`;
      db.prepare(`UPDATE audit_entries SET body = replace(body, ?, '') WHERE seq = ?`).run(
        member,
        newest?.seq ?? -1,
      );
      expect(states(db)[0]?.state).toBe(oldState);
    });
    expect(hidden).toBe('audit_tampered');
    const later = await openingAfter((db) => {
      putBack(db);
      db.prepare('UPDATE audit_entries SET body = replace(body, ?, ?) WHERE seq = 300').run(
        ',"time"',
        `,"state":"${oldState}","time"`,
      );
      expect(states(db)[0]?.seq).toBe(300);
    });
    expect(later).toBe('audit_tampered');
  });
});
