import { realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { limitedUser } from '../../testing/limited-user.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  storedRows,
  tamper,
  temporaryDirectory,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import { openVault } from '../open-vault.ts';
import { restoreVault } from '../restore-vault.ts';
import { createSession, type Session } from '../session.ts';

const environment = 'production';
const path = 'db/KEY';
const at = { environment, path };
const THERE = `default/staging/${path}`;

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
let directory: string;

beforeEach(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  session = parts.as(OWNER);
  directory = realpathSync(temporaryDirectory());
  await session.secrets.write({ ...at, value: 'first' });
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
  rmSync(directory, { recursive: true, force: true });
});

async function backup(): Promise<string> {
  return (await session.backups.create({ directory, proof: 'later' })).id;
}

/** Somebody with all rights where the backup has the secret, and some where it is by now. */
const withRightsThere = (...can: readonly string[]): Promise<Session> =>
  limitedUser(
    parts,
    ['list read write delete admin', 'default/production/**'],
    [['list', ...can].join(' '), THERE],
  );

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'nothing',
    (error: unknown) => String((error as { code?: unknown }).code),
  );
}

describe('a secret that was moved and then taken away', () => {
  it.each([
    ['deleted', ['read', 'delete']],
    ['destroyed', ['read', 'delete', 'admin']],
  ] as const)('A36 comes back, if it was %s, only for who has %j there', async (how, needed) => {
    const id = await backup();
    await session.secrets.move({ ...at, toEnvironment: 'staging' });
    const there = { environment: 'staging', path };
    if (how === 'deleted') await session.secrets.delete(there);
    else await session.secrets.destroy({ ...there, all: true });
    for (const capability of needed) {
      const eve = await withRightsThere(...needed.filter((each) => each !== capability));
      for (const as of [undefined, 'copy']) {
        await expect(eve.backups.restoreParts({ id, ...at, as })).rejects.toMatchObject({
          code: 'denied',
          details: { capability, resource: THERE },
        });
      }
    }
    const eve = await withRightsThere(...needed);
    const { secrets } = await eve.backups.restoreParts({ id, ...at });
    expect(secrets).toMatchObject([{ environment, path, outcome: 'revived' }]);
    expect((await eve.secrets.read(at)).value?.reveal()).toBe('first');
    await session.audit.verify();
  });

  it('A36 does not have its new place told to who may not list there', async () => {
    const id = await backup();
    await session.secrets.move({ ...at, toEnvironment: 'staging', to: 'hidden/NAME' });
    const eve = await limitedUser(parts, ['list read write delete admin', 'default/production/**']);
    await expect(eve.backups.restoreParts({ id, ...at, as: 'copy' })).rejects.toMatchObject({
      code: 'denied',
      details: { capability: 'read', resource: 'default/staging' },
    });
  });
});

describe('a secret that was moved', () => {
  it('A36 gets a new version only from who may read and write where it is now', async () => {
    const id = await backup();
    await session.secrets.move({ ...at, toEnvironment: 'staging' });
    await session.secrets.write({ environment: 'staging', path, value: 'second' });
    for (const [can, capability] of [
      ['read', 'write'],
      ['write', 'read'],
    ] as const) {
      const eve = await withRightsThere(can);
      await expect(eve.backups.restoreParts({ id, ...at })).rejects.toMatchObject({
        code: 'denied',
        details: { capability, resource: THERE },
      });
    }
    const eve = await withRightsThere('read', 'write');
    const { secrets } = await eve.backups.restoreParts({ id, ...at });
    expect(secrets).toMatchObject([{ environment: 'staging', outcome: 'changed' }]);
  });
});

describe('a copy', () => {
  it('is made in the environment that was named, wherever the other one is by now', async () => {
    const id = await backup();
    await session.secrets.move({ ...at, toEnvironment: 'staging' });
    const { secrets } = await session.backups.restoreParts({ id, ...at, as: 'copy' });
    expect(secrets).toEqual([{ environment, path: 'copy', version: 1, outcome: 'created' }]);
    await session.secrets.read({ environment, path: 'copy' });
  });
});

