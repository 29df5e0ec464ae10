import { createPrivateKey } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { assignRole, createUser } from '../../domain/access/principals.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { SECRETS } from '../../store/protected-tables.ts';
import { updateRow } from '../../store/rows.ts';
import { query } from '../../store/statement.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../session.ts';

const DAY = 86_400_000;
const environment = 'production';
let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
let clock = Date.UTC(2026, 0, 1);
beforeAll(async () => {
  place = await makeTemporaryVault({ now: () => clock });
  parts = await openParts(place, { now: () => clock });
  session = parts.as(OWNER);
  await join('rotator');
  await join('writer');
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

/** Makes a user who has one role and its name. */
async function join(role: string): Promise<void> {
  const found = await parts.store.read((transaction) =>
    transaction.get(
      query((db) => db.selectFrom('roles').selectAll().where('name', '=', role)),
      {},
    ),
  );
  await parts.write(async (work) => {
    const { id: principalId } = await createUser(work, uuidv7(), role);
    await assignRole(work, { principalId, roleId: found?.id ?? '', workspaceId: null });
  });
}

let made = 0;
const newPath = (): string => `made/KEY_${(made += 1)}`;
const text = async (path: string, more: object = {}): Promise<string> =>
  (await session.secrets.read({ environment, path, ...more })).value?.reveal() ?? '';
const code = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'ok',
    (error: { readonly code?: string }) => error.code,
  );

describe('rotating a secret', () => {
  it('gives it a value of its generator, and keeps the old one as the previous version', async () => {
    const path = newPath();
    await session.secrets.create({ environment, path, value: 'old', generator: 'hex:20' });
    const rotated = await session.secrets.rotate({ environment, path });
    expect(rotated).toMatchObject({ version: 2, previousVersion: 1, entropyBits: 160 });
    expect(Object.keys(rotated)).not.toContain('value');
    expect(await text(path)).toMatch(/^[0-9a-f]{40}$/);
    expect(await text(path, { stage: 'previous' })).toBe('old');
    expect(await text(path, { stage: 'current' })).toBe(await text(path));
    const { versions } = await session.secrets.history({ path });
    expect(versions.map((each) => [each.version, each.isCurrent, each.isPrevious])).toEqual([
      [2, true, false],
      [1, false, true],
    ]);
  });

  it('takes a given value, or another generator this once', async () => {
    const path = newPath();
    await session.secrets.create({ environment, path, value: 'old' });
    await session.secrets.rotate({ environment, path, newValue: 'given' });
    expect(await text(path)).toBe('given');
    await session.secrets.rotate({ environment, path, generator: 'uuid' });
    expect(await text(path)).toMatch(/^[0-9a-f-]{36}$/);
    expect(await text(path, { stage: 'previous' })).toBe('given');
    expect((await session.secrets.describe({ environment, path })).generator).toBeNull();
  });

  it('fails without a generator, for what is not there, and for another version, and changes nothing', async () => {
    const path = newPath();
    await session.secrets.create({ environment, path, value: 'old' });
    expect(await code(session.secrets.rotate({ environment, path }))).toBe('no_generator');
    expect(await code(session.secrets.rotate({ environment, path: 'nothing' }))).toBe(
      'secret_not_found',
    );
    const wrong = { environment, path, generator: 'uuid', cas: 7 };
    expect(await code(session.secrets.rotate(wrong))).toBe('cas_mismatch');
    expect(await code(session.secrets.rotate({ environment, path, generator: 'dice' }))).toBe(
      'invalid_input',
    );
    expect(await session.secrets.describe({ environment, path })).toMatchObject({
      version: 1,
      previousVersion: null,
      rotatedAt: null,
    });
    expect(await text(path)).toBe('old');
  });

  it('makes key pairs, RSA too, as fields, and leaves other fields as they are', async () => {
    const path = newPath();
    await session.secrets.create({
      environment,
      path,
      value: { comment: 'mine', privateKey: 'x' },
    });
    for (const generator of ['rsa:2048', 'ssh:ed25519', 'ec:p384']) {
      await session.secrets.rotate({ environment, path, generator });
      const { fields } = await session.secrets.read({ environment, path });
      const key = createPrivateKey(fields?.['privateKey']?.reveal() ?? '');
      expect(key.type).toBe('private');
      expect(fields?.['publicKey']?.reveal()).toContain('BEGIN PUBLIC KEY');
      expect(fields?.['comment']?.reveal()).toBe('mine');
    }
  });

  it('replaces the password in fields or in a URL, and the user stays', async () => {
    const generator = 'database_credential';
    const fields = newPath();
    const value = { user: 'app', password: 'old' };
    await session.secrets.create({ environment, path: fields, value, generator });
    await session.secrets.rotate({ environment, path: fields });
    const read = await session.secrets.read({ environment, path: fields });
    expect(read.fields?.['user']?.reveal()).toBe('app');
    expect(read.fields?.['password']?.reveal()).toMatch(/^[A-Za-z0-9]{32}$/);
    const url = newPath();
    const from = 'postgres://app:old@db.internal:5432/app?sslmode=require';
    await session.secrets.create({ environment, path: url, value: from, generator });
    await session.secrets.rotate({ environment, path: url });
    expect(await text(url)).toMatch(
      /^postgres:\/\/app:[A-Za-z0-9]{32}@db\.internal:5432\/app\?sslmode=require$/,
    );
    const word = newPath();
    await session.secrets.create({ environment, path: word, value: 'no URL', generator });
    expect(await code(session.secrets.rotate({ environment, path: word }))).toBe('invalid_input');
    expect(await text(word)).toBe('no URL');
  });

  it('keeps what refers to other secrets around a password, and resolves it', async () => {
    const host = newPath();
    const path = newPath();
    await session.secrets.create({ environment, path: host, value: 'db.internal' });
    await session.secrets.create({
      environment,
      path,
      value: `postgres://app:old@\${${host}}/app`,
      references: true,
      generator: 'database',
    });
    for (let round = 0; round < 2; round += 1) {
      await session.secrets.rotate({ environment, path });
      const { value } = await session.secrets.resolve({ environment, path });
      expect(value?.reveal()).toMatch(/^postgres:\/\/app:[A-Za-z0-9]{32}@db\.internal\/app$/);
    }
    expect(await text(path)).toContain('@${');
    // Text that only looks like a reference stays text.
    const plain = newPath();
    const value = `postgres://app:old@\${${host}}/app`;
    await session.secrets.create({ environment, path: plain, value, generator: 'database' });
    await session.secrets.rotate({ environment, path: plain });
    const resolved = await session.secrets.resolve({ environment, path: plain });
    expect(resolved.value?.reveal()).toContain('@${');
  });

  it('replaces all of a password that has @ as it stands, and nothing of what only looks so', async () => {
    const generator = 'database';
    const urls = [
      ['postgres://app:p@ss@w@host/db?x=a@b', /^postgres:\/\/app:\w{32}@host\/db\?x=a@b$/],
      ['redis://:old@host:6379/0', /^redis:\/\/:\w{32}@host:6379\/0$/],
      ['amqps://app:@host', /^amqps:\/\/app:\w{32}@host$/],
      ['jdbc:mysql://app:old@host?tls=1#a@b', /^jdbc:mysql:\/\/app:\w{32}@host\?tls=1#a@b$/],
    ] as const;
    for (const [value, expected] of urls) {
      const path = newPath();
      await session.secrets.create({ environment, path, value, generator });
      await session.secrets.rotate({ environment, path });
      expect(await text(path)).toMatch(expected);
    }
    for (const value of ['postgres://host/app:old@x', 'postgres://app@h:1@host', 'a b://u:p@h']) {
      const path = newPath();
      await session.secrets.create({ environment, path, value, generator });
      expect(await code(session.secrets.rotate({ environment, path }))).toBe('invalid_input');
      expect(await text(path)).toBe(value);
    }
  });

  it('goes on from the newest version that has a value where the current one was deleted', async () => {
    const url = newPath();
    const value = 'postgres://app:old@host/db';
    await session.secrets.create({ environment, path: url, value, generator: 'database' });
    await session.secrets.write({ environment, path: url, value: 'a mistake' });
    await session.secrets.delete({ environment, path: url, version: 2 });
    await session.secrets.rotate({ environment, path: url });
    expect(await text(url)).toMatch(/^postgres:\/\/app:\w{32}@host\/db$/);
    const fields = newPath();
    await session.secrets.create({
      environment,
      path: fields,
      value: { user: 'app', pin: '1' },
      generator: 'hex:16@pin',
    });
    await session.secrets.update({ environment, path: fields, value: { user: 'x' } });
    await session.secrets.delete({ environment, path: fields, version: 2 });
    await session.secrets.rotate({ environment, path: fields });
    expect(await text(fields, { field: 'user' })).toBe('app');
    expect(await text(fields, { field: 'pin' })).toMatch(/^[0-9a-f]{32}$/);
  });

  it('writes no bare password where no version has a value that it could take its place in', async () => {
    const path = newPath();
    const value = 'postgres://app:old@host/db';
    await session.secrets.create({ environment, path, value, generator: 'database' });
    await session.secrets.delete({ environment, path, version: 1 });
    expect(await code(session.secrets.rotate({ environment, path }))).toBe('secret_deleted');
    expect(await session.secrets.describe({ environment, path })).toMatchObject({ version: 1 });
    expect(await code(session.secrets.rotate({ environment, path, generator: 'hex:16' }))).toBe(
      'ok',
    );
  });

  it('puts one generated value in no place of fields but in the one that is named', async () => {
    const path = newPath();
    const value = { user: 'app', pin: '1' };
    await session.secrets.create({ environment, path, value, generator: 'hex:16' });
    expect(await code(session.secrets.rotate({ environment, path }))).toBe('invalid_input');
    await session.secrets.update({ environment, path, generator: 'hex:16@pin' });
    await session.secrets.rotate({ environment, path });
    expect(await text(path, { field: 'user' })).toBe('app');
    expect(await text(path, { field: 'pin' })).toMatch(/^[0-9a-f]{32}$/);
  });

  it('keeps the rules of the workspace, and refuses a given value that does not', async () => {
    const path = newPath();
    const type = 'password';
    await session.secrets.create({
      environment,
      path,
      value: 'weak',
      type,
      generator: 'text:6:lower',
    });
    await session.settings.write({ name: 'complexity', value: 'strong' });
    try {
      await session.secrets.rotate({ environment, path });
      expect(await text(path)).toMatch(/^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?=.*[^A-Za-z0-9]).{12}$/);
      const given = { environment, path, newValue: 'weak' };
      expect(await code(session.secrets.rotate(given))).toBe('too_weak');
    } finally {
      await session.settings.write({ name: 'complexity', value: null });
    }
  });

  it('is for who may rotate, who is shown nothing and may not read', async () => {
    const path = newPath();
    await session.secrets.create({ environment, path, value: 'old', generator: 'hex:32' });
    const rotator = parts.as('rotator');
    const rotated = await rotator.secrets.rotate({ environment, path });
    const value = await text(path);
    expect(JSON.stringify(rotated)).not.toContain(value);
    expect(rotated).not.toHaveProperty('value');
    expect(await code(rotator.secrets.read({ environment, path }))).toBe('denied');
    expect(await code(rotator.secrets.read({ environment, path, stage: 'previous' }))).toBe(
      'denied',
    );
    expect(await code(rotator.secrets.retire({ environment, path, delete: true }))).toBe('denied');
    expect(await code(parts.as('writer').secrets.rotate({ environment, path }))).toBe('denied');
  });

  it('is on record with its revision and its commitment, and the log agrees with the rows', async () => {
    const path = newPath();
    await session.secrets.create({ environment, path, value: 'old', generator: 'hex:32' });
    await session.secrets.rotate({ environment, path });
    await session.secrets.rollback({ environment, path });
    await session.secrets.retire({ environment, path, delete: true });
    const { entries } = await session.audit.query({ path });
    const rotations = entries.filter(({ action }) => /rotate|rollback|retire/.test(action));
    expect(
      rotations.map(({ action, version, revision, commit }) => [
        action,
        version,
        revision,
        typeof commit,
      ]),
    ).toEqual([
      ['secrets.retire', 2, 5, 'undefined'],
      ['secrets.rollback', 3, 3, 'string'],
      ['secrets.rotate', 2, 2, 'string'],
    ]);
    await expect(session.audit.verify()).resolves.toBeDefined();
  });

  it('A64 has one winner of 50 at once that name the same version', async () => {
    const path = newPath();
    await session.secrets.create({ environment, path, value: 'old', generator: 'hex:32' });
    for (let round = 1; round <= 4; round += 1) {
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, () =>
          code(session.secrets.rotate({ environment, path, cas: round })),
        ),
      );
      expect(outcomes.filter((outcome) => outcome === 'ok')).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === 'cas_mismatch')).toHaveLength(49);
    }
    expect((await session.secrets.describe({ environment, path })).version).toBe(5);
  });
});

