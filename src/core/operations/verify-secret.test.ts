import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  makeTemporaryVault,
  openParts,
  OWNER,
  storedRows,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { ChecksumsVerified } from './verify-checksums.ts';

const at = { environment: 'production', path: 'db/password' };

let place: TemporaryVault;
let parts: OpenParts;
let now = 0;
beforeEach(async () => {
  now = Date.UTC(2030, 0, 1);
  place = await makeTemporaryVault({ now: () => now });
  parts = await openParts(place, { now: () => now });
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

describe('a candidate', () => {
  it('is told apart from the value, whether it is text or bytes, and nothing else is said', async () => {
    const { secrets } = parts.as(OWNER);
    await secrets.create({ ...at, value: 'right' });
    expect(await secrets.verify({ ...at, candidate: 'right' })).toEqual({ matches: true });
    expect(await secrets.verify({ ...at, candidate: 'wrong' })).toEqual({ matches: false });
    expect(await secrets.verify({ ...at, candidate: '' })).toEqual({ matches: false });
    const bytes = new TextEncoder().encode('right');
    expect(await secrets.verify({ ...at, candidate: bytes })).toEqual({ matches: true });
  });

  it('is held against one field, or against all', async () => {
    const { secrets } = parts.as(OWNER);
    await secrets.create({ ...at, value: { user: 'a', password: 'b' } });
    const verify = (input: object): Promise<unknown> =>
      secrets.verify({ ...at, candidate: 'b', ...input });
    expect(await verify({ field: 'password' })).toEqual({ matches: true });
    expect(await verify({ field: 'user' })).toEqual({ matches: false });
    expect(await verify({ candidate: { user: 'a', password: 'b' } })).toEqual({ matches: true });
    expect(await verify({})).toEqual({ matches: false });
    await expect(verify({ field: 'host' })).rejects.toMatchObject({ code: 'field_not_found' });
  });

  it('is tried five times a minute at most by one principal on one secret, restarts included', async () => {
    const other = { environment: 'production', path: 'other' };
    await parts.as(OWNER).secrets.create({ ...at, value: 'right' });
    await parts.as(OWNER).secrets.create({ ...other, value: 'right' });
    const attempt = (path = at): Promise<unknown> =>
      parts.as(OWNER).secrets.verify({ ...path, candidate: 'MARKER-guess' });
    for (let n = 0; n < 5; n += 1) await attempt();
    now += 20_000;
    await parts.vault.close();
    parts = await openParts(place, { now: () => now });
    const refused = await attempt().catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'rate_limited', details: { retryAfter: 40 } });
    expect(JSON.stringify(refused) + String(refused)).not.toContain('MARKER');
    await attempt(other);
    now -= 60_000;
    await expect(attempt()).rejects.toMatchObject({ code: 'rate_limited' });
    now += 100_000;
    await attempt();
    tamper(place, (db) => db.exec('UPDATE verify_attempts SET attempts = 0'));
    await expect(attempt()).rejects.toMatchObject({ code: 'integrity_error' });
  });

  it('is on record with what came of it, and not itself', async () => {
    const session = parts.as(OWNER);
    await session.secrets.create({ ...at, value: 'right' });
    await session.secrets.verify({ ...at, candidate: 'MARKER-guess' });
    const { entries } = await session.audit.query({ action: 'secrets.verify' });
    expect(entries[0]).toMatchObject({ path: at.path, version: 1, detail: 'differs' });
    const all = tamper(place, (db) => JSON.stringify(storedRows(db, 'audit_entries')));
    expect(all).not.toContain('MARKER');
  });

  it('is not tried by those who may only list', async () => {
    const session = parts.as(OWNER, { can: ['list', 'write', 'rotate'] });
    await parts.as(OWNER).secrets.create({ ...at, value: 'right' });
    await expect(session.secrets.verify({ ...at, candidate: 'right' })).rejects.toMatchObject({
      code: 'denied',
    });
  });
});

