import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { assignRole, createUser } from '../../domain/access/principals.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { query } from '../../store/statement.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  storedRows,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../session.ts';

const at = { environment: 'production', path: 'db/LOGIN' };

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
beforeEach(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  session = parts.as(OWNER);
  await session.secrets.create({
    ...at,
    value: { user: 'shop', password: 'MARKER-first' },
    tags: ['db', 'core'],
    description: 'the shop',
  });
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

async function fieldsNow(): Promise<Record<string, string>> {
  const read = await session.secrets.read(at);
  const fields = Object.entries(read.fields ?? {});
  return Object.fromEntries(fields.map(([name, value]) => [name, value.reveal()]));
}

describe('fields of a secret', () => {
  it('are changed, added and removed one by one, as new versions', async () => {
    await session.secrets.update({ ...at, value: { password: 'second' } });
    expect(await fieldsNow()).toEqual({ user: 'shop', password: 'second' });
    await session.secrets.update({ ...at, value: { host: 'db1' }, removeFields: ['user'] });
    expect(await fieldsNow()).toEqual({ password: 'second', host: 'db1' });
    const { version } = await session.secrets.update({ ...at, removeFields: ['host'] });
    expect(version).toBe(4);
    expect(await fieldsNow()).toEqual({ password: 'second' });
  });

  it('are not removed where they are not, and never all of them', async () => {
    const remove = (removeFields: string[]): Promise<unknown> =>
      session.secrets.update({ ...at, removeFields });
    await expect(remove(['host'])).rejects.toMatchObject({ code: 'field_not_found' });
    await expect(remove(['user', 'password'])).rejects.toMatchObject({ code: 'invalid_input' });
    await session.secrets.create({ environment: 'production', path: 'one', value: 'text' });
    await expect(
      session.secrets.update({ environment: 'production', path: 'one', removeFields: ['user'] }),
    ).rejects.toMatchObject({ code: 'field_not_found' });
    expect(await fieldsNow()).toEqual({ user: 'shop', password: 'MARKER-first' });
  });
});

describe('what is said about a secret', () => {
  it('is changed one thing at a time, while all else stays', async () => {
    await session.secrets.update({ ...at, usage: 'checkout' });
    await session.secrets.update({
      ...at,
      metadata: { ticket: 'OPS-17', nested: { a: [1, null] } },
    });
    await session.secrets.update({ ...at, metadata: { ticket: null, team: 'core' } });
    await session.secrets.update({ ...at, owner: OWNER });
    await session.secrets.update({ ...at, addTags: ['shop'], removeTags: ['db'] });
    await session.secrets.update({ ...at, expiresAt: '2030-01-01T00:00:00Z' });
    expect(await session.secrets.describe(at)).toMatchObject({
      version: 1,
      description: 'the shop',
      usage: 'checkout',
      metadata: { nested: { a: [1, null] }, team: 'core' },
      ownerName: OWNER,
      tags: ['core', 'shop'],
      expiresAt: '2030-01-01T00:00:00.000Z',
    });
    await session.secrets.update({ ...at, owner: null, usage: '', expiresAt: null });
    expect(await session.secrets.describe(at)).toMatchObject({
      ownerName: null,
      usage: undefined,
      expiresAt: null,
    });
  });

  it('is kept as it was for every moment that is over', async () => {
    await session.secrets.update({ ...at, usage: 'checkout' });
    await session.secrets.update({ ...at, active: false });
    const states = tamper(place, (db) => storedRows(db, 'secret_states'));
    expect(states).toHaveLength(2);
    expect(await session.audit.verify()).toMatchObject({});
  });

  it('does not change without anything to change, nor for an owner whom nobody knows', async () => {
    await expect(session.secrets.update({ ...at })).rejects.toMatchObject({
      code: 'invalid_input',
    });
    await expect(session.secrets.update({ ...at, owner: 'stranger' })).rejects.toMatchObject({
      code: 'subject_not_found',
    });
  });

  it('A30 has bounds: 64 members, 16 KiB, names and depth', async () => {
    const put = (metadata: object): Promise<unknown> =>
      session.secrets.update({ ...at, metadata: metadata as never });
    const many = (count: number): object =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, n]));
    let deep: unknown = 1;
    for (let n = 0; n < 100; n += 1) deep = [deep];
    const refused = [
      many(65),
      { a: 'x'.repeat(16 * 1024) },
      { deep },
      { '': 1 },
      { 'a\nb': 1 },
      JSON.parse('{"__proto__":{"polluted":1}}') as object,
      { a: Number.NaN },
      { a: 1n },
      [1],
    ];
    for (const metadata of refused) {
      await expect(put(metadata)).rejects.toMatchObject({ code: 'invalid_input' });
    }
    await put(many(64));
    await expect(put({ more: 1 })).rejects.toMatchObject({ code: 'invalid_input' });
    await put({ more: 1, k0: null });
  });

  it('A84 stands in no error, and in the database only encrypted', async () => {
    const marker = 'MARKER-note-7c1f';
    await session.secrets.update({ ...at, usage: marker, metadata: { note: marker } });
    const refused = session.secrets.update({
      ...at,
      usage: marker,
      metadata: { [`\n${marker}`]: marker },
    });
    const error = await refused.catch((caught: unknown) => caught);
    expect(JSON.stringify(error) + String(error)).not.toContain('MARKER');
    const text = tamper(place, (db) =>
      JSON.stringify([storedRows(db, 'secrets'), storedRows(db, 'audit_entries')]),
    );
    expect(text).not.toContain('MARKER');
  });
});

