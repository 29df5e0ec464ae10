import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { limitedUser } from '../../testing/limited-user.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../session.ts';

let now = Date.parse('2026-03-01T12:00:00Z');
let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
let secrets: Session['secrets'];
let since = '';
const staging = { environment: 'staging' };
const production = { environment: 'production' };
const VALUES = [
  'value-of-staging',
  'value-of-production',
  'old-value',
  'same-value',
  'field-value',
];

beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place, { now: () => (now += 10) });
  session = parts.as(OWNER);
  ({ secrets } = session);
  await secrets.create({ ...staging, path: 'f/other', value: 'old-value' });
  await secrets.create({ ...staging, path: 'f/gone', value: 'old-value' });
  since = new Date((now += 1000)).toISOString();
  now += 1000;
  await secrets.delete({ ...staging, path: 'f/gone' });
  await secrets.update({ ...staging, path: 'f/other', value: 'value-of-staging' });
  await secrets.create({ ...production, path: 'f/other', value: 'value-of-production' });
  for (const at of [staging, production]) {
    await secrets.create({ ...at, path: 'f/same', value: 'same-value' });
  }
  await secrets.create({ ...staging, path: 'f/left', value: 'value-of-staging' });
  await secrets.create({ ...production, path: 'f/right', value: 'value-of-production' });
  await secrets.create({
    ...staging,
    path: 'f/fields',
    value: { user: 'field-value', password: 'value-of-staging', extra: 'field-value' },
  });
  await secrets.create({
    ...production,
    path: 'f/fields',
    value: { user: 'field-value', password: 'value-of-production', more: 'field-value' },
  });
  await secrets.create({ ...staging, path: 'f/tagged', value: 'same-value', tags: ['a'] });
  await secrets.create({ ...production, path: 'f/tagged', value: 'same-value', usage: 'why' });
  await session.workspaces.create({ name: 'other' });
  await session.environments.create({ workspace: 'other', name: 'staging' }).catch(() => undefined);
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

const between = { ...staging, toEnvironment: 'production' };