describe('a version that was taken away', () => {
  const version = 1;

  it.each([
    ['deleted', ['delete']],
    ['destroyed', ['delete', 'admin']],
  ] as const)('A36 comes back, if it was %s, only for who has %j', async (how, needed) => {
    await session.secrets.write({ ...at, value: 'second' });
    const id = await backup();
    if (how === 'deleted') await session.secrets.delete({ ...at, version });
    else await session.secrets.destroy({ ...at, versions: [version] });
    const having = (...can: readonly string[]): Promise<Session> =>
      limitedUser(
        parts,
        [['list read write', ...can].join(' '), `default/production/${path}`],
        ['list read write', 'default/production/copy'],
      );
    for (const capability of needed) {
      const eve = await having(...needed.filter((each) => each !== capability));
      for (const as of [undefined, 'copy']) {
        const restoring = eve.backups.restoreParts({ id, ...at, version, as });
        await expect(restoring).rejects.toMatchObject({ code: 'denied', details: { capability } });
      }
    }
    // The one that is still there is anybody's who may read and write.
    const reader = await having();
    const kept = await reader.backups.restoreParts({ id, ...at, as: 'copy' });
    expect(kept.secrets).toMatchObject([{ path: 'copy', outcome: 'created' }]);
    const eve = await having(...needed);
    await eve.backups.restoreParts({ id, ...at, version });
    expect((await eve.secrets.read(at)).value?.reveal()).toBe('first');
  });
});

describe('a secret that was moved to another workspace', () => {
  it('A36 is not found, and does not have its new place told', async () => {
    await session.workspaces.create({ name: 'team' });
    const id = await backup();
    await session.secrets.move({ ...at, toWorkspace: 'team', to: 'hidden/NAME' });
    const eve = await limitedUser(parts, ['list read write delete admin', 'default/production/**']);
    for (const as of [undefined, 'copy']) {
      await expect(eve.backups.restoreParts({ id, ...at, as })).rejects.toMatchObject({
        code: 'secret_not_found',
        message: `there is no secret ${path}`,
        details: { path },
      });
    }
  });
});