describe('an inactive secret', () => {
  it('is listed and described, and not given out until it is activated', async () => {
    await session.secrets.read(at);
    await session.secrets.update({ ...at, active: false });
    const refused = {
      code: 'secret_inactive',
      hint: expect.stringContaining('--activate') as string,
    };
    await expect(session.secrets.read(at)).rejects.toMatchObject(refused);
    await expect(session.secrets.read({ ...at, version: 1 })).rejects.toMatchObject(refused);
    await expect(session.secrets.verify({ ...at, candidate: 'x' })).rejects.toMatchObject(refused);
    const { secrets } = await session.secrets.list({ environment: 'production' });
    expect(secrets[0]).toMatchObject({ path: at.path, isActive: false });
    const inEffect = await session.environments.resolve({ environment: 'production' });
    expect(inEffect).toMatchObject({
      secrets: [],
      leftOut: [{ path: at.path, reason: 'inactive' }],
    });
    const only = { environment: 'production', only: [at.path] };
    await expect(session.environments.resolve(only)).rejects.toMatchObject(refused);
    await session.secrets.update({ ...at, active: true });
    expect(await fieldsNow()).toMatchObject({ user: 'shop' });
  });
});

describe('the answer to a change', () => {
  it('says type, tags and owner only to those who may list the secret', async () => {
    await parts.write(async (work) => {
      const rows = await work.transaction.all(
        query((db) => db.selectFrom('roles').selectAll().where('name', '=', 'writer')),
        {},
      );
      const { id: principalId } = await createUser(work, uuidv7(), 'grace');
      await assignRole(work, { principalId, roleId: rows[0]?.id ?? '', workspaceId: null });
    });
    const blind = parts.as('grace', { can: ['write', 'delete'] });
    for (const changed of [
      await blind.secrets.update({ ...at, value: { password: 'x' } }),
      await blind.secrets.delete(at),
      await blind.secrets.undelete(at),
    ]) {
      expect(changed).toMatchObject({ path: at.path });
      expect(Object.keys(changed)).not.toEqual(expect.arrayContaining(['type']));
      expect(Object.keys(changed)).not.toEqual(expect.arrayContaining(['tags']));
    }
    const seeing = await parts.as('grace').secrets.update({ ...at, value: { password: 'y' } });
    expect(seeing).toMatchObject({ type: 'generic', tags: ['core', 'db'] });
  });
});

describe('rules for values', () => {
  const password = { environment: 'production', path: 'PASSWORD', type: 'password' } as const;

  it('hold for passwords where the workspace has them, and name what is missing', async () => {
    await session.secrets.create({ ...password, path: 'before', value: 'weak' });
    await session.settings.write({ name: 'complexity', value: 'strong' });
    const refused = await session.secrets
      .create({ ...password, value: 'MARKERonlyletters' })
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: 'too_weak',
      details: { missing: ['digit', 'special'] },
    });
    expect(String(refused)).not.toContain('MARKER');
    await session.secrets.create({ ...password, value: 'Correct-horse-7' });
    await expect(
      session.secrets.update({ environment: 'production', path: 'PASSWORD', value: 'short' }),
    ).rejects.toMatchObject({ code: 'too_weak' });
    await session.secrets.create({ ...password, path: 'token', type: 'api_key', value: 'weak' });
  });

  it('hold also for imports, for password fields, and for a type that is given later', async () => {
    const rules = { minLength: 8, digit: true, types: ['password', 'database_credential'] };
    await session.settings.write({ name: 'complexity', value: rules });
    const weak = { code: 'too_weak' };
    await expect(
      session.secrets.import({
        environment: 'testing',
        secrets: [{ path: 'P', value: 'abc', type: 'password' }],
      }),
    ).rejects.toMatchObject(weak);
    await expect(
      session.secrets.create({
        environment: 'production',
        path: 'db/MAIN',
        type: 'database_credential',
        value: { user: 'a', password: 'abc' },
      }),
    ).rejects.toMatchObject(weak);
    await session.secrets.create({ environment: 'production', path: 'X', value: 'abc' });
    const retype = { environment: 'production', path: 'X', type: 'password' } as const;
    await expect(session.secrets.update(retype)).rejects.toMatchObject(weak);
    await session.secrets.update({ ...retype, value: 'abcdefg8' });
  });
});