describe('the difference of two environments', () => {
  it('names what is there in one alone and what differs, and never a value', async () => {
    const diff = await secrets.diff({ ...between, path: 'f/' });
    expect(diff.secrets.map(({ path, change }) => [path, change])).toEqual([
      ['f/fields', 'changed'],
      ['f/left', 'removed'],
      ['f/other', 'changed'],
      ['f/right', 'added'],
      ['f/same', 'same'],
      ['f/tagged', 'changed'],
    ]);
    expect(diff.secrets[0]).toMatchObject({
      value: true,
      fields: { added: ['more'], removed: ['extra'], changed: ['password'] },
    });
    expect(diff.secrets[5]).toMatchObject({ value: false, attributes: ['tags', 'usage'] });
    for (const value of VALUES) expect(JSON.stringify(diff)).not.toContain(value);
  });

  it('gives values only when asked, of what differs, each on record', async () => {
    const diff = await secrets.diff({ ...between, path: 'f/', show: true });
    const shown = diff.secrets.filter(({ valueBefore }) => valueBefore !== undefined);
    expect(shown.map(({ path }) => path)).toEqual(['f/fields', 'f/other']);
    expect(shown[1]?.valueBefore?.value?.reveal()).toBe('value-of-staging');
    expect(shown[1]?.valueAfter?.value?.reveal()).toBe('value-of-production');
    const { entries } = await session.audit.query({ limit: 4, action: 'secrets.read' });
    expect(entries.map(({ environment, path, version }) => [environment, path, version])).toEqual([
      ['production', 'f/other', 1],
      ['staging', 'f/other', 2],
      ['production', 'f/fields', 1],
      ['staging', 'f/fields', 1],
    ]);
  });

  it('puts each secret on record that was compared, on both sides, and nothing else', async () => {
    const recorded = async (who: Session, path: string): Promise<unknown> => {
      const { length } = (await session.audit.query({ action: 'secrets.diff' })).entries;
      await who.secrets.diff({ ...between, path });
      const { entries } = await session.audit.query({ action: 'secrets.diff' });
      return entries
        .slice(0, entries.length - length)
        .toReversed()
        .map(({ environment, path, version, secret_id: id, detail }) =>
          [environment, path, version, id === undefined ? '' : 'id', detail].join(' '),
        );
    };
    const both = (path: string, versions: readonly [number, number]): readonly string[] => [
      `staging ${path} ${versions[0]} id compared`,
      `production ${path} ${versions[1]} id compared`,
    ];
    const own = (path: string): string => `staging ${path}   with production`;
    expect(await recorded(session, 'f/')).toEqual([
      own(''),
      ...both('f/fields', [1, 1]),
      ...both('f/other', [2, 1]),
      ...both('f/same', [1, 1]),
      ...both('f/tagged', [1, 1]),
    ]);
    expect(await recorded(session, 'f/same')).toEqual([own('f/same'), ...both('f/same', [1, 1])]);
    // Who may read one side alone compares nothing.
    for (const side of ['staging', 'production']) {
      const one = await limitedUser(
        parts,
        ['list', 'default/*/f/**'],
        ['read', `default/${side}/f/**`],
      );
      expect(await recorded(one, 'f/')).toEqual([own('')]);
      const { secrets: found } = await one.secrets.diff({ ...between, path: 'f/same' });
      expect(found).toMatchObject([{ change: 'unknown' }]);
    }
    // A version is the same as itself without being looked at.
    const from = new Date(now).toISOString();
    await secrets.diff({ ...staging, path: 'f/same', from });
    expect((await session.audit.query({ action: 'secrets.diff', limit: 1 })).entries).toMatchObject(
      [{ path: 'f/same', detail: `from ${from}` }],
    );
    await secrets.diff({ ...staging, path: 'f/other', version: 1 });
    const { entries } = await session.audit.query({ action: 'secrets.diff', limit: 2 });
    expect(entries.map(({ version }) => version)).toEqual([2, 1]);
  });

  it('is told where the same text came to stand for other secrets', async () => {
    const value = '${f/same}';
    await secrets.create({ ...staging, path: 'refers', value, references: true });
    await secrets.create({ ...production, path: 'refers', value });
    const { secrets: found } = await secrets.diff({ ...between, path: 'refers' });
    expect(found).toMatchObject([{ change: 'changed', value: true, attributes: ['references'] }]);
    await secrets.update({ ...production, path: 'refers', value, references: true });
    expect((await secrets.diff({ ...between, path: 'refers' })).secrets).toMatchObject([
      { change: 'same', value: false, attributes: [] },
    ]);
    expect(
      (await secrets.diff({ ...production, path: 'refers', version: 1 })).secrets,
    ).toMatchObject([{ change: 'changed', value: true, attributes: ['references'] }]);
  });

  it('of one secret reads no other whose path begins with its name', async () => {
    const { id } = await secrets.create({ ...staging, path: 'f/other/deep', value: 'v' });
    const spoil = (by: string): void =>
      tamper(place, (db) => {
        db.prepare('UPDATE secrets SET tags = ? WHERE id = ?').run(by, id);
      });
    spoil('["spoilt"]');
    const one = { ...between, path: 'f/other' };
    expect((await secrets.diff(one)).secrets).toMatchObject([{ path: 'f/other' }]);
    const past = { ...staging, path: 'f/other', from: new Date(now).toISOString() };
    expect((await secrets.diff(past)).secrets).toMatchObject([{ path: 'f/other' }]);
    spoil('[]');
    await secrets.delete({ ...staging, path: 'f/other/deep' });
    await secrets.destroy({ ...staging, path: 'f/other/deep', all: true });
  });

  it('does not show what is inactive', async () => {
    await secrets.update({ ...production, path: 'f/other', active: false });
    const { secrets: found } = await secrets.diff({ ...between, path: 'f/other', show: true });
    expect(found[0]).toMatchObject({ value: true });
    expect(found[0]?.valueBefore).toBeUndefined();
    // Nor is it told what it is the same as, but to those who could activate it.
    const reader = await limitedUser(parts, ['list read', 'default/*/f/**']);
    expect((await reader.secrets.diff({ ...between, path: 'f/other' })).secrets).toMatchObject([
      { change: 'unknown', attributes: [] },
    ]);
    await secrets.update({ ...production, path: 'f/other', value: 'value-of-production' });
    await expect(
      reader.secrets.diff({ ...production, path: 'f/other', version: 1 }),
    ).rejects.toMatchObject({ code: 'secret_inactive' });
    await secrets.update({ ...production, path: 'f/other', active: true });
  });

  it('compares nothing for those who may only list, and shows nothing that may not be listed', async () => {
    const lists = await limitedUser(parts, ['list', 'default/*/f/*']);
    const { secrets: found } = await lists.secrets.diff({ ...between, path: 'f/' });
    expect(new Set(found.map(({ change }) => change))).toEqual(
      new Set(['unknown', 'added', 'removed']),
    );
    await expect(lists.secrets.diff({ ...between, path: 'f/', show: true })).rejects.toMatchObject({
      code: 'denied',
    });
    for (const [readable, other] of [
      ['staging', 'production'],
      ['production', 'staging'],
    ] as const) {
      const half = await limitedUser(
        parts,
        ['list', 'default/*/f/*'],
        ['read', `default/${readable}/f/*`],
        ['read', `default/${other}/f/fields`],
      );
      const shown = half.secrets.diff({ ...between, path: 'f/', show: true });
      await expect(shown).rejects.toMatchObject({
        code: 'denied',
        details: { capability: 'read', resource: `default/${other}/f/other` },
      });
    }
    const one = await limitedUser(parts, ['list read', 'default/*/f/same']);
    expect((await one.secrets.diff({ ...between, path: 'f/' })).secrets).toMatchObject([
      { path: 'f/same', change: 'same' },
    ]);
  });
});

