import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createSession } from '../../src/core/session.ts';
import { assignRole, createUser } from '../../src/domain/access/principals.ts';
import { uuidv7 } from '../../src/lib/ids.ts';
import { GRANTS } from '../../src/store/protected-tables.ts';
import { insertRow } from '../../src/store/rows.ts';
import {
  makeTemporaryVault,
  openParts,
  openTemporaryVault,
  OWNER,
  storedRows,
  tamper,
  type StoredRow,
  type TemporaryVault,
} from '../../src/testing/temporary-vault.ts';

// Someone who can write the database, and takes a row out of an index of its table, but not out of the table.

let place: TemporaryVault;
const at = { environment: 'production', path: 'KEY' };
const bob = '01890000-0000-7000-8000-000000000001';

/** Opens the database so that its own schema can be written, which takes effect in the next connection. */
function withSchema(version: number, work: (db: DatabaseSync) => void): void {
  const db = new DatabaseSync(join(place.path, 'vault.db'), { enableForeignKeyConstraints: false });
  try {
    db.enableDefensive(false);
    db.exec('PRAGMA writable_schema = ON');
    work(db);
    db.exec(`PRAGMA schema_version = ${String(version)}`);
  } finally {
    db.close();
  }
}

/** Takes a row out of an index and leaves it in its table. */
function hide(table: string, index: string, id: string): void {
  const select = (db: DatabaseSync, from: string, where: string, value: string): StoredRow => {
    const row = db.prepare(`SELECT rowid, * FROM ${from} WHERE ${where} = ?`).get(value);
    if (row === undefined) throw new TypeError('it is there');
    return row;
  };
  const insert = (db: DatabaseSync, into: string, row: StoredRow): void => {
    const places = Object.keys(row).map(() => '?');
    db.prepare(`INSERT INTO ${into} (${Object.keys(row).join()}) VALUES (${places.join()})`).run(
      ...Object.values(row),
    );
  };
  let row: StoredRow = {};
  let schema: StoredRow = {};
  withSchema(9001, (db) => {
    row = select(db, table, 'id', id);
    schema = select(db, 'sqlite_schema', 'name', index);
    db.prepare(`DELETE FROM ${table} WHERE id = ?`).run(id);
    db.prepare('DELETE FROM sqlite_schema WHERE name = ?').run(index);
  });
  withSchema(9002, (db) => {
    insert(db, table, row);
    insert(db, 'sqlite_schema', schema);
  });
}

const idOf = (table: string, where: (row: StoredRow) => boolean): string => {
  const row = tamper(place, (db) => storedRows(db, table)).find(where);
  if (row === undefined) throw new TypeError('it is there');
  return String(row['id']);
};

/** How many rows an index has for a value. */
const indexed = (table: string, index: string, where: string): number =>
  tamper(
    place,
    (db) => db.prepare(`SELECT id FROM ${table} INDEXED BY ${index} WHERE ${where}`).all().length,
  );

async function codeOf(principal: string, work: 'read' | 'verify'): Promise<string> {
  const vault = await openTemporaryVault(place);
  try {
    const session = createSession(vault, { principal }, 'library');
    await (work === 'read' ? session.secrets.read(at) : session.audit.verify());
    return 'answered';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  } finally {
    await vault.close();
  }
}

beforeEach(async () => {
  place = await makeTemporaryVault();
  const parts = await openParts(place);
  const roleOf = (name: string): string => idOf('roles', (row) => row['name'] === name);
  const [owner, reader] = [roleOf('owner'), roleOf('reader')];
  await parts.as(OWNER).secrets.create({ ...at, value: 'v' });
  await parts.write(async (work) => {
    await createUser(work, bob, 'bob');
    await assignRole(work, { principalId: bob, roleId: owner, workspaceId: null });
    await assignRole(work, { principalId: bob, roleId: reader, workspaceId: null });
    for (const subject of [bob, reader]) {
      await insertRow(work.transaction, work.mac, GRANTS, {
        id: uuidv7(),
        workspace_id: null,
        subject_kind: subject === bob ? 'principal' : 'role',
        subject_id: subject,
        effect: 'deny',
        capabilities: subject === bob ? 'write' : 'read',
        pattern: 'default/production/**',
        conditions: null,
        created_at: 1,
        created_by: null,
        secret_id: null,
      });
    }
  });
  await parts.vault.close();
});
afterEach(() => place.remove());

describe('a row that its index does not have', () => {
  it('still denies, as a rule', async () => {
    expect(await codeOf('bob', 'read')).toBe('denied');
    const rule = idOf('grants', (row) => row['effect'] === 'deny' && row['subject_id'] !== bob);
    const subject = idOf('roles', (row) => row['name'] === 'reader');
    const where = `subject_id = '${subject}' AND effect = 'deny'`;
    expect(indexed('grants', 'grants_subject', where)).toBe(1);
    hide('grants', 'grants_subject', rule);
    expect(indexed('grants', 'grants_subject', where)).toBe(0);
    expect(await codeOf('bob', 'read')).toBe('denied');
    expect(await codeOf(OWNER, 'read')).toBe('answered');
  });

  it('still denies, as the membership through which a rule applies', async () => {
    const reader = idOf('roles', (row) => row['name'] === 'reader');
    const id = idOf('memberships', (row) => row['parent_id'] === reader);
    hide('memberships', 'memberships_member', id);
    expect(indexed('memberships', 'memberships_member', `member_id = '${bob}'`)).toBe(1);
    expect(await codeOf('bob', 'read')).toBe('denied');
  });

  it('is named by a verification, as the secret', async () => {
    expect(await codeOf(OWNER, 'verify')).toBe('answered');
    hide(
      'secrets',
      'secrets_live',
      idOf('secrets', () => true),
    );
    expect(await codeOf(OWNER, 'read')).toBe('secret_not_found');
    expect(await codeOf(OWNER, 'verify')).toBe('integrity_error');
  });
});
