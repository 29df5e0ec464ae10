import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { BACKUPS } from '../../store/protected-tables.ts';
import { insertRow } from '../../store/rows.ts';
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

const at = { environment: 'production', path: 'db/password' };
const DAY_MS = 24 * 60 * 60 * 1000;

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
let now = 0;
beforeEach(async () => {
  now = Date.UTC(2030, 0, 1);
  place = await makeTemporaryVault({ now: () => now });
  parts = await openParts(place, { now: () => now });
  session = parts.as(OWNER);
  await session.secrets.create({ ...at, value: 'first', description: 'it', tags: ['a'] });
  await session.secrets.update({ ...at, value: 'second' });
  await session.secrets.update({ ...at, value: 'third', usage: 'there' });
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

function rows(table: string): ReturnType<typeof storedRows> {
  return tamper(place, (db) => storedRows(db, table));
}

/** Some bytes of each envelope that is stored now. */
function envelopes(): readonly Buffer[] {
  return rows('versions').map(({ envelope }) =>
    Buffer.from(envelope as Uint8Array).subarray(-48, -16),
  );
}

/** Whether bytes stand anywhere in the database's files. */
function isOnDisk(bytes: Buffer): boolean {
  return ['vault.db', 'vault.db-wal'].some((name) => {
    const path = join(place.path, name);
    const exists = statSync(path, { throwIfNoEntry: false }) !== undefined;
    return exists && readFileSync(path).includes(bytes);
  });
}

async function expectIntact(): Promise<void> {
  expect(await session.audit.verify()).toMatchObject({});
  expect(await session.secrets.verifyChecksums()).toMatchObject({ finished: true, damaged: [] });
}

describe('one version', () => {
  it('is deleted and restored; while it is the current one there is no value', async () => {
    await session.secrets.read(at);
    await session.secrets.delete({ ...at, version: 3 });
    await expect(session.secrets.read(at)).rejects.toMatchObject({ code: 'secret_deleted' });
    expect((await session.secrets.read({ ...at, version: 2 })).value?.reveal()).toBe('second');
    await session.secrets.undelete({ ...at, version: 3 });
    expect((await session.secrets.read(at)).value?.reveal()).toBe('third');
    await session.secrets.delete({ ...at, version: 1 });
    expect((await session.secrets.read(at)).value?.reveal()).toBe('third');
    await expect(session.secrets.delete({ ...at, version: 9 })).rejects.toMatchObject({
      code: 'version_not_found',
    });
    await expectIntact();
  });

  it('is followed by a new one while it is deleted, also one with fields', async () => {
    await session.secrets.delete({ ...at, version: 3 });
    await session.secrets.update({ ...at, value: { user: 'u' } });
    expect((await session.secrets.read(at)).fields?.['user']?.reveal()).toBe('u');
    await expectIntact();
  });

  it('is destroyed for good, and the others stay', async () => {
    const destroyed = await session.secrets.destroy({ ...at, versions: [1] });
    expect(destroyed).toMatchObject({
      versions: [1],
      shredCompleteAfter: new Date(now).toISOString(),
    });
    for (const call of [
      session.secrets.read({ ...at, version: 1 }),
      session.secrets.undelete({ ...at, version: 1 }),
      session.secrets.destroy({ ...at, versions: [1] }),
    ]) {
      await expect(call).rejects.toMatchObject({ code: 'secret_deleted' });
    }
    expect((await session.secrets.read(at)).value?.reveal()).toBe('third');
    const { versions } = await session.secrets.history({ path: at.path });
    expect(versions.map(({ destroyedAt }) => destroyedAt === null)).toEqual([true, true, false]);
    await expectIntact();
  });

  it('that is current and was just read is not given out of memory once it is destroyed', async () => {
    await session.secrets.read(at);
    await session.secrets.read(at);
    await session.secrets.destroy({ ...at, versions: [3] });
    for (const read of [session.secrets.read(at), session.secrets.resolve(at)]) {
      await expect(read).rejects.toMatchObject({
        code: 'secret_deleted',
        message: 'version 3 was destroyed',
      });
    }
    await expectIntact();
  });
});

describe('a whole secret', () => {
  it('leaves a row without anything in it, and its name is free', async () => {
    await session.secrets.destroy({ ...at, all: true });
    expect(rows('secrets')[0]).toMatchObject({
      metadata: null,
      metadata_revision: 0,
      current_commit: null,
      previous_version: null,
      destroyed_at: now,
      deleted_at: now,
    });
    for (const version of rows('versions')) {
      expect(version).toMatchObject({ destroyed_at: now });
      expect(version['envelope']).toHaveLength(0);
      expect(version['checksum']).toHaveLength(0);
    }
    for (const state of rows('secret_states')) {
      expect(state).toMatchObject({ metadata: null, metadata_revision: 0 });
    }
    const gone = { code: 'secret_not_found' };
    await expect(session.secrets.read(at)).rejects.toMatchObject(gone);
    await expect(session.secrets.undelete(at)).rejects.toMatchObject(gone);
    await expect(session.secrets.destroy({ ...at, all: true })).rejects.toMatchObject(gone);
    await session.secrets.create({ ...at, value: 'anew' });
    await expectIntact();
  });

  it('is destroyed from the trash too, and by its id beside another of its name', async () => {
    const { id } = await session.secrets.delete(at);
    await session.secrets.create({ ...at, value: 'anew' });
    await session.secrets.destroy({ ...at, all: true, id });
    expect((await session.secrets.read(at)).value?.reveal()).toBe('anew');
    expect(await session.trash.list()).toMatchObject({ secrets: [] });
    await session.secrets.delete(at);
    await session.secrets.destroy({ ...at, all: true });
    await expectIntact();
  });

  it('takes the rights on it and the layout that has its value along', async () => {
    await session.secrets.update({ ...at, access: [{ subject: `user:${OWNER}`, can: ['read'] }] });
    expect(rows('grants').filter((row) => row['secret_id'] !== null)).toHaveLength(1);
    const { SecretValue } = await import('../../secret-value.ts');
    const { serializeLayout } = await import('../../formats/dotenv-layout.ts');
    const { parseDotenv } = await import('../../formats/dotenv.ts');
    const layout = (text: string): Promise<unknown> =>
      session.secrets.import({
        environment: 'production',
        secrets: [{ path: 'PORT', value: '80' }],
        layout: SecretValue.text(serializeLayout(parseDotenv(text))),
      });
    await layout('PORT=80\npassword=third\n');
    await session.secrets.destroy({ environment: 'production', path: 'PORT', versions: [1] });
    expect(rows('layouts')).toHaveLength(0);
    await layout('PORT=80\n');
    expect(await session.secrets.destroy({ ...at, all: true })).toMatchObject({
      layoutRemoved: false,
    });
    expect(rows('layouts')).toHaveLength(1);
    expect(rows('grants').filter((row) => row['secret_id'] !== null)).toHaveLength(0);
    await expectIntact();
  });

  it('says which right is missing to who may only delete, and asks for one of versions and all', async () => {
    const only = parts.as(OWNER, { can: ['list', 'delete'] });
    await expect(only.secrets.destroy({ ...at, all: true })).rejects.toMatchObject({
      code: 'denied',
    });
    for (const input of [at, { ...at, all: true, versions: [1] }, { ...at, all: false }]) {
      await expect(session.secrets.destroy(input)).rejects.toMatchObject({ code: 'invalid_input' });
    }
    for (const versions of [[], [0], [-1], [1.5], Array.from({ length: 101 }, (_, n) => n + 1)]) {
      await expect(session.secrets.destroy({ ...at, versions })).rejects.toMatchObject({
        code: 'invalid_input',
      });
    }
  });
});

describe('a destruction that fails on the way', () => {
  it('A96 leaves everything as it was', async () => {
    await session.secrets.update({ ...at, usage: 'elsewhere' });
    tamper(place, (db) => db.exec("UPDATE secret_states SET type = 'jwt_secret'"));
    const before = ['secrets', 'versions', 'secret_states'].map(rows);
    await expect(session.secrets.destroy({ ...at, all: true })).rejects.toMatchObject({
      code: 'integrity_error',
    });
    expect(['secrets', 'versions', 'secret_states'].map(rows)).toEqual(before);
    expect((await session.secrets.read(at)).value?.reveal()).toBe('third');
  });
});

describe('destroyed values', () => {
  it('are gone from the file', async () => {
    const before = envelopes();
    expect(before).toHaveLength(3);
    expect(before.every(isOnDisk)).toBe(true);
    await session.secrets.destroy({ ...at, all: true });
    await parts.vault.close();
    expect(before.some(isOnDisk)).toBe(false);
    parts = await openParts(place, { now: () => now });
  });

  it('are gone from the file while the vault stays open', async () => {
    const before = envelopes();
    await session.secrets.destroy({ ...at, versions: [1, 3] });
    await expect.poll(() => [0, 2].some((at) => isOnDisk(before[at] ?? Buffer.of()))).toBe(false);
    expect(isOnDisk(before[1] ?? Buffer.of())).toBe(true);
  });

  it('are held by backups until the last of those is removed', async () => {
    const backup = (
      id: string,
      keepUntil: number | null,
      removedAt: number | null,
    ): Promise<unknown> =>
      parts.write((work) =>
        insertRow(work.transaction, work.mac, BACKUPS, {
          id,
          file: `${id}.backup`,
          created_at: now - DAY_MS,
          size_bytes: 1,
          sha256: new Uint8Array(32),
          root_key_id: id,
          audit_log: id,
          audit_size: 1,
          secrets: 1,
          versions: 1,
          proven_at: null,
          receipt: null,
          verified_at: null,
          keep_until: keepUntil,
          removed_at: removedAt,
        }),
      );
    await backup('00000000-0000-7000-8000-000000000001', now + 5 * DAY_MS, null);
    await backup('00000000-0000-7000-8000-000000000002', now + 9 * DAY_MS, now);
    await backup('00000000-0000-7000-8000-000000000003', now + 7 * DAY_MS, null);
    expect(await session.secrets.destroy({ ...at, versions: [1] })).toMatchObject({
      shredCompleteAfter: new Date(now + 7 * DAY_MS).toISOString(),
    });
    await backup('00000000-0000-7000-8000-000000000004', null, null);
    expect(await session.secrets.destroy({ ...at, versions: [2] })).toMatchObject({
      shredCompleteAfter: null,
    });
  });
});

describe('the trash', () => {
  it('keeps what was deleted for as long as the workspace says, then destroys it in batches', async () => {
    for (let n = 0; n < 70; n += 1) {
      await session.secrets.create({ environment: 'testing', path: `t/${n}`, value: 'v' });
      await session.secrets.delete({ environment: 'testing', path: `t/${n}` });
    }
    now += 5 * DAY_MS;
    await session.secrets.delete(at);
    expect(await session.trash.purge()).toMatchObject({ done: 0, total: 0, finished: true });
    await session.settings.write({ name: 'trash_retention_days', value: 3 });
    expect(await session.trash.purge()).toMatchObject({ done: 64, total: 70, finished: false });
    expect(await session.trash.purge()).toMatchObject({ done: 6, total: 6, finished: true });
    expect((await session.trash.list()).secrets.map(({ path }) => path)).toEqual([at.path]);
    expect(await session.trash.purge({ all: true })).toMatchObject({ done: 1, finished: true });
    expect(rows('secrets').every((row) => row['destroyed_at'] !== null)).toBe(true);
    const { entries } = await session.audit.query({ action: 'secrets.destroy', limit: 1000 });
    expect(entries).toHaveLength(71);
    await expectIntact();
  });

  it('is listed in pages without loss, also when what a page gave is restored or destroyed', async () => {
    await session.workspaces.create({ name: 'turns' });
    const at = { workspace: 'turns', environment: 'testing' };
    for (const path of ['A', 'B', 'C', 'D', 'E']) {
      await session.secrets.create({ ...at, path, value: 'v' });
      await session.secrets.delete({ ...at, path });
      if (path !== 'B') now += 1000;
    }
    const seen: string[] = [];
    for (let cursor: string | undefined, isOver = false; !isOver;) {
      const page = await session.trash.list({ ...at, limit: 1, cursor });
      for (const { path, id } of page.secrets) {
        seen.push(path);
        if (path === 'C') await session.secrets.destroy({ ...at, path, id, all: true });
        else await session.secrets.undelete({ ...at, path });
      }
      cursor = page.next;
      isOver = cursor === undefined;
    }
    expect(seen).toEqual(['A', 'B', 'C', 'D', 'E']);
  });

  it('is listed in pages without loss, and only as far as the caller may list', async () => {
    for (let n = 0; n < 7; n += 1) {
      await session.secrets.create({ environment: 'testing', path: `t/${n}`, value: 'v' });
      await session.secrets.delete({ environment: 'testing', path: `t/${n}` });
      if (n % 2 === 0) now += 1000;
    }
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await session.trash.list({ limit: 2, cursor });
      seen.push(...page.secrets.map(({ path }) => path));
      cursor = page.next;
    } while (cursor !== undefined);
    expect(seen.toSorted()).toEqual(Array.from({ length: 7 }, (_, n) => `t/${n}`));
    await expect(session.trash.list({ cursor: 'AAAA' })).rejects.toMatchObject({
      code: 'invalid_input',
    });
    for (const limit of [0, -1, 1e9, 1.5, Number.NaN, '', [], null]) {
      await expect(session.trash.list({ limit: limit as never })).rejects.toMatchObject({
        code: 'invalid_input',
      });
    }
  });
});