describe('the difference of two versions, and of two moments', () => {
  it('is told of versions', async () => {
    const one = { ...staging, path: 'f/other', version: 1 };
    expect((await secrets.diff(one)).secrets).toMatchObject([
      { path: 'f/other', change: 'changed', before: 1, after: 2, value: true },
    ]);
    expect((await secrets.diff({ ...one, toVersion: 1 })).secrets).toMatchObject([
      { change: 'same' },
    ]);
    await expect(secrets.diff({ ...one, version: 9 })).rejects.toMatchObject({
      code: 'version_not_found',
    });
  });

  it('is told of moments', async () => {
    const { secrets: found } = await secrets.diff({ ...staging, path: 'f/', from: since });
    expect(found.map(({ path, change }) => `${path} ${change}`)).toEqual([
      'f/fields added',
      'f/gone removed',
      'f/left added',
      'f/other changed',
      'f/same added',
      'f/tagged added',
    ]);
    const shown = await secrets.diff({ ...staging, path: 'f/other', from: since, show: true });
    expect(shown.secrets[0]?.valueBefore?.value?.reveal()).toBe('old-value');
  });

  it('A36 compares nothing of the past of what may not be read where it is now', async () => {
    const input = { ...staging, path: 'f/moved' };
    await secrets.create({ ...input, value: 'old-value' });
    const from = new Date((now += 1000)).toISOString();
    await secrets.update({ ...input, value: 'value-of-staging' });
    const to = new Date((now += 1000)).toISOString();
    now += 1000;
    await secrets.move({ ...input, toEnvironment: 'production' });
    const who = await limitedUser(
      parts,
      ['list', 'default/*/f/**'],
      ['read', 'default/staging/f/**'],
    );
    for (const [session, change] of [
      [parts.as(OWNER), 'changed'],
      [who, 'unknown'],
    ] as const) {
      const { secrets: found } = await session.secrets.diff({ ...input, from, to });
      expect(found).toMatchObject([{ path: 'f/moved', change }]);
    }
  });

  it('needs something to compare with', async () => {
    for (const input of [
      { ...staging },
      { ...staging, version: 1 },
      { ...staging, path: 'f/', version: 1 },
      { ...between, path: 'f/other', version: 1 },
      { ...staging, path: 'f/other', version: 1, toWorkspace: 'other' },
      { ...staging, path: 'f/other', version: 1, toWorkspace: 'default' },
    ]) {
      await expect(secrets.diff(input)).rejects.toMatchObject({ code: 'invalid_input' });
    }
  });
});
