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
import type { AuditEntry } from '../../domain/audit/entry.ts';
import type { Session } from '../session.ts';

let now = Date.parse('2026-03-01T12:00:00Z');
let isStill = false;
let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
let secrets: Session['secrets'];
beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place, { now: () => (isStill ? now : (now += 10)) });
  session = parts.as(OWNER);
  ({ secrets } = session);
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

const staging = { environment: 'staging' };
const production = { environment: 'production' };
let count = 0;
const fresh = (): string => {
  count += 1;
  return `t${count}`;
};
const moment = (): string => {
  now += 1000;
  return new Date(now - 500).toISOString();
};

async function clear(input: Parameters<Session['secrets']['read']>[0]): Promise<unknown> {
  const read = await secrets.read(input);
  return read.kind === 'fields' ? undefined : read.value.reveal();
}

/** The newest entry of an action. */
async function entryOf(action: string): Promise<AuditEntry> {
  const { entries } = await session.audit.query({ action, limit: 1 });
  const [entry] = entries;
  if (entry === undefined) throw new TypeError(`nothing is on record of ${action}`);
  return entry;
}

/** What a folder has, as `path = value`. */
async function values(environment: string, prefix: string): Promise<readonly string[]> {
  const { secrets: listed } = await secrets.list({ environment, prefix });
  return Promise.all(
    listed.map(async ({ path }) => `${path} = ${String(await clear({ environment, path }))}`),
  );
}