describe('a secret that is not in a vault that was set back', () => {
  const version = 1;

  it('stays away if it had no value in the backup, unless its version is named', async () => {
    const earlier = await session.backups.create({ directory, proof: 'later' });
    for (const [late, how] of [
      ['DELETED', 'delete'],
      ['DESTROYED', 'destroy'],
    ] as const) {
      const to = { environment, path: late };
      for (const value of ['first', 'second']) await session.secrets.write({ ...to, value });
      if (how === 'delete') await session.secrets.delete({ ...to, version: 2 });
      else await session.secrets.destroy({ ...to, versions: [2] });
    }
    const { file } = await session.backups.create({ directory, proof: 'later' });
    const keys = [{ kind: 'keyfile', path: place.keyFile }] as const;
    const to = join(place.root, 'restored');
    const configDirectory = join(place.root, 'other-machine');
    await restoreVault(to, { file: earlier.file, keys, by: OWNER, configDirectory });
    const vault = await openVault(to, { keys, configDirectory, holder: 'a test' });
    const owner = createSession(vault, { principal: OWNER }, 'library');
    const whole = await owner.backups.restoreParts({ file });
    expect(whole).toMatchObject({
      secrets: [{ path, outcome: 'unchanged' }],
      withoutValue: [`${environment}/DELETED`, `${environment}/DESTROYED`],
    });
    for (const late of ['DELETED', 'DESTROYED']) {
      const one = { file, environment, path: late };
      expect(await codeOf(owner.backups.restoreParts(one))).toBe('version_not_found');
      expect(await codeOf(owner.secrets.describe({ environment, path: late }))).toBe(
        'secret_not_found',
      );
    }
    const destroyed = { file, environment, path: 'DESTROYED' };
    const none = owner.backups.restoreParts({ ...destroyed, version: 2 });
    expect(await codeOf(none)).toBe('version_not_found');
    await owner.backups.restoreParts({ ...destroyed, version });
    await owner.backups.restoreParts({ file, environment, path: 'DELETED', version: 2 });
    for (const [late, value] of [
      ['DESTROYED', 'first'],
      ['DELETED', 'second'],
    ] as const) {
      const read = await owner.secrets.read({ environment, path: late });
      expect([read.version, read.value?.reveal()]).toEqual([3, value]);
    }
    await owner.audit.verify();
    await vault.close();
  });

  it('A36 comes back only for who could bring back what was destroyed', async () => {
    const earlier = await session.backups.create({ directory, proof: 'later' });
    const late = { environment, path: 'LATE' };
    await session.secrets.write({ ...late, value: 'first' });
    await session.secrets.write({ ...late, value: 'second' });
    await session.secrets.delete({ ...late, version });
    const other = { environment, path: 'OTHER' };
    await session.secrets.write({ ...other, value: 'first' });
    await session.secrets.write({ ...other, value: 'second' });
    for (const value of ['second', 'third']) await session.secrets.write({ ...at, value });
    await session.secrets.delete({ ...at, version: 2 });
    const { file } = await session.backups.create({ directory, proof: 'later' });
    const keys = [{ kind: 'keyfile', path: place.keyFile }] as const;
    const to = join(place.root, 'restored');
    const configDirectory = join(place.root, 'other-machine');
    await restoreVault(to, { file: earlier.file, keys, by: OWNER, configDirectory });
    const vault = await openVault(to, { keys, configDirectory, holder: 'a test' });
    const all = ['list', 'read', 'write', 'delete', 'admin'] as const;
    const without = (capability?: (typeof all)[number]): Session => {
      const can = all.filter((each) => each !== capability);
      return createSession(vault, { principal: OWNER, can }, 'library');
    };
    for (const capability of ['delete', 'admin'] as const) {
      for (const as of [undefined, 'copy']) {
        const restoring = without(capability).backups.restoreParts({ file, ...late, as });
        await expect(restoring).rejects.toMatchObject({ code: 'denied', details: { capability } });
      }
    }
    const owner = without();
    // The same goes for a version that it does not know, also once it has another one of that number.
    for (const isOther of [false, true]) {
      if (isOther) await owner.secrets.write({ ...at, value: 'its own second' });
      for (const capability of ['delete', 'admin'] as const) {
        const restoring = without(capability).backups.restoreParts({ file, ...at, version: 2 });
        await expect(restoring).rejects.toMatchObject({ code: 'denied', details: { capability } });
      }
    }
    await owner.backups.restoreParts({ file, ...at });
    expect((await owner.secrets.read(at)).value?.reveal()).toBe('third');
    const copied = await owner.backups.restoreParts({ file, ...late, version, as: 'copy' });
    expect(copied.secrets).toMatchObject([{ path: 'copy', outcome: 'created' }]);
    // Put back whole, it has what was deleted as deleted.
    await owner.backups.restoreParts({ file, ...late });
    const reading = owner.secrets.read({ ...late, version });
    expect(await codeOf(reading)).toBe('secret_deleted');
    // A version that is named is the newest afterwards, also of a secret that was put back whole.
    const none = owner.backups.restoreParts({ file, ...other, version: 3 });
    expect(await codeOf(none)).toBe('version_not_found');
    await owner.backups.restoreParts({ file, ...other, version });
    const now = await owner.secrets.read(other);
    expect([now.version, now.value?.reveal()]).toEqual([3, 'first']);
    await vault.close();
  });
});

