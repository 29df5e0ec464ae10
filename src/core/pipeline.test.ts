import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { assignRole, createUser } from '../domain/access/principals.ts';
import type { AuditEntry } from '../domain/audit/entry.ts';
import { StrongroomError } from '../errors.ts';
import { uuidv7 } from '../lib/ids.ts';
import { GRANTS, PRINCIPALS } from '../store/protected-tables.ts';
import { insertRow, updateRow } from '../store/rows.ts';
import { query } from '../store/statement.ts';
import { sqliteDialect } from '../store/dialect.ts';
import type { Store, Transaction } from '../store/store.ts';
import {
  makeTemporaryVault,
  openParts,
  openTemporaryVault,
  OWNER,
  putRow,
  storedRows,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../testing/temporary-vault.ts';
import { Recorder } from './recorder.ts';
import type { Session } from './session.ts';

let now: number;
let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
let commits: number;
/** What the next transactions fail with, once their work is done. */
let failures: unknown[];

beforeEach(async () => {
  now = Date.parse('2026-03-01T12:00:00Z');
  [commits, failures] = [0, []];
  place = await makeTemporaryVault();
  parts = await openParts(place, { now: () => now, through: counting });
  session = parts.as(OWNER);
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

/** A store that counts its commits, and fails on request where a disk would. */
function counting(store: Store): Store {
  return {
    read: (work) => store.read(work),
    size: () => store.size(),
    check: () => store.check(),
    copy: (path) => store.copy(path),
    scrub: () => store.scrub(),
    reopen: () => store.reopen(),
    close: () => store.close(),
    write: async (work) => {
      const result = await store.write(async (transaction) => {
        const made = await work(transaction);
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        return made;
      });
      commits += 1;
      return result;
    },
  };
}

const at = { environment: 'production', path: 'db/password' };
const PAGE = 4096;

/** Every entry of the log, oldest first. */
function entries(): AuditEntry[] {
  return tamper(place, (db) => db.prepare('SELECT body FROM audit_entries ORDER BY seq').all()).map(
    (row) => JSON.parse(String(row['body'])) as AuditEntry,
  );
}

async function roleId(name: string): Promise<string> {
  const row = await parts.store.read((transaction) =>
    transaction.get(
      query((db) => db.selectFrom('roles').selectAll().where('name', '=', name)),
      {},
    ),
  );
  return row?.id ?? '';
}

/** Makes a user with a role; resolves to its id. */
async function user(name: string, role?: string): Promise<string> {
  const id = role === undefined ? '' : await roleId(role);
  return parts.write(async (work) => {
    const made = await createUser(work, uuidv7(), name);
    if (id !== '') {
      await assignRole(work, { principalId: made.id, roleId: id, workspaceId: null });
    }
    return made.id;
  });
}

const grant = (subjectId: string, effect: string, capabilities: string, pattern: string): unknown =>
  parts.write((work) =>
    insertRow(work.transaction, work.mac, GRANTS, {
      id: uuidv7(),
      workspace_id: null,
      subject_kind: 'principal',
      subject_id: subjectId,
      effect,
      capabilities,
      pattern,
      conditions: null,
      created_at: now,
      created_by: null,
      secret_id: null,
    }),
  );

describe('every call', () => {
  it('is on record once, with its request id, whatever becomes of it', async () => {
    const reader = await user('grace', 'reader');
    const before = entries().length;
    await session.secrets.write({ ...at, value: 'v' });
    const grace = parts.as('grace', { ip: '192.0.2.7', userAgent: 'tests/1', sessionId: 'sid' });
    await grace.secrets.read(at);
    await grace.secrets.write({ ...at, value: 'w' }).catch(() => undefined);
    await grace.secrets.read({ ...at, path: 'none' }).catch(() => undefined);
    await grace.secrets.read({ ...at, path: '../x' }).catch(() => undefined);
    const made = entries().slice(before);
    expect(
      made.map((entry) => [entry.action, entry.outcome, entry.reason, entry.decision]),
    ).toEqual([
      ['secrets.write', 'ok', undefined, 'allow'],
      ['secrets.read', 'ok', undefined, 'allow'],
      ['secrets.write', 'denied', 'denied', 'deny'],
      ['secrets.read', 'failed', 'secret_not_found', 'allow'],
      ['secrets.read', 'failed', 'invalid_name', undefined],
    ]);
    expect(new Set(made.map(({ request }) => request)).size).toBe(5);
    const [, read, denied] = made;
    expect(read).toMatchObject({
      actor: reader,
      actor_name: 'grace',
      actor_kind: 'user',
      ip: '192.0.2.7',
      user_agent: 'tests/1',
      face: 'library',
      workspace: 'default',
      environment: 'production',
      path: 'db/password',
      version: 1,
      rule: expect.any(String) as string,
    });
    expect(read?.workspace_id).toMatch(/^[0-9a-f-]{36}$/);
    expect(read?.environment_id).toMatch(/^[0-9a-f-]{36}$/);
    expect(read?.session).toMatch(/^[\w-]{22}$/);
    expect(denied?.path).toBe('db/password');
    expect(denied?.rule).toBeUndefined();
  });

  it('that is denied says its request id, under which it is on record', async () => {
    await user('grace', 'reader');
    const error: unknown = await parts
      .as('grace')
      .secrets.delete(at)
      .catch((failure: unknown) => failure);
    expect(error).toMatchObject({
      code: 'denied',
      details: { capability: 'delete', resource: 'default/production/db/password' },
    });
    const { request } = (error as StrongroomError).details;
    const [entry, ...more] = entries().filter((each) => each.request === request);
    expect(more).toEqual([]);
    expect(entry).toMatchObject({ outcome: 'denied', actor_name: 'grace', decision: 'deny' });
  });

  it('whose input is not valid is on record without any of it', async () => {
    const before = entries().length;
    const marker = 'marker-of-bad-input';
    for (const input of [
      { environment: 'production', path: marker, value: 7 },
      { environment: marker.toUpperCase(), path: 'a', value: 'v' },
      { environment: 'production', path: `${marker} `, value: marker },
      { environment: 'production', path: 'a', value: 'v', [marker]: 1 },
      { environment: 'production', path: 'a', value: 'v', tags: [`${marker}\n`] },
    ]) {
      const error: unknown = await session.secrets
        .write(input as never)
        .catch((failure: unknown) => failure);
      expect(JSON.stringify([error, String(error)]).toLowerCase()).not.toContain(marker);
    }
    const made = entries().slice(before);
    expect(made.length).toBe(5);
    expect(JSON.stringify(made).toLowerCase()).not.toContain(marker);
    expect(made.every(({ outcome, path }) => outcome === 'failed' && path === undefined)).toBe(
      true,
    );
  });

  it('shares no commit with more than 256 entries, so that many secrets at once hold nobody up for long', async () => {
    const paths = Array.from({ length: 100 }, (_, n) => `many/${n}`);
    for (const path of paths) await session.secrets.write({ ...at, path, value: path });
    const before = commits;
    const { environment } = at;
    const reads = paths.slice(0, 7).map(() => session.secrets.readMany({ environment, paths }));
    const last = session.secrets.read({ ...at, path: 'many/7' });
    // Of 101 entries each: three in a transaction, and the single read with the seventh.
    for (const { secrets } of await Promise.all(reads)) {
      expect(secrets.map(({ path }) => path)).toEqual(paths);
    }
    expect(await last).toMatchObject({ path: 'many/7' });
    expect(commits).toBe(before + 3);
  });

  it('shares its commit with whatever arrives in the same turn, also with those that fail', async () => {
    await session.secrets.write({ ...at, value: 'v' });
    const before = commits;
    const settled = await Promise.allSettled([
      ...Array.from({ length: 30 }, () => session.secrets.read(at)),
      session.secrets.read({ ...at, path: 'none' }),
      session.secrets.create({ ...at, value: 'w' }),
      parts.as('stranger').secrets.read(at),
      session.secrets.write({ ...at, value: 'w' }),
      session.secrets.read({ ...at, version: 2 }),
    ]);
    expect(commits).toBe(before + 1);
    expect(settled.slice(30).map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
  });

  it('sees what the call before it in the same cohort did, and nothing of one that failed', async () => {
    const [written, failed, read] = await Promise.allSettled([
      session.secrets.write({ ...at, value: 'one' }),
      session.secrets.import({
        environment: 'production',
        secrets: [
          { path: 'half', value: 'v' },
          { path: 'too-large', value: 'x'.repeat(2 ** 20 + 1) },
        ],
      }),
      session.secrets.list({ environment: 'production' }),
    ]);
    expect(written.status).toBe('fulfilled');
    expect(failed.status).toBe('rejected');
    expect(read.status === 'fulfilled' && read.value.secrets.map(({ path }) => path)).toEqual([
      'db/password',
    ]);
  });

  it('is invalid_input, on record once, if its input cannot be read', async () => {
    const said = 'what the caller throws';
    const fails = (): never => {
      throw new StrongroomError('storage_full', said);
    };
    const trap = new Proxy({}, { get: fails, ownKeys: fails, getOwnPropertyDescriptor: fails });
    const inputs = [
      Object.defineProperty({ ...at, value: 'v' }, 'path', { get: fails, enumerable: true }),
      { ...at, value: Object.defineProperty({}, 'field', { get: fails, enumerable: true }) },
      { ...at, value: trap },
      trap,
    ];
    for (const input of inputs) {
      const before = entries().length;
      const error: unknown = await session.secrets.write(input as never).catch((e: unknown) => e);
      expect(error).toMatchObject({ code: 'invalid_input' });
      expect(inspect(error)).not.toContain(said);
      expect(entries().slice(before)).toMatchObject([
        { action: 'secrets.write', outcome: 'failed', reason: 'invalid_input' },
      ]);
    }
  });
});

describe('a caller', () => {
  it('that the vault does not know is refused, and told of once a minute with a count', async () => {
    const before = entries().length;
    const stranger = parts.as('mallory', { ip: '203.0.113.9' });
    for (let n = 0; n < 25; n += 1) {
      await expect(stranger.secrets.read(at)).rejects.toMatchObject({ code: 'principal_unknown' });
    }
    expect(entries().slice(before)).toMatchObject([
      { reason: 'principal_unknown', outcome: 'denied', count: 1, ip: '203.0.113.9' },
    ]);
    now += 60_000;
    await session.health.read();
    const made = entries().slice(before);
    expect(made.map(({ count }) => count)).toEqual([1, 24, undefined]);
    expect(JSON.stringify(made)).not.toContain('mallory');
    expect(new Set(made.map(({ request }) => request)).size).toBe(3);
  });

  it('that the vault did not know is told of when the vault is closed, at the latest', async () => {
    const stranger = parts.as('mallory');
    for (let n = 0; n < 3; n += 1) await stranger.health.read().catch(() => undefined);
    await parts.vault.close();
    expect(entries().slice(-2)).toMatchObject([
      { reason: 'principal_unknown', count: 2 },
      { action: 'vault.seal' },
    ]);
  });

  it('is narrowed by can, never widened', async () => {
    await session.secrets.write({ ...at, value: 'v' });
    const narrow = parts.as(OWNER, { can: ['read'] });
    await expect(narrow.secrets.read(at)).resolves.toBeDefined();
    await expect(narrow.secrets.write({ ...at, value: 'w' })).rejects.toMatchObject({
      code: 'denied',
    });
    await expect(narrow.secrets.list()).rejects.toMatchObject({ code: 'denied' });
    await expect(parts.as(OWNER, { can: [] }).secrets.read(at)).rejects.toMatchObject({
      code: 'denied',
    });
    expect(await parts.as(OWNER, { can: [] }).workspaces.list()).toEqual([]);
    await user('grace', 'reader');
    const wide = parts.as('grace', { can: ['read', 'write', 'admin'] });
    await expect(wide.secrets.write({ ...at, value: 'w' })).rejects.toMatchObject({
      code: 'denied',
    });
  });

  it('is named, and says of itself only text', () => {
    for (const principal of ['', undefined, null, 7, {}]) {
      expect(() => parts.as(principal as never)).toThrow(TypeError);
    }
    for (const context of [{ ip: 7 }, { userAgent: {} }, { sessionId: ['s'] }, { ip: null }]) {
      expect(() => parts.as(OWNER, context as never)).toThrow(TypeError);
    }
  });

  it('cannot make an entry longer than is allowed, nor one that is no JSON', async () => {
    const long = parts.as(OWNER, {
      ip: 'i'.repeat(100_000),
      userAgent: `"\\\u0000\n\ud800${'u'.repeat(100_000)}`,
      sessionId: 's'.repeat(100_000),
    });
    await long.health.read();
    const last = entries().at(-1);
    expect(last?.ip?.length).toBe(1024);
    expect(last?.user_agent?.startsWith('"\\\u0000\n\ufffd')).toBe(true);
    expect(Buffer.byteLength(JSON.stringify(last))).toBeLessThan(65_536);
  });
});

/** Counts how often all grants are read. */
function countReads(store: Store, counting: { reads: number }): Store {
  const counted = (transaction: Transaction): Transaction => ({
    ...transaction,
    all: (statement, parameters) => {
      const { sql } = statement.compile(sqliteDialect);
      if (sql.endsWith('from "grants"')) counting.reads += 1;
      return transaction.all(statement, parameters);
    },
  });
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'write' || name === 'read') {
        return (work: (transaction: Transaction) => Promise<unknown>) =>
          target[name]((transaction) => work(counted(transaction)));
      }
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

describe('a change of rights', () => {
  it('takes effect on the very next call: a grant, a deny, a role taken, a principal disabled', async () => {
    await session.secrets.write({ ...at, value: 'v' });
    const id = await user('grace');
    const grace = parts.as('grace');
    const verdict = (): Promise<string> =>
      grace.secrets.read(at).then(
        () => 'allowed',
        (error: unknown) => (error as { code: string }).code,
      );
    expect(await verdict()).toBe('denied');
    await grant(id, 'allow', 'read', 'default/production/**');
    expect(await verdict()).toBe('allowed');
    await grant(id, 'deny', 'read', '**/password');
    expect(await verdict()).toBe('denied');
    const other = await user('linus', 'reader');
    const linus = parts.as(other);
    await expect(linus.secrets.read(at)).resolves.toBeDefined();
    const row = await parts.store.read((transaction) =>
      transaction.get(
        query((db) => db.selectFrom('principals').selectAll().where('id', '=', other)),
        {},
      ),
    );
    if (row === undefined) throw new TypeError('it was made');
    await parts.write((work) =>
      updateRow(work.transaction, work.mac, PRINCIPALS, { from: row, set: { disabled_at: now } }),
    );
    await expect(linus.secrets.read(at)).rejects.toMatchObject({ code: 'principal_unknown' });
  });

  it('of the database behind its back is refused, not obeyed', async () => {
    await session.secrets.write({ ...at, value: 'v' });
    const id = await user('grace', 'reader');
    const grace = parts.as('grace');
    await expect(grace.secrets.write({ ...at, value: 'w' })).rejects.toMatchObject({
      code: 'denied',
    });
    const writer = await roleId('writer');
    tamper(place, (db) => {
      db.exec(`UPDATE memberships SET parent_id = '${writer}' WHERE member_id = '${id}'`);
      db.exec("UPDATE integrity SET epoch = epoch + 1 WHERE scope = ''");
    });
    await expect(grace.secrets.write({ ...at, value: 'w' })).rejects.toMatchObject({
      code: 'integrity_error',
    });
  });

  it('by taking a rule away behind its back is not obeyed, and refused when the rules are read next', async () => {
    const ids = [await user('grace', 'reader'), await user('alan', 'reader')];
    await session.secrets.write({ ...at, value: 'v' });
    for (const id of ids) await grant(id, 'deny', 'read', 'default/production/**');
    const [grace, alan] = [parts.as('grace'), parts.as('alan')];
    await expect(grace.secrets.read(at)).rejects.toMatchObject({ code: 'denied' });
    tamper(place, (db) => db.exec("DELETE FROM grants WHERE effect = 'deny'"));
    // What was read before is what holds, for alan too, who calls for the first time.
    for (const reader of [grace, alan]) {
      await expect(reader.secrets.read(at)).rejects.toMatchObject({ code: 'denied' });
    }
    await expect(session.audit.verify()).rejects.toMatchObject({ code: 'integrity_error' });
    tamper(place, (db) => db.exec('UPDATE integrity SET epoch = epoch + 1'));
    for (const reader of [grace, alan, session]) {
      await expect(reader.secrets.read(at)).rejects.toMatchObject({ code: 'integrity_error' });
    }
  });

  it('by taking a rule away is not obeyed when other rights change, and is found at the next opening', async () => {
    const id = await user('grace', 'reader');
    await grant(id, 'deny', 'read', 'default/production/**');
    await session.secrets.write({ ...at, value: 'v' });
    tamper(place, (db) => db.exec("DELETE FROM grants WHERE effect = 'deny'"));
    const outcomes = await Promise.allSettled([
      session.workspaces.create({ name: 'payments' }),
      session.secrets.read(at),
      parts.as('grace').secrets.read(at),
    ]);
    expect(outcomes).toMatchObject([
      { status: 'fulfilled' },
      { status: 'fulfilled' },
      { reason: { code: 'denied' } },
    ]);
    await parts.vault.close();
    await expect(openTemporaryVault(place)).rejects.toMatchObject({ code: 'integrity_error' });
    parts = await openParts(place);
    const outcome = parts.as('grace').secrets.read(at);
    await expect(outcome).rejects.toMatchObject({ code: 'integrity_error' });
  });

  it('is followed without reading everything again, until the epoch is not where it should be', async () => {
    const counting = { reads: 0 };
    await parts.vault.close();
    parts = await openParts(place, {
      now: () => now,
      through: (store) => countReads(store, counting),
    });
    session = parts.as(OWNER);
    await session.secrets.write({ ...at, value: 'v' });
    const before = counting.reads;
    for (const name of ['one', 'two', 'three']) await session.workspaces.create({ name });
    await expect(session.workspaces.create({ name: 'three' })).rejects.toThrow();
    expect((await session.workspaces.list()).map(({ name }) => name)).toContain('three');
    expect(counting.reads).toBe(before);
    await user('linus');
    await session.secrets.read(at);
    expect(counting.reads).toBe(before + 1);
  });

  it('behind its back is never anchored in the log, not even by one of 1,024 entries', async () => {
    await session.secrets.write({ ...at, value: 'v' });
    const missing = 1024 - entries().length;
    await Promise.all(Array.from({ length: missing }, () => session.secrets.read(at)));
    const integrity = tamper(place, (db) => storedRows(db, 'integrity'));
    tamper(place, (db) => db.exec('UPDATE integrity SET epoch = epoch + 1'));
    await expect(session.secrets.read(at)).rejects.toMatchObject({ code: 'integrity_error' });
    expect(entries()[1024]).toMatchObject({ outcome: 'failed', reason: 'integrity_error' });
    expect(entries()[1024]?.state).toBeUndefined();
    await parts.vault.close();
    tamper(place, (db) => {
      for (const row of integrity) putRow(db, 'integrity', row);
    });
    const reopened = await openTemporaryVault(place);
    await reopened.close();
  });

  it('is anchored in the log by the entry of the call that made it', async () => {
    const before = entries().filter(({ state }) => state !== undefined).length;
    await session.secrets.write({ ...at, value: 'v' });
    expect(entries().at(-1)?.state).toBeUndefined();
    await session.workspaces.create({ name: 'payments' });
    await session.workspaces.create({ name: 'payments' }).catch(() => undefined);
    const made = entries();
    expect(made.at(-2)?.state).toBeTypeOf('string');
    expect(made.at(-1)?.state).toBeUndefined();
    expect(made.filter(({ state }) => state !== undefined).length).toBe(before + 1);
  });
});

describe('damage in the database', () => {
  const SECRETS = 200;
  const pathOf = (n: number): string => `p${n}`;

  /** Overwrites the leaf page of the versions' table that holds most of the values. */
  async function damage(): Promise<void> {
    const secrets = Array.from({ length: SECRETS }, (_, n) => ({ path: pathOf(n), value: 'v' }));
    await session.secrets.import({ environment: at.environment, secrets });
    await parts.vault.close();
    const pages = tamper(place, (db) => {
      db.exec('COMMIT; PRAGMA wal_checkpoint(TRUNCATE)');
      const found = db
        .prepare("SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = 'versions'")
        .get();
      db.exec('BEGIN');
      return Number(found?.['rootpage']);
    });
    const file = join(place.path, 'vault.db');
    const bytes = readFileSync(file);
    // The first child of the table's root (sqlite.org/fileformat.html, 1.6).
    const root = bytes.subarray((pages - 1) * PAGE, pages * PAGE);
    expect([2, 5]).toContain(root[0]);
    const leaf = root.readUInt32BE(root.readUInt16BE(12));
    bytes.fill(0xff, (leaf - 1) * PAGE, leaf * PAGE);
    writeFileSync(file, bytes);
    parts = await openParts(place, { now: () => now, through: counting });
    session = parts.as(OWNER);
  }

  it('fails the calls that meet it, on record, and no other of their cohort', async () => {
    await damage();
    await session.secrets.list({ environment: at.environment });
    const before = entries().length;
    const outcomes = await Promise.allSettled([
      ...Array.from({ length: SECRETS }, (_, n) =>
        session.secrets.read({ environment: at.environment, path: pathOf(n) }),
      ),
      session.secrets.list({ environment: at.environment }),
    ]);
    const codes = outcomes.map((each) =>
      each.status === 'fulfilled' ? 'ok' : (each.reason as { code: string }).code,
    );
    expect(new Set(codes)).toEqual(new Set(['ok', 'database_corrupt']));
    expect(codes.at(-1)).toBe('ok');
    const made = entries().slice(before);
    expect(made.map(({ reason }) => reason ?? 'ok')).toEqual(codes);
    expect(parts.vault.isBlocked).toBe(false);
  });
});

describe('A88: when the access cannot be put on record', () => {
  const full = (): StrongroomError => new StrongroomError('storage_full', 'no space');

  it('no value leaves, the vault says so, and goes on once it can', async () => {
    await session.secrets.write({ ...at, value: 'v' });
    const before = entries().length;
    failures.push(full());
    const [read, write] = await Promise.allSettled([
      session.secrets.read(at),
      session.secrets.write({ ...at, value: 'w' }),
    ]);
    expect(read).toMatchObject({ status: 'rejected', reason: { code: 'audit_blocked' } });
    expect(write).toMatchObject({ status: 'rejected', reason: { code: 'storage_full' } });
    expect(parts.vault.isBlocked).toBe(true);
    expect(entries().length).toBe(before);
    const again = await session.secrets.read(at);
    expect(again.kind === 'text' && again.value.reveal()).toBe('v');
    expect(parts.vault.isBlocked).toBe(false);
    const made = entries();
    expect(made.map(({ seq }) => seq)).toEqual(made.map((_, seq) => seq));
  });

  it('a change is undone whose entry cannot be written, and its failure is on record', async () => {
    const address = { environment: 'production', path: 'unwritten' };
    const mistake = new TypeError('an entry that cannot be written');
    const record = vi.spyOn(Recorder.prototype, 'record').mockImplementationOnce(() => {
      throw mistake;
    });
    await expect(session.secrets.write({ ...address, value: 'v' })).rejects.toThrow();
    record.mockRestore();
    await expect(session.secrets.read(address)).rejects.toMatchObject({ code: 'secret_not_found' });
    const { entries } = await session.audit.query({ path: address.path });
    expect(entries.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
      'secrets.read failed',
      'secrets.write failed',
    ]);
  });

  it('a workspace that was not kept is not there, and neither are its key and its rights', async () => {
    failures.push(full());
    await expect(session.workspaces.create({ name: 'payments' })).rejects.toMatchObject({
      code: 'storage_full',
    });
    expect((await session.workspaces.list()).map(({ name }) => name)).toEqual(['default']);
    await session.workspaces.create({ name: 'payments' });
    await session.secrets.write({ ...at, workspace: 'payments', value: 'v' });
    await parts.vault.close();
    const reopened = await openTemporaryVault(place);
    await reopened.close();
  });

  it('after an unknown outcome the log is read again, and no number is used twice', async () => {
    await session.secrets.write({ ...at, value: 'v' });
    failures.push(new StrongroomError('outcome_unknown', 'who knows'));
    await expect(session.secrets.write({ ...at, value: 'w' })).rejects.toMatchObject({
      code: 'outcome_unknown',
    });
    await session.secrets.write({ ...at, value: 'x' });
    const made = entries();
    expect(made.map(({ seq }) => seq)).toEqual(made.map((_, seq) => seq));
    await expect(session.audit.verify()).resolves.toMatchObject({ secrets: 1 });
  });
});