describe('undoing one change', () => {
  it('takes a new value back with a new version that has the old one', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'old' });
    await secrets.update({ ...staging, path, value: 'new', tags: ['t'] });
    const { seq } = await entryOf('secrets.update');
    const tried = await secrets.undo({ change: seq, dryRun: true });
    expect(tried.secrets).toMatchObject([{ path, steps: ['value', 'attributes'], version: 2 }]);
    expect(await clear({ ...staging, path })).toBe('new');
    await secrets.undo({ change: seq });
    expect(await secrets.describe({ ...staging, path })).toMatchObject({ version: 3, tags: [] });
    expect(await clear({ ...staging, path })).toBe('old');
    expect(await clear({ ...staging, path, version: 2 })).toBe('new');
    await session.audit.verify({});
  });

  it('takes back that references count, though the text is the same', async () => {
    const [path, target] = [fresh(), fresh()];
    const value = `\${${target}}`;
    await secrets.create({ ...staging, path: target, value: 'of the target' });
    await secrets.create({ ...staging, path, value });
    await secrets.update({ ...staging, path, value, references: true });
    const { seq } = await entryOf('secrets.update');
    const undone = await secrets.undo({ change: seq });
    expect(undone.secrets).toMatchObject([{ path, steps: ['value'] }]);
    const resolved = await secrets.resolve({ ...staging, path });
    expect(resolved.value?.reveal()).toBe(value);
  });

  it('can itself be undone', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'old', description: 'one' });
    await secrets.move({ ...staging, path, toEnvironment: 'production' });
    await secrets.undo({ change: (await entryOf('secrets.move')).seq });
    expect(await clear({ ...staging, path })).toBe('old');
    await secrets.undo({ change: (await entryOf('secrets.undo')).request });
    expect(await clear({ ...production, path })).toBe('old');
    expect(await secrets.describe({ ...production, path })).toMatchObject({ description: 'one' });
    await session.audit.verify({});
  });

  it('is refused once the same secret was changed since, and says how else', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'one' });
    await secrets.update({ ...staging, path, value: 'two' });
    const { seq } = await entryOf('secrets.update');
    await secrets.update({ ...staging, path, value: 'three' });
    await expect(secrets.undo({ change: seq })).rejects.toMatchObject({
      code: 'undo_conflict',
      hint: expect.stringContaining('undo --since') as string,
    });
    expect(await clear({ ...staging, path })).toBe('three');
  });

  it('takes changes back one after another, the newest first', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'one' });
    const changes: number[] = [];
    for (const change of [{ value: 'two' }, { tags: ['t'] }, { value: 'three' }]) {
      await secrets.update({ ...staging, path, ...change });
      changes.push((await entryOf('secrets.update')).seq);
    }
    const blind = await limitedUser(parts, ['list write rotate', 'default/staging/**']);
    const [first = 0, second = 0, third = 0] = changes;
    await secrets.undo({ change: third });
    await expect(secrets.undo({ change: first })).rejects.toMatchObject({ code: 'undo_conflict' });
    await secrets.undo({ change: second });
    await expect(blind.secrets.undo({ change: first })).rejects.toMatchObject({
      code: 'undo_conflict',
    });
    const { secrets: undone } = await secrets.undo({ change: first });
    expect(undone).toMatchObject([{ path, steps: ['value'] }]);
    expect(await clear({ ...staging, path })).toBe('one');
    expect(await secrets.describe({ ...staging, path })).toMatchObject({ tags: [] });
    await session.audit.verify({});
  });

  it('puts each comparison of values on record, also if it is only tried', async () => {
    const [same, other] = [fresh(), fresh()];
    for (const path of [same, other]) await secrets.create({ ...staging, path, value: 'a' });
    const since = moment();
    for (const path of [same, other]) await secrets.update({ ...staging, path, value: 'b' });
    await secrets.update({ ...staging, path: same, value: 'a' });
    await secrets.rewind({ ...staging, since, dryRun: true });
    for (const path of [same, other]) {
      const { entries } = await session.audit.query({ ...staging, path, limit: 1 });
      expect(entries).toMatchObject([{ action: 'secrets.diff', detail: 'compared' }]);
    }
  });

  it('A35 is one of its workspace, and its key is taken there', async () => {
    const [path, other] = [fresh(), fresh()];
    const elsewhere = { workspace: `w-${path}`, environment: 'production', path: other };
    await session.workspaces.create({ name: elsewhere.workspace });
    await secrets.create({ ...elsewhere, value: 'one' });
    await secrets.update({ ...elsewhere, value: 'two' });
    const { request: theirs } = await entryOf('secrets.update');
    await secrets.create({ ...staging, path, value: 'one' });
    await secrets.update({ ...staging, path, value: 'two' });
    const { request: ours } = await entryOf('secrets.update');
    await expect(secrets.undo({ change: theirs })).rejects.toMatchObject({
      code: 'entry_not_found',
    });
    expect(await clear(elsewhere)).toBe('two');
    const key = { idempotencyKey: 'of two workspaces' };
    await secrets.undo({ change: ours }, key);
    await secrets.undo({ workspace: elsewhere.workspace, change: theirs }, key);
    expect(await clear(elsewhere)).toBe('one');
    expect(await entryOf('secrets.undo')).toMatchObject({ workspace: elsewhere.workspace });
  });

  it('is refused for the earlier one of two changes of one millisecond', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'one' });
    isStill = true;
    await secrets.update({ ...staging, path, value: 'two' });
    const { seq } = await entryOf('secrets.update');
    await secrets.update({ ...staging, path, tags: ['second'] });
    isStill = false;
    await expect(secrets.undo({ change: seq })).rejects.toMatchObject({ code: 'undo_conflict' });
    expect(await clear({ ...staging, path })).toBe('two');
  });

  it('is refused where two changes of one millisecond cannot be told apart', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'one' });
    isStill = true;
    await secrets.update({ ...staging, path, tags: ['first'] });
    await secrets.update({ ...staging, path, value: 'two' });
    isStill = false;
    const { seq } = await entryOf('secrets.update');
    await expect(secrets.undo({ change: seq })).rejects.toMatchObject({
      code: 'undo_conflict',
      message: expect.stringContaining('more than once'),
    });
    expect(await secrets.describe({ ...staging, path })).toMatchObject({ tags: ['first'] });
  });

  it('gives a name back only if it is free', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'one' });
    await secrets.delete({ ...staging, path });
    const { seq } = await entryOf('secrets.delete');
    await secrets.create({ ...staging, path, value: 'other' });
    await expect(secrets.undo({ change: seq })).rejects.toMatchObject({ code: 'secret_exists' });
    await secrets.delete({ ...staging, path });
    await secrets.undo({ change: seq });
    expect(await clear({ ...staging, path })).toBe('one');
  });

  it('knows nothing of entries that are no change, or that the caller may not know of', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'one' });
    const { seq, request } = await entryOf('secrets.create');
    const stranger = await limitedUser(parts, ['list read write delete', 'default/testing/**']);
    for (const change of [seq, request]) {
      await expect(stranger.secrets.undo({ change })).rejects.toMatchObject({
        code: 'entry_not_found',
      });
    }
    await secrets.read({ ...staging, path });
    for (const change of [(await entryOf('secrets.read')).seq, 0, 10 ** 9]) {
      await expect(secrets.undo({ change })).rejects.toMatchObject({ code: 'entry_not_found' });
    }
    await expect(
      secrets.undo({ change: '01936f5e-0000-7000-8000-000000000000' }),
    ).rejects.toMatchObject({ code: 'entry_not_found' });
  });

  it.each([
    ['a value', 'write', { value: 'new' }],
    ['a value', 'read', { value: 'new' }],
    ['tags', 'write', { tags: ['new'] }],
  ] as const)('of %s needs the right to %s', async (_what, lacking, change) => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'old' });
    await secrets.update({ ...staging, path, ...change });
    const { seq } = await entryOf('secrets.update');
    const all = ['list', 'read', 'write', 'delete'];
    const rights = all.filter((each) => each !== lacking).join(' ');
    const who = await limitedUser(parts, [rights, 'default/staging/**']);
    await expect(who.secrets.undo({ change: seq })).rejects.toMatchObject({
      code: 'denied',
      details: { capability: lacking },
    });
    const able = await limitedUser(parts, [all.join(' '), 'default/staging/**']);
    await able.secrets.undo({ change: seq });
  });

  it('A36 of a new name needs the right to read, wherever the caller may read', async () => {
    const [path, to] = [fresh(), fresh()];
    await secrets.create({ ...staging, path, value: 'v' });
    const since = moment();
    await secrets.rename({ ...staging, path, to });
    const { seq } = await entryOf('secrets.rename');
    for (const readable of ['elsewhere', path]) {
      const who = await limitedUser(
        parts,
        ['list write', 'default/staging/**'],
        ['read', `default/staging/${readable}`],
      );
      for (const attempt of [
        who.secrets.undo({ change: seq }),
        who.secrets.rewind({ ...staging, prefix: path, since }),
      ]) {
        await expect(attempt).rejects.toMatchObject({
          code: 'denied',
          details: { capability: 'read', resource: `default/staging/${to}` },
        });
      }
    }
  });

  it('A36 brings an inactive secret nowhere where somebody could activate it who may not where it is', async () => {
    const [path, moved] = [fresh(), fresh()];
    await secrets.create({ ...staging, path, value: 'v' });
    const since = moment();
    await secrets.move({ ...staging, path, toEnvironment: 'production' });
    await secrets.update({ ...production, path, active: false });
    await secrets.create({ ...staging, path: moved, value: 'v', active: false });
    await secrets.move({ ...staging, path: moved, toEnvironment: 'production' });
    const { seq: change } = await entryOf('secrets.move');
    const there = ['list read write', 'default/staging/**'] as const;
    const who = await limitedUser(parts, ['list read delete', 'default/production/**'], there);
    const rewind = { ...staging, prefix: path, since };
    await expect(who.secrets.rewind(rewind)).rejects.toMatchObject({ code: 'secret_inactive' });
    await expect(who.secrets.undo({ change })).rejects.toMatchObject({ code: 'secret_inactive' });
    const able = await limitedUser(
      parts,
      ['list read write delete', 'default/production/**'],
      there,
    );
    await able.secrets.rewind(rewind);
    await able.secrets.undo({ change });
    for (const each of [path, moved]) {
      expect(await secrets.describe({ ...staging, path: each })).toMatchObject({ path: each });
    }
  });

  it('A36 takes grants on the secret nowhere where the caller could not give them', async () => {
    const path = fresh();
    await session.users.create({ name: 'given' });
    await secrets.create({ ...staging, path, value: 'v' });
    const since = moment();
    await secrets.move({ ...staging, path, toEnvironment: 'production' });
    const access = [{ subject: 'user:given', can: ['read'] as const }];
    await secrets.update({ ...production, path, access });
    const all = ['list read write delete admin', 'default/production/**'] as const;
    const rewind = { ...staging, prefix: path, since };
    const who = await limitedUser(parts, all, ['list read write delete', 'default/staging/**']);
    await expect(who.secrets.rewind(rewind)).rejects.toMatchObject({
      code: 'denied',
      details: { capability: 'admin', resource: `default/staging/${path}` },
    });
    const admin = await limitedUser(parts, all, ['list read write admin', 'default/staging/**']);
    await admin.secrets.rewind(rewind);
    expect(await clear({ ...staging, path })).toBe('v');
  });

  it.each([
    ['write', 'denied'],
    ['write rotate', 'planned'],
  ])('A36 tells whoever may %s, and not read, nothing about a value', async (rights, expected) => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: '4711' });
    const since = moment();
    const who = await limitedUser(parts, [`list ${rights}`, 'default/staging/**']);
    const told = new Set<string>();
    for (const value of ['4710', '4711', '4712']) {
      await who.secrets.update({ ...staging, path, value });
      const plan = await who.secrets.rewind({ ...staging, prefix: path, since, dryRun: true }).then(
        ({ secrets: planned }) => planned.flatMap(({ steps }) => steps).join() && 'planned',
        (error: unknown) => (error as { code: string }).code,
      );
      told.add(plan);
    }
    expect([...told]).toEqual([expected]);
  });

  it('is refused when its entry was altered', async () => {
    const path = fresh();
    await secrets.create({ ...staging, path, value: 'old' });
    const { seq } = await entryOf('secrets.create');
    const set = (from: string, to: string): void =>
      tamper(place, (db) => {
        db.prepare('UPDATE audit_entries SET body = replace(body, ?, ?) WHERE seq = ?').run(
          from,
          to,
          seq,
        );
      });
    set(`"path":"${path}"`, '"path":"other"');
    await expect(secrets.undo({ change: seq })).rejects.toMatchObject({ code: 'audit_tampered' });
    set('"path":"other"', `"path":"${path}"`);
    await secrets.undo({ change: seq });
  });
});

