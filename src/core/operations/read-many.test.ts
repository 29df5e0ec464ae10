import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  makeTemporaryVault,
  openParts,
  OWNER,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../session.ts';

const environment = 'production';

let place: TemporaryVault;
let parts: OpenParts;
let owner: Session;
beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  owner = parts.as(OWNER);
  for (const path of ['a/one', 'a/two', 'b/three']) {
    await owner.secrets.write({ environment, path, value: `not-a-secret of ${path}` });
  }
  await owner.secrets.write({ environment, path: 'a/fields', value: { user: 'ada', key: 'k' } });
  await owner.users.create({ name: 'grace' });
  await owner.access.grant({
    subject: 'user:grace',
    can: ['read', 'list'],
    pattern: 'default/production/a/**',
  });
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

describe('reading many secrets', () => {
  it('gives one answer for each path, in their order', async () => {
    const paths = ['b/three', 'a/fields', 'a/one'];
    const { secrets } = await owner.secrets.readMany({ environment, paths });
    expect(secrets.map(({ path }) => path)).toEqual(paths);
    expect(secrets[0]?.secret?.value?.reveal()).toBe('not-a-secret of b/three');
    expect(secrets[1]?.secret?.fields?.['user']?.reveal()).toBe('ada');
    expect(secrets[2]?.secret).toMatchObject({ environment, path: 'a/one', version: 1 });
  });

  it('is on record once for each secret, and once for the call', async () => {
    const paths = ['a/one', 'a/two', 'a/none'];
    await owner.secrets.readMany({ environment, paths });
    const { entries } = await owner.audit.query({ limit: 4 });
    expect(entries.toReversed()).toMatchObject([
      { action: 'secrets.readMany', outcome: 'ok', environment, detail: '3 secrets' },
      { action: 'secrets.read', outcome: 'ok', path: 'a/one', version: 1 },
      { action: 'secrets.read', outcome: 'ok', path: 'a/two', version: 1 },
      { action: 'secrets.read', outcome: 'failed', path: 'a/none', reason: 'secret_not_found' },
    ]);
    expect(new Set(entries.map(({ request }) => request)).size).toBe(1);
    expect(entries[2]?.secret_id).toBeTypeOf('string');
  });

  it('gives the others where one is not there, inactive or deleted', async () => {
    for (const name of ['off', 'gone']) {
      await owner.secrets.write({ environment, path: `c/${name}`, value: 'v' });
    }
    await owner.secrets.update({ environment, path: 'c/off', active: false });
    await owner.secrets.delete({ environment, path: 'c/gone' });
    const paths = ['c/off', 'c/gone', 'c/none', 'a/one'];
    const { secrets } = await owner.secrets.readMany({ environment, paths });
    expect(secrets.map(({ error }) => error?.code)).toEqual([
      'secret_inactive',
      'secret_deleted',
      'secret_not_found',
      undefined,
    ]);
    expect(secrets[3]?.secret?.value?.reveal()).toBe('not-a-secret of a/one');
  });

  it('tells who may not read one that and nothing else, whether it is there or not', async () => {
    const paths = ['a/one', 'b/three', 'b/none'];
    const { secrets } = await parts.as('grace').secrets.readMany({ environment, paths });
    const [one, three, none] = secrets;
    expect(one?.secret?.value?.reveal()).toBe('not-a-secret of a/one');
    const told = (path: string): object => ({
      path,
      error: { code: 'denied', message: `you may not read default/production/${path}` },
    });
    expect([three, none]).toEqual([told('b/three'), told('b/none')]);
    const { entries } = await owner.audit.query({ path: 'b/three', limit: 1 });
    const read = { action: 'secrets.read', outcome: 'denied', reason: 'denied' };
    expect(entries).toMatchObject([{ ...read, actor_name: 'grace' }]);
    expect(entries[0]).not.toHaveProperty('secret_id');
  });

  it('is denied as a whole where nothing may be read', async () => {
    const asked = parts.as('grace').secrets.readMany({ environment: 'staging', paths: ['a/one'] });
    await expect(asked).rejects.toMatchObject({ code: 'denied' });
  });

  it('gives the others where one was altered', async () => {
    await owner.secrets.write({ environment, path: 'd/altered', value: 'v' });
    tamper(place, (db) => db.exec("UPDATE secrets SET tags = '[\"x\"]' WHERE path = 'd/altered'"));
    const paths = ['d/altered', 'a/one'];
    const { secrets } = await owner.secrets.readMany({ environment, paths });
    expect(secrets[0]?.error?.code).toBe('integrity_error');
    expect(secrets[1]?.secret).toBeDefined();
    tamper(place, (db) => db.exec("UPDATE secrets SET tags = '[]' WHERE path = 'd/altered'"));
  });

  it('takes 256 paths, each once, and 16 MiB of values together', async () => {
    const many = Array.from({ length: 257 }, (_, n) => `m/${n}`);
    for (const paths of [[], many, ['a/one', 'a/one'], ['../a']]) {
      const asked = owner.secrets.readMany({ environment, paths });
      await expect(asked).rejects.toMatchObject({
        code: expect.stringMatching(/^invalid_/) as string,
      });
    }
    const most = await owner.secrets.readMany({ environment, paths: many.slice(1) });
    expect(most.secrets).toHaveLength(256);
    const paths = many.slice(0, 17);
    for (const path of paths) {
      await owner.secrets.write({ environment, path, value: new Uint8Array(1_048_576 - 64) });
    }
    await expect(owner.secrets.readMany({ environment, paths })).rejects.toMatchObject({
      code: 'invalid_input',
      hint: expect.stringContaining('16 MiB') as string,
    });
    const fewer = await owner.secrets.readMany({ environment, paths: paths.slice(1) });
    expect(fewer.secrets.every(({ secret }) => secret?.kind === 'bytes')).toBe(true);
  });
});