describe('the check of all versions', () => {
  async function checkAll(): Promise<{ done: number; damaged: ChecksumsVerified['damaged'][0][] }> {
    const { secrets } = parts.as(OWNER);
    let part = await secrets.verifyChecksums();
    const damaged = [...part.damaged];
    while (!part.finished) {
      part = await secrets.verifyChecksums();
      damaged.push(...part.damaged);
    }
    return { done: part.done, damaged };
  }

  async function fill(count: number): Promise<void> {
    const { secrets } = parts.as(OWNER);
    await secrets.import({
      environment: 'testing',
      secrets: Array.from({ length: count }, (_, n) => ({ path: `s/${n}`, value: `v${n}` })),
    });
  }

  it('goes over every version in batches, and gives nothing out', async () => {
    await fill(1100);
    const first = await parts.as(OWNER).secrets.verifyChecksums();
    expect(first).toMatchObject({ checked: 512, done: 512, total: 1100, finished: false });
    expect(await checkAll()).toEqual({ done: 1100, damaged: [] });
    expect(await parts.as(OWNER).secrets.verifyChecksums()).toMatchObject({ done: 512 });
    const { entries } = await parts.as(OWNER).audit.query({ action: 'secrets.read' });
    expect(entries).toEqual([]);
  });

  it('names what is damaged, puts it on record, and goes on', async () => {
    await fill(40);
    await parts.as(OWNER).secrets.update({
      environment: 'testing',
      path: 's/5',
      value: 'next',
      description: 'a',
    });
    const of = (n: number): string => `(SELECT id FROM secrets WHERE path = 's/${n}')`;
    tamper(place, (db) => {
      const flip = db.prepare('UPDATE versions SET envelope = ? WHERE secret_id = ?');
      const [row] = db.prepare(`SELECT * FROM versions WHERE secret_id = ${of(3)}`).all();
      const envelope = new Uint8Array(row?.['envelope'] as Uint8Array);
      envelope[envelope.length - 1] = (envelope.at(-1) ?? 0) ^ 1;
      flip.run(envelope, row?.['secret_id'] as string);
      db.exec(`UPDATE versions SET checksum = zeroblob(32) WHERE secret_id = ${of(7)}`);
      db.exec(`UPDATE secrets SET type = 'jwt_secret' WHERE path = 's/9'`);
      db.exec(`UPDATE secrets SET metadata = zeroblob(300) WHERE path = 's/5'`);
    });
    const { damaged } = await checkAll();
    const told = damaged.map(({ path, version }) => `${path} ${version ?? 'row'}`);
    expect(told.toSorted()).toEqual(['s/3 1', 's/5 row', 's/7 1', 's/9 row']);
    const { entries } = await parts.as(OWNER).audit.query({ action: 'secrets.damaged' });
    expect(entries).toHaveLength(4);
  });

  it('is a job that goes on after an interruption, with what it found before', async () => {
    await fill(1100);
    tamper(place, (db) => {
      const first = 'SELECT secret_id FROM versions ORDER BY secret_id LIMIT 1';
      db.exec(`UPDATE versions SET checksum = zeroblob(32) WHERE secret_id = (${first})`);
    });
    const first = await parts.as(OWNER).secrets.verifyChecksums();
    expect(first).toMatchObject({ done: 512, failed: 1, finished: false });
    await parts.vault.close();
    parts = await openParts(place, { now: () => now });
    const { jobs, secrets } = parts.as(OWNER);
    expect(await jobs.list({ running: true })).toMatchObject([
      { kind: 'verify-checksums', workspace: null, done: 512, total: 1100, failed: 1 },
    ]);
    now += 1000;
    const second = await secrets.verifyChecksums();
    expect(second).toMatchObject({
      startedAt: first.startedAt,
      checked: 512,
      done: 1024,
      failed: 1,
    });
    expect(second.damaged).toEqual([]);
    expect(await secrets.verifyChecksums()).toMatchObject({
      done: 1100,
      failed: 1,
      finished: true,
    });
    expect(await jobs.list()).toMatchObject([
      { kind: 'verify-checksums', state: 'failed', done: 1100, failed: 1 },
    ]);
  });

  it('is due once a week, or as the setting says', async () => {
    await fill(3);
    const { secrets, settings } = parts.as(OWNER);
    const isDue = async (): Promise<boolean> =>
      (await secrets.verifyChecksums({ due: true })).startedAt !== null;
    const day = 86_400_000;
    expect(await isDue()).toBe(true);
    expect(await isDue()).toBe(false);
    now += 7 * day - 1;
    expect(await isDue()).toBe(false);
    now += 1;
    expect(await isDue()).toBe(true);
    await settings.write({ name: 'verify_every_days', value: 1 });
    now += day;
    expect(await isDue()).toBe(true);
    await settings.write({ name: 'verify_every_days', value: 0 });
    now += 1000 * day;
    expect(await isDue()).toBe(false);
    expect(await secrets.verifyChecksums()).toMatchObject({ checked: 3, finished: true });
  });
});
