import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { assignRole, createUser } from '../domain/access/principals.ts';
import { uuidv7 } from '../lib/ids.ts';
import { SecretValue } from '../secret-value.ts';
import { PRINCIPALS } from '../store/protected-tables.ts';
import { updateRow } from '../store/rows.ts';
import { query } from '../store/statement.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  putRow,
  storedRows,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../testing/temporary-vault.ts';
import type { Session } from './session.ts';

const HOUR = 60 * 60 * 1000;
let now: number;
let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
beforeEach(async () => {
  now = Date.parse('2026-03-01T12:00:00Z');
  place = await makeTemporaryVault();
  parts = await openParts(place, { now: () => now });
  session = parts.as(OWNER);
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

const at = { environment: 'production', path: 'db/password' };
const key = { idempotencyKey: 'key-1' };
const versions = async (): Promise<number> => (await session.secrets.history(at)).versions.length;

async function user(name: string, role: string): Promise<Session> {
  const rows = await parts.store.read((transaction) =>
    transaction.all(
      query((db) => db.selectFrom('roles').selectAll().where('name', '=', role)),
      {},
    ),
  );
  await parts.write(async (work) => {
    const { id } = await createUser(work, uuidv7(), name);
    await assignRole(work, { principalId: id, roleId: rows[0]?.id ?? '', workspaceId: null });
  });
  return parts.as(name);
}

describe('a call that is repeated with its idempotency key', () => {
  it('gets the same answer and changes nothing', async () => {
    const first = await session.secrets.write({ ...at, value: 'v' }, key);
    now += 1000;
    const again = await session.secrets.write({ ...at, value: 'v' }, key);
    expect(again).toEqual(first);
    expect(await versions()).toBe(1);
    await session.secrets.write({ ...at, value: 'w' });
    expect(await session.secrets.write({ ...at, value: 'v' }, key)).toEqual(first);
    expect(await versions()).toBe(2);
  });

  it('is the same call however the value is given, and whatever the order of its members', async () => {
    await session.secrets.write({ ...at, value: { a: 'x', b: Uint8Array.of(1) } }, key);
    await session.secrets.write(
      { value: { b: SecretValue.bytes(Uint8Array.of(1)), a: SecretValue.text('x') }, ...at },
      key,
    );
    expect(await versions()).toBe(1);
  });

  it.each([
    { value: 'w' },
    { value: 'v ' },
    { value: Buffer.from('v') },
    { value: { v: 'v' } },
    { value: 'v', tags: [] },
    { value: 'v', tags: ['a'] },
    { value: 'v', cas: 0 },
    { value: 'v', replace: false },
    { value: 'v', path: 'db/other' },
    { value: 'v', environment: 'staging' },
    { value: 'v', expiresAt: null },
    { value: 'v', description: '' },
  ])('is idempotency_mismatch with another body: %j', async (other) => {
    await session.secrets.write({ ...at, value: 'v' }, key);
    await expect(session.secrets.write({ ...at, ...other }, key)).rejects.toMatchObject({
      code: 'idempotency_mismatch',
    });
    expect(await versions()).toBe(1);
  });

  it('is the call of another principal, operation or workspace, or of another key, by itself', async () => {
    const other = await user('grace', 'writer');
    await session.workspaces.create({ name: 'payments' });
    await session.secrets.write({ ...at, value: 'v' }, key);
    await other.secrets.write({ ...at, value: 'v' }, key);
    expect(await versions()).toBe(2);
    await session.secrets.update({ ...at, value: 'v' }, key);
    expect(await versions()).toBe(3);
    await session.secrets.write({ ...at, workspace: 'payments', value: 'v' }, key);
    await session.secrets.write({ ...at, value: 'v' }, { idempotencyKey: 'key-2' });
    expect(await versions()).toBe(4);
  });

  it('makes one change when both arrive at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => session.secrets.write({ ...at, value: 'v' }, key)),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(await versions()).toBe(1);
  });

  it('is carried out if the first attempt failed', async () => {
    await expect(session.secrets.update({ ...at, value: 'v' }, key)).rejects.toMatchObject({
      code: 'secret_not_found',
    });
    await session.secrets.write({ ...at, value: 'v' });
    await session.secrets.update({ ...at, value: 'v' }, key);
    expect(await versions()).toBe(2);
  });

  it('is known for 24 hours by the clock, and not longer', async () => {
    await session.secrets.write({ ...at, value: 'v' }, key);
    now += 24 * HOUR;
    await session.secrets.write({ ...at, value: 'v' }, key);
    expect(await versions()).toBe(1);
    now += 1;
    await session.secrets.write({ ...at, value: 'v' }, key);
    expect(await versions()).toBe(2);
    expect(tamper(place, (db) => storedRows(db, 'idempotency')).length).toBe(1);
  });

  it('is authorised again, and put on record again', async () => {
    const other = await user('grace', 'writer');
    await other.secrets.write({ ...at, value: 'v' }, key);
    await other.secrets.write({ ...at, value: 'v' }, key);
    const { entries } = await session.audit.query({ actor: 'grace' });
    expect(entries.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
      'secrets.write ok',
      'secrets.write ok',
    ]);
    expect(entries[1]?.version).toBe(1);
    expect(entries[0]?.version).toBeUndefined();
    expect(new Set(entries.map(({ request }) => request)).size).toBe(2);
    const row = await parts.store.read((transaction) =>
      transaction.get(
        query((db) => db.selectFrom('principals').selectAll().where('name', '=', 'grace')),
        {},
      ),
    );
    if (row === undefined) throw new TypeError('it was made');
    await parts.write((work) =>
      updateRow(work.transaction, work.mac, PRINCIPALS, { from: row, set: { disabled_at: 1 } }),
    );
    await expect(other.secrets.write({ ...at, value: 'v' }, key)).rejects.toMatchObject({
      code: 'principal_unknown',
    });
  });

  it('works for changes of what is not a secret', async () => {
    const first = await session.workspaces.create({ name: 'payments' }, key);
    expect(await session.workspaces.create({ name: 'payments' }, key)).toEqual(first);
    await expect(session.workspaces.create({ name: 'billing' }, key)).rejects.toMatchObject({
      code: 'idempotency_mismatch',
    });
    await session.environments.create({ name: 'preview' }, key);
    await session.environments.create({ name: 'preview' }, key);
    const deleted = { idempotencyKey: 'd' };
    await session.secrets.write({ ...at, value: 'v' });
    await session.secrets.delete(at, deleted);
    await session.secrets.delete(at, deleted);
    await session.secrets.undelete(at, deleted);
    await session.secrets.undelete(at, deleted);
  });
});