describe('the previous version', () => {
  it('is still there after the vault was closed and opened again', async () => {
    const path = newPath();
    await session.secrets.create({ environment, path, value: 'old' });
    await session.secrets.rotate({ environment, path, newValue: 'new' });
    await parts.vault.close();
    parts = await openParts(place, { now: () => clock });
    session = parts.as(OWNER);
    expect(await text(path, { stage: 'previous' })).toBe('old');
  });

  it('comes back as a new version, and so does any other that is asked for', async () => {
    const path = newPath();
    await session.secrets.create({ environment, path, value: 'one' });
    await session.secrets.rotate({ environment, path, newValue: 'two' });
    expect(await session.secrets.rollback({ environment, path })).toMatchObject({
      version: 3,
      previousVersion: 2,
    });
    expect(await text(path)).toBe('one');
    await session.secrets.rollback({ environment, path, version: 2 });
    expect(await text(path)).toBe('two');
    const now = { environment, path, version: 4 };
    expect(await code(session.secrets.rollback(now))).toBe('invalid_input');
    expect(await code(session.secrets.rollback({ ...now, version: 9 }))).toBe('version_not_found');
  });

  it('is none after it was retired, and deleted only where that was asked for', async () => {
    const path = newPath();
    await session.secrets.create({ environment, path, value: 'one' });
    expect(await code(session.secrets.retire({ environment, path }))).toBe('version_not_found');
    await session.secrets.rotate({ environment, path, newValue: 'two' });
    expect(await session.secrets.retire({ environment, path })).toMatchObject({
      retiredVersion: 1,
      previousVersion: null,
    });
    expect(await code(text(path, { stage: 'previous' }))).toBe('version_not_found');
    expect(await code(session.secrets.rollback({ environment, path }))).toBe('version_not_found');
    expect(await text(path, { version: 1 })).toBe('one');
    await session.secrets.rotate({ environment, path, newValue: 'three' });
    await session.secrets.retire({ environment, path, delete: true });
    expect(await code(text(path, { version: 2 }))).toBe('secret_deleted');
    expect(await text(path)).toBe('three');
  });

  it('ends also where that version was deleted before', async () => {
    const path = newPath();
    await session.secrets.create({ environment, path, value: 'one' });
    await session.secrets.rotate({ environment, path, newValue: 'two' });
    await session.secrets.delete({ environment, path, version: 1 });
    expect(await session.secrets.retire({ environment, path, delete: true })).toMatchObject({
      retiredVersion: 1,
      previousVersion: null,
    });
    expect(await code(text(path, { version: 1 }))).toBe('secret_deleted');
    await expect(session.audit.verify()).resolves.toBeDefined();
  });
});