describe('undoing a change of several secrets', () => {
  it('takes an import back whole', async () => {
    const root = fresh();
    const paths = ['a', 'b', 'c'].map((name) => `${root}/${name}`);
    await secrets.create({ ...staging, path: `${root}/a`, value: 'before' });
    await secrets.import({
      ...staging,
      secrets: paths.map((path) => ({ path, value: 'imported' })),
    });
    const { request } = await entryOf('secrets.import');
    const { secrets: undone } = await secrets.undo({ change: request });
    expect(undone.map(({ path, steps }) => [path, steps])).toEqual([
      [paths[0], ['value']],
      [paths[1], ['delete']],
      [paths[2], ['delete']],
    ]);
    expect(await values('staging', root)).toEqual([`${root}/a = before`]);
    await session.audit.verify({});
  });

  it('takes a renamed folder back, by the number of its first entry too', async () => {
    const root = fresh();
    for (const name of ['x', 'b/x']) {
      await secrets.create({ ...staging, path: `${root}/${name}`, value: name });
    }
    await secrets.rename({ ...staging, path: `${root}/`, to: `${root}/b/` });
    const { request } = await entryOf('secrets.rename');
    const { entries } = await session.audit.query({ action: 'secrets.rename', limit: 5 });
    const whole = entries.find((each) => each.request === request && each.path === undefined);
    await secrets.undo({ change: whole?.seq ?? -1 });
    expect(await values('staging', root)).toEqual([`${root}/b/x = b/x`, `${root}/x = x`]);
  });

  it('says of one of several that it is a part, and takes back the rest', async () => {
    const root = fresh();
    const paths = ['a', 'b', 'c'].map((name) => `${root}/${name}`);
    await secrets.import({ ...staging, secrets: paths.map((path) => ({ path, value: 'v' })) });
    const { request } = await entryOf('secrets.import');
    const { entries } = await session.audit.query({ limit: 10 });
    const one = entries.find((each) => each.request === request && each.path === paths[1]);
    const undone = await secrets.undo({ change: one?.seq ?? -1 });
    expect(undone).toMatchObject({ secrets: [{ path: paths[1] }], partOf: { secrets: 3 } });
    await secrets.undo({ change: undone.partOf?.change ?? '' });
    expect(await values('staging', root)).toEqual([]);
  });

  it('takes a promotion back whole, or not at all', async () => {
    const root = fresh();
    for (const name of ['a', 'b']) {
      await secrets.create({ ...staging, path: `${root}/${name}`, value: 'staged' });
    }
    await secrets.create({ ...production, path: `${root}/a`, value: 'live' });
    await secrets.create({ ...production, path: `${root}/c`, value: 'live' });
    const before = await values('production', root);
    const promote = { from: 'staging', to: 'production', prefix: `${root}/`, delete: true };
    await session.environments.promote(promote);
    const { request } = await entryOf('environments.promote');
    await secrets.update({ ...production, path: `${root}/b`, value: 'later' });
    await expect(secrets.undo({ change: request })).rejects.toMatchObject({
      code: 'undo_conflict',
    });
    expect(await values('production', root)).toEqual([`${root}/a = staged`, `${root}/b = later`]);
    const { seq } = await entryOf('secrets.update');
    await secrets.undo({ change: seq });
    await secrets.undo({ change: request });
    expect(await values('production', root)).toEqual(before);
    await session.audit.verify({});
  });
});