describe('an idempotency key', () => {
  it('has 1 to 255 characters, or the call is on record as failed', async () => {
    await session.secrets.write({ ...at, value: 'v' }, { idempotencyKey: 'x'.repeat(255) });
    for (const idempotencyKey of ['', 'x'.repeat(256), 7 as never, null as never]) {
      await expect(
        session.secrets.write({ ...at, value: 'v' }, { idempotencyKey }),
      ).rejects.toMatchObject({ code: 'invalid_input' });
    }
    const { entries } = await session.audit.query({ outcome: 'failed' });
    expect(entries.length).toBe(4);
    expect(await versions()).toBe(1);
  });

  it('is refused where the answer goes with what would keep it: a workspace that is deleted', async () => {
    await session.workspaces.create({ name: 'gone' });
    await expect(session.workspaces.delete({ name: 'gone' }, key)).rejects.toMatchObject({
      code: 'invalid_input',
    });
    expect(await session.workspaces.delete({ name: 'gone' })).toMatchObject({ name: 'gone' });
  });

  it('is stored neither in clear nor beside a value or an answer in clear', async () => {
    const marker = 'marker-of-an-idempotency-key';
    await session.secrets.write(
      { ...at, value: 'marker-of-a-value', tags: ['marker-of-an-answer'] },
      { idempotencyKey: marker },
    );
    const [row] = tamper(place, (db) => storedRows(db, 'idempotency'));
    const all = Object.values(row ?? {})
      .map((value) => Buffer.from(value instanceof Uint8Array ? value : String(value)))
      .map((bytes) => bytes.toString('latin1'))
      .join(' ');
    expect(all).toContain('secrets.write');
    expect(all).not.toContain('marker-of');
    expect(all).not.toContain('db/password');
  });

  it('of which an answer was swapped or altered is refused', async () => {
    await session.secrets.write({ ...at, value: 'v' }, { idempotencyKey: 'one' });
    await session.secrets.write({ ...at, value: 'w' }, { idempotencyKey: 'two' });
    const [one, two] = tamper(place, (db) => storedRows(db, 'idempotency'));
    if (one === undefined || two === undefined) throw new TypeError('two rows');
    tamper(place, (db) => {
      putRow(db, 'idempotency', { ...one, answer: two['answer'] ?? null });
      putRow(db, 'idempotency', {
        ...two,
        answer: (two['answer'] as Uint8Array).map((byte, at) => (at === 200 ? byte ^ 1 : byte)),
      });
    });
    for (const [value, idempotencyKey] of [
      ['v', 'one'],
      ['w', 'two'],
    ] as const) {
      await expect(
        session.secrets.write({ ...at, value }, { idempotencyKey }),
      ).rejects.toMatchObject({ code: 'decryption_failed' });
    }
    expect(await versions()).toBe(2);
  });

  it('is one of some 10,000 that a principal keeps: the oldest make room', async () => {
    await session.secrets.write({ ...at, value: 'v' }, { idempotencyKey: 'first' });
    tamper(place, (db) => {
      const [row] = storedRows(db, 'idempotency');
      for (let n = 1; n < 10_000; n += 1) {
        const created_at = Number(row?.['created_at']) + n;
        putRow(db, 'idempotency', { ...row, created_at, key_mac: Buffer.from(`filler ${n}`) });
      }
    });
    now += 20_000;
    const kept = (): number => tamper(place, (db) => storedRows(db, 'idempotency')).length;
    let made = 0;
    // One in 64 looks: that none of 2,000 does happens once in 10^13.
    while (made < 2000 && kept() >= 10_000) {
      made += 1;
      await session.secrets.write({ ...at, value: 'w' }, { idempotencyKey: `more ${made}` });
    }
    expect(kept()).toBe(10_000 + made - 1000);
    await session.secrets.write({ ...at, value: 'w' }, { idempotencyKey: `more ${made}` });
    expect(kept()).toBe(10_000 + made - 1000);
    await session.secrets.write({ ...at, value: 'changed' }, { idempotencyKey: 'first' });
  });

  it('is forgotten a day later, also of whoever calls nothing any more', async () => {
    const other = await user('grace', 'writer');
    await other.secrets.write({ ...at, value: 'v' }, key);
    now += 24 * HOUR;
    await session.tokens.purge();
    expect(tamper(place, (db) => storedRows(db, 'idempotency')).length).toBe(1);
    now += 1;
    expect(await session.tokens.purge()).toMatchObject({ finished: false });
    expect(await session.tokens.purge()).toMatchObject({ finished: true });
    expect(tamper(place, (db) => storedRows(db, 'idempotency')).length).toBe(0);
  });
});