describe('policies', () => {
  it('say when a secret is due: from when the policy was set, then from each rotation', async () => {
    const path = newPath();
    clock = Date.UTC(2026, 1, 1);
    const described = (): Promise<object> => session.secrets.describe({ environment, path });
    await session.secrets.create({
      environment,
      path,
      value: 'v',
      rotation: 'auto_30_days',
      generator: 'uuid',
    });
    expect(await described()).toMatchObject({
      rotation: 'auto_30_days',
      rotationDueAt: '2026-03-03T00:00:00.000Z',
    });
    clock += 10 * DAY;
    await session.secrets.rotate({ environment, path });
    expect(await described()).toMatchObject({
      rotatedAt: '2026-02-11T00:00:00.000Z',
      rotationDueAt: '2026-03-13T00:00:00.000Z',
    });
    clock += 10 * DAY;
    await session.secrets.update({ environment, path, rotation: 'every 15d' });
    expect(await described()).toMatchObject({ rotationDueAt: '2026-02-26T00:00:00.000Z' });
    await session.secrets.update({ environment, path, rotation: 'cron 0 3 1 * *' });
    expect(await described()).toMatchObject({ rotationDueAt: '2026-03-01T03:00:00.000Z' });
    await session.secrets.update({ environment, path, tags: ['other'] });
    expect(await described()).toMatchObject({ rotationDueAt: '2026-03-01T03:00:00.000Z' });
    await session.secrets.update({ environment, path, rotation: 'manual', generator: null });
    expect(await described()).toMatchObject({
      rotation: 'manual',
      rotationDueAt: null,
      generator: null,
    });
    process.env['SECRET_ROTATION_DAYS'] = '7';
    try {
      await session.secrets.update({ environment, path, rotation: 'auto' });
      expect(await described()).toMatchObject({ rotationDueAt: '2026-02-18T00:00:00.000Z' });
    } finally {
      delete process.env['SECRET_ROTATION_DAYS'];
    }
    const never = { environment, path, rotation: 'sometimes' };
    expect(await code(session.secrets.update(never))).toBe('invalid_input');
  });

  it('of other kinds are untouched by days for auto that cannot be read', async () => {
    process.env['SECRET_ROTATION_DAYS'] = 'abc';
    try {
      for (const [rotation, expected] of [
        ['manual', 'ok'],
        ['auto_30_days', 'ok'],
        ['every 15d', 'ok'],
        ['cron 0 3 1 * *', 'ok'],
        ['auto', 'invalid_input'],
      ] as const) {
        const made = { environment, path: newPath(), value: 'v', rotation };
        expect(await code(session.secrets.create(made))).toBe(expected);
        if (expected !== 'ok') continue;
        const { path } = made;
        expect(await code(session.secrets.rotate({ environment, path, newValue: 'n' }))).toBe('ok');
        expect(await code(session.secrets.update({ environment, path, tags: ['t'] }))).toBe('ok');
      }
    } finally {
      delete process.env['SECRET_ROTATION_DAYS'];
    }
  });

  it('A30 make a list that looks at no more than 5,000 secrets for one page', async () => {
    const workspace = 'many';
    await session.workspaces.create({ name: workspace });
    const place = { workspace, environment: 'testing' };
    const secrets = Array.from({ length: 5100 }, (_, n) => ({ path: `s/${n}`, value: 'v' }));
    await session.secrets.import({ ...place, secrets });
    await session.secrets.create({ ...place, path: 'last', value: 'v', rotation: 'every 9d' });
    await parts.write(async (work) => {
      const rows = await work.transaction.all(
        query((db) => db.selectFrom('secrets').selectAll().where('path', 'like', 's/%')),
        {},
      );
      const set = { rotation_policy: 'every 1d', rotation_due_at: clock - 1 };
      for (const from of rows) await updateRow(work.transaction, work.mac, SECRETS, { from, set });
    });
    await parts.write((work) => createUser(work, uuidv7(), 'last'));
    const access = [{ subject: 'user:last', can: ['list'] as const }];
    await session.secrets.update({ ...place, path: 'last', access });
    const input = { ...place, within: '30d' };
    const first = await parts.as('last').secrets.due(input);
    expect(first.secrets).toEqual([]);
    const second = await parts.as('last').secrets.due({ ...input, cursor: first.next });
    expect(second.secrets.map(({ path }) => path)).toEqual(['last']);
    expect(second.next).toBeUndefined();
  });

  it('make a list that goes on where it was, also when what it gave was rotated meanwhile', async () => {
    const workspace = 'turns';
    await session.workspaces.create({ name: workspace });
    const place = { workspace, environment: 'testing' };
    for (const path of ['A', 'B', 'C', 'D']) {
      await session.secrets.create({
        ...place,
        path,
        value: 'v',
        rotation: 'every 1d',
        generator: 'uuid',
      });
    }
    clock += DAY;
    const turns: string[][] = [];
    for (let cursor: string | undefined, isOver = false; !isOver;) {
      const page = await session.secrets.due({ ...place, limit: 2, cursor });
      turns.push(page.secrets.map(({ path }) => path));
      for (const { path } of page.secrets) await session.secrets.rotate({ ...place, path });
      cursor = page.next;
      isOver = cursor === undefined;
    }
    expect(turns.map((each) => each.length)).toEqual([2, 2]);
    expect(turns.flat().toSorted()).toEqual(['A', 'B', 'C', 'D']);
  });

  it('make a list of what is due, the most urgent first, of what the caller may list', async () => {
    clock = Date.UTC(2026, 5, 1);
    const due = [3, 1, 2].map((days) => ({ path: `due/D${days}`, rotation: `every ${days}d` }));
    for (const each of due) {
      await session.secrets.create({ environment: 'testing', ...each, value: 'v', tags: ['due'] });
    }
    await session.secrets.update({ environment: 'testing', path: 'due/D2', generator: 'hex:32' });
    const paths = async (input: object): Promise<readonly string[]> =>
      (await session.secrets.due({ environment: 'testing', ...input })).secrets.map(
        ({ path }) => path,
      );
    expect(await paths({})).toEqual([]);
    expect(await paths({ within: '2d' })).toEqual(['due/D1', 'due/D2']);
    expect(await paths({ within: '7d' })).toEqual(['due/D1', 'due/D2', 'due/D3']);
    expect(await paths({ within: '7d', automatic: true })).toEqual(['due/D2']);
    clock += DAY;
    const [first] = (await session.secrets.due({ environment: 'testing' })).secrets;
    expect(first).toMatchObject({ path: 'due/D1', isOverdue: true, generator: null });
    const page = await session.secrets.due({ environment: 'testing', within: '7d', limit: 2 });
    expect(page.secrets.map(({ path }) => path)).toEqual(['due/D1', 'due/D2']);
    expect(await paths({ within: '7d', cursor: page.next })).toEqual(['due/D3']);
    const strange = { environment: 'testing', cursor: 'x' };
    expect(await code(session.secrets.due(strange))).toBe('invalid_input');
    await parts.write((work) => createUser(work, uuidv7(), 'narrow'));
    const access = [{ subject: 'user:narrow', can: ['list'] as const }];
    await session.secrets.update({ environment: 'testing', path: 'due/D3', access });
    const narrowed = await parts.as('narrow').secrets.due({ environment: 'testing', within: '7d' });
    expect(narrowed.secrets.map(({ path }) => path)).toEqual(['due/D3']);
    await session.secrets.update({ environment: 'testing', path: 'due/D1', active: false });
    await session.secrets.delete({ environment: 'testing', path: 'due/D2' });
    expect(await paths({ within: '7d' })).toEqual(['due/D3']);
    await join('reader');
    const reader = await parts.as('reader').secrets.due({ environment: 'testing', within: '7d' });
    expect(reader.secrets).toHaveLength(1);
    const narrow = parts.as('reader', { can: ['read'] });
    expect(await code(narrow.secrets.due({ environment: 'testing' }))).toBe('denied');
  });
});

describe('a value of another shape than its type has', () => {
  it('is told in the answer, and stored', async () => {
    const path = newPath();
    const value = 'hunter2';
    const made = await session.secrets.create({ environment, path, value, type: 'jwt_secret' });
    expect(made.warnings).toHaveLength(1);
    const fine = { environment, path, newValue: 'x'.repeat(40) };
    expect((await session.secrets.rotate(fine)).warnings).toEqual([]);
    const strange = { environment, path, newValue: 'short' };
    expect((await session.secrets.rotate(strange)).warnings).toHaveLength(1);
    expect(await text(path)).toBe('short');
  });
});

describe('generating a value', () => {
  it('gives it and stores nothing', async () => {
    const made = await session.secrets.generate({ generator: 'password' });
    expect(made).toMatchObject({ generator: 'password:24' });
    expect(made.value?.reveal()).toHaveLength(24);
    expect(made.entropyBits).toBeGreaterThan(140);
    const pair = await session.secrets.generate({ generator: 'rsa:2048' });
    expect(pair.fields?.['privateKey']?.reveal()).toContain('BEGIN PRIVATE KEY');
    expect(await code(session.secrets.generate({ generator: 'certificate' }))).toBe(
      'invalid_input',
    );
  });
});