describe('bringing a folder back to a moment', () => {
  it('deletes, restores, renames, moves and gives values and attributes back, as told before', async () => {
    const root = fresh();
    const at = (name: string): string => `${root}/${name}`;
    for (const name of ['changed', 'deleted', 'moved', 'renamed', 'same', 'tagged']) {
      await secrets.create({ ...staging, path: at(name), value: name });
    }
    const before = await values('staging', root);
    const since = moment();
    await secrets.update({ ...staging, path: at('changed'), value: 'other' });
    await secrets.delete({ ...staging, path: at('deleted') });
    await secrets.create({ ...staging, path: at('deleted'), value: 'new one' });
    await secrets.move({ ...staging, path: at('moved'), toEnvironment: 'production' });
    await secrets.rename({ ...staging, path: at('renamed'), to: at('otherwise') });
    await secrets.update({ ...staging, path: at('same'), value: 'other' });
    await secrets.update({ ...staging, path: at('same'), value: 'same' });
    await secrets.update({ ...staging, path: at('tagged'), tags: ['t'] });
    await secrets.create({ ...staging, path: at('added'), value: 'new' });
    const input = { ...staging, prefix: `${root}/`, since };
    const now = await values('staging', root);
    const plan = await secrets.rewind({ ...input, dryRun: true });
    expect(await values('staging', root)).toEqual(now);
    expect(plan.secrets.map(({ path, fromPath, steps }) => [path, fromPath, steps.join()])).toEqual(
      [
        [at('added'), undefined, 'delete'],
        [at('changed'), undefined, 'value'],
        [at('deleted'), undefined, 'undelete'],
        [at('deleted'), undefined, 'delete'],
        [at('moved'), at('moved'), 'move'],
        [at('renamed'), at('otherwise'), 'rename'],
        [at('tagged'), undefined, 'attributes'],
      ],
    );
    await secrets.rewind(input);
    expect(await values('staging', root)).toEqual(before);
    expect((await secrets.rewind(input)).secrets).toEqual([]);
    await session.audit.verify({});
  });

  it('gives two secrets their names back that have changed them', async () => {
    const root = fresh();
    const [a, b, c] = ['a', 'b', 'c'].map((name) => `${root}/${name}`) as [string, string, string];
    await secrets.create({ ...staging, path: a, value: 'a' });
    await secrets.create({ ...staging, path: b, value: 'b' });
    const since = moment();
    await secrets.rename({ ...staging, path: a, to: c });
    await secrets.rename({ ...staging, path: b, to: a });
    await secrets.rename({ ...staging, path: c, to: b });
    const between = moment();
    await secrets.rewind({ ...staging, prefix: `${root}/`, since });
    expect(await values('staging', root)).toEqual([`${a} = a`, `${b} = b`]);
    expect(await clear({ ...staging, path: a, at: between })).toBe('b');
    const { secrets: listed } = await secrets.list({ ...staging, prefix: 'undo-' });
    expect(listed).toEqual([]);
  });

  it('leaves what was destroyed since, and says so', async () => {
    const root = fresh();
    await secrets.create({ ...staging, path: `${root}/gone`, value: 'one' });
    await secrets.create({ ...staging, path: `${root}/kept`, value: 'one' });
    const since = moment();
    for (const name of ['gone', 'kept']) {
      await secrets.update({ ...staging, path: `${root}/${name}`, value: 'two' });
    }
    await secrets.destroy({ ...staging, path: `${root}/gone`, versions: [1] });
    const { lost } = await secrets.rewind({ ...staging, prefix: `${root}/`, since });
    expect(lost).toEqual([`${root}/gone`]);
    expect(await values('staging', root)).toEqual([`${root}/gone = two`, `${root}/kept = one`]);
  });

  it('passes over what the caller may not list, and is refused where it may not write', async () => {
    const root = fresh();
    for (const name of ['hidden', 'open']) {
      await secrets.create({ ...staging, path: `${root}/${name}`, value: 'one' });
    }
    const since = moment();
    for (const name of ['hidden', 'open']) {
      await secrets.update({ ...staging, path: `${root}/${name}`, value: 'two' });
    }
    const input = { ...staging, prefix: `${root}/`, since };
    const who = await limitedUser(parts, ['list read write', `default/staging/${root}/open`]);
    expect((await who.secrets.rewind(input)).secrets).toMatchObject([{ path: `${root}/open` }]);
    expect(await values('staging', root)).toEqual([`${root}/hidden = two`, `${root}/open = one`]);
    const reader = await limitedUser(
      parts,
      ['list read', 'default/staging/**'],
      ['list read write', `default/staging/${root}/open`],
    );
    await expect(reader.secrets.rewind(input)).rejects.toMatchObject({
      code: 'denied',
      details: { resource: `default/staging/${root}/hidden` },
    });
  });
});