describe('a secret that is inactive', () => {
  it('A36 is not given out by way of a copy, but to who could activate it', async () => {
    const id = await backup();
    await session.secrets.update({ ...at, active: false });
    const elsewhere = ['list read write', 'default/production/eve/**'] as const;
    const eve = await limitedUser(parts, ['list read', `default/production/${path}`], elsewhere);
    const copy = { id, ...at, as: 'eve/got' };
    expect(await codeOf(eve.backups.restoreParts(copy))).toBe('secret_inactive');
    const writer = await limitedUser(
      parts,
      ['list read write', `default/production/${path}`],
      elsewhere,
    );
    expect((await writer.backups.restoreParts(copy)).secrets).toHaveLength(1);
    await session.secrets.write({ ...at, value: 'second' });
    await writer.backups.restoreParts({ id, ...at });
    expect((await session.secrets.describe(at)).isActive).toBe(false);
  });
});

describe('a workspace of which some secrets cannot be brought back', () => {
  it('has the others, and names those with the reason', async () => {
    await session.workspaces.create({ name: 'team' });
    for (const name of ['CHANGED', 'DELETED', 'DESTROYED', 'GONE', 'MOVED', 'TAKEN']) {
      await session.secrets.write({ environment, path: name, value: name });
    }
    await session.secrets.delete({ environment, path: 'DELETED', version: 1 });
    for (const name of ['DESTROYED', 'GONE']) {
      await session.secrets.destroy({ environment, path: name, versions: [1] });
    }
    const id = await backup();
    await session.secrets.write({ environment, path: 'CHANGED', value: 'other' });
    await session.secrets.delete({ environment, path: 'GONE' });
    await session.secrets.move({ environment, path: 'MOVED', toWorkspace: 'team' });
    await session.secrets.delete({ environment, path: 'TAKEN' });
    await session.secrets.write({ environment, path: 'TAKEN', value: 'another secret' });
    const { secrets, ...left } = await session.backups.restoreParts({ id });
    expect(secrets.map((each) => `${each.path} ${each.outcome}`).toSorted()).toEqual([
      'CHANGED changed',
      `${path} unchanged`,
    ]);
    const named = (...names: readonly string[]): string[] =>
      names.map((name) => `${environment}/${name}`);
    expect(left).toEqual({
      taken: named('TAKEN'),
      withoutValue: named('DELETED', 'DESTROYED', 'GONE'),
      elsewhere: named('MOVED'),
      next: undefined,
    });
    const gone = session.secrets.describe({ environment, path: 'GONE' });
    expect(await codeOf(gone)).toBe('secret_deleted');
    const { entries } = await session.audit.query({ action: 'secrets.read' });
    expect(entries.map((entry) => entry.path ?? '').toSorted()).toEqual(['CHANGED', path]);
    // One of them is brought back by its number, if that is meant.
    const one = { id, environment, path: 'DELETED' };
    await expect(session.backups.restoreParts(one)).rejects.toMatchObject({
      code: 'version_not_found',
      hint: expect.stringContaining('--version 1') as string,
    });
    await session.backups.restoreParts({ ...one, version: 1 });
    const read = await session.secrets.read({ environment, path: 'DELETED' });
    expect(read).toMatchObject({ version: 2 });
    await session.audit.verify();
  });
});

describe('a value that is the same text', () => {
  it.each([
    [true, false],
    [false, true],
  ])('is another one if references: %s became %s', async (references, other) => {
    const value = 'postgres://${db/KEY}@host';
    const url = { environment, path: 'URL' };
    await session.secrets.write({ ...url, value, references });
    const id = await backup();
    await session.secrets.write({ ...url, value, references: other });
    const restored = await session.backups.restoreParts({ id, ...url });
    expect(restored.secrets).toMatchObject([{ version: 3, outcome: 'changed' }]);
    const rows = tamper(place, (db) => storedRows(db, 'versions'));
    expect(rows.find((row) => row['version'] === 3)?.['has_references']).toBe(
      references ? 1 : null,
    );
    const again = await session.backups.restoreParts({ id, ...url });
    expect(again.secrets).toMatchObject([{ version: 3, outcome: 'unchanged' }]);
  });
});
