import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { SYSTEM_ID } from '../domain/access/system-principal.ts';
import { createUser } from '../domain/access/principals.ts';
import { open } from '../index.ts';
import { uuidv7 } from '../lib/ids.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../testing/temporary-vault.ts';
import type { WorkReport } from './due-work.ts';
import { Backoff, Scheduler } from './scheduler.ts';
import { createSystemSession, type Session } from './session.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;
const environment = 'production';
const BEGIN = Date.UTC(2026, 0, 1);
let clock = BEGIN;
const now = (): number => clock;

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
let scheduler: Scheduler;
beforeEach(async () => {
  clock = BEGIN;
  place = await makeTemporaryVault({ now });
  parts = await openParts(place, { now });
  session = parts.as(OWNER);
  scheduler = new Scheduler(parts.vault, now);
});
afterEach(async () => {
  await scheduler.stop();
  await parts.vault.close();
  place.remove();
});

const make = (path: string, more: object = {}): Promise<unknown> =>
  session.secrets.create({
    environment,
    path,
    value: 'old',
    rotation: 'every 1d',
    generator: 'uuid',
    ...more,
  });
const versionOf = async (path: string): Promise<number> =>
  (await session.secrets.describe({ environment, path })).version;

describe('a round of the scheduler', () => {
  it('rotates what is due and has a generator, once for each time that it is due', async () => {
    await make('A');
    await make('B', { rotation: 'every 3d' });
    await make('C', { generator: null });
    await make('D', { rotation: 'manual' });
    await make('E', { active: false });
    expect((await scheduler.run()).done.rotations).toBe(0);
    clock += DAY;
    expect(await scheduler.run()).toMatchObject({ done: { rotations: 1 }, failures: [] });
    expect((await scheduler.run()).done.rotations).toBe(0);
    clock += 2 * DAY;
    expect((await scheduler.run()).done.rotations).toBe(2);
    expect(await Promise.all(['A', 'B', 'C', 'D', 'E'].map(versionOf))).toEqual([3, 2, 1, 1, 1]);
  });

  it('covers every workspace', async () => {
    await session.workspaces.create({ name: 'billing' });
    const address = { workspace: 'billing', environment, path: 'A' };
    await session.secrets.create({ ...address, value: 'v', rotation: 'auto', generator: 'uuid' });
    clock += 90 * DAY;
    expect((await scheduler.run()).done.rotations).toBe(1);
    expect((await session.secrets.describe(address)).version).toBe(2);
  });

  it('is on record as the system, and is told as that', async () => {
    await make('A');
    clock += DAY;
    await scheduler.run();
    const { entries } = await session.audit.query({ path: 'A', action: 'secrets.rotate' });
    expect(entries).toMatchObject([
      { actor: SYSTEM_ID, actor_name: 'system', actor_kind: 'system', face: 'scheduler' },
    ]);
    expect((await session.secrets.history({ path: 'A' })).versions[0]?.createdByName).toBe(
      'system',
    );
    await expect(session.audit.verify()).resolves.toBeDefined();
  });

  it('tells what fails, stops nothing for it, and tries it again later and later', async () => {
    await make('A', { generator: 'database' });
    await make('B');
    clock += DAY;
    const first = await scheduler.run();
    expect(first.done.rotations).toBe(1);
    expect(first.failures).toMatchObject([
      { task: 'rotations', what: 'default/production/A', code: 'invalid_input' },
    ]);
    const failures = async (minutes: number): Promise<number> => {
      clock += minutes * MINUTE;
      return (await scheduler.run()).failures.length;
    };
    expect(await failures(0)).toBe(0);
    expect(await failures(1)).toBe(1);
    expect(await failures(1)).toBe(0);
    expect(await failures(1)).toBe(1);
    await session.secrets.update({ environment, path: 'A', generator: 'uuid' });
    clock += 10 * MINUTE;
    expect(await scheduler.run()).toMatchObject({ done: { rotations: 1 }, failures: [] });
  });

  it('destroys what the trash need not keep, rotates keys that are due, and makes backups', async () => {
    const backups = join(place.root, 'backups');
    await make('A', { rotation: 'manual' });
    await make('B', { rotation: 'manual' });
    await session.secrets.delete({ environment, path: 'A' });
    await session.settings.write({ name: 'backup_every', value: '7d' });
    process.env['STRONGROOM_BACKUP_PATH'] = backups;
    try {
      clock += 29 * DAY;
      expect((await scheduler.run()).done).toMatchObject({ trash: 0, keys: 0, backups: 1 });
      expect(existsSync(backups)).toBe(true);
      clock += 2 * DAY;
      expect((await scheduler.run()).done).toMatchObject({ trash: 1, keys: 0, backups: 0 });
      clock += 60 * DAY;
      const { done, failures } = await scheduler.run();
      expect(failures).toEqual([]);
      expect(done).toMatchObject({ trash: 0, backups: 1 });
      expect(done.keys).toBeGreaterThan(0);
    } finally {
      delete process.env['STRONGROOM_BACKUP_PATH'];
    }
    await expect(session.secrets.undelete({ environment, path: 'A' })).rejects.toMatchObject({
      code: 'secret_not_found',
    });
    expect(await versionOf('B')).toBe(1);
    expect((await session.jobs.list()).filter(({ finishedAt }) => finishedAt === null)).toEqual([]);
    await expect(session.audit.verify()).resolves.toBeDefined();
  });

  it('checks all versions once a week, goes on with a check that was interrupted, and tells damage', async () => {
    const secrets = Array.from({ length: 600 }, (_, n) => ({ path: `s/${n}`, value: 'v' }));
    await session.secrets.import({ environment, secrets });
    await session.secrets.verifyChecksums();
    expect(await scheduler.run()).toMatchObject({ done: { checksums: 1 }, failures: [] });
    expect(await session.jobs.list()).toMatchObject([
      { kind: 'verify-checksums', state: 'finished', done: 600, failed: 0 },
    ]);
    clock += 6 * DAY;
    expect((await scheduler.run()).done.checksums).toBe(0);
    clock += DAY;
    tamper(place, (db) => db.exec('UPDATE versions SET checksum = zeroblob(32) WHERE version = 1'));
    expect(await scheduler.run()).toMatchObject({
      done: { checksums: 0 },
      failures: [{ task: 'checksums', what: 'vault', code: 'integrity_error' }],
    });
    clock += DAY;
    expect((await scheduler.run()).failures).toEqual([]);
    await session.settings.write({ name: 'verify_every_days', value: 0 });
    clock += 100 * DAY;
    expect((await scheduler.run()).failures).toEqual([]);
  });

  it('is never under way twice', async () => {
    for (let index = 0; index < 10; index += 1) await make(`KEY_${index}`);
    clock += DAY;
    const reports = await Promise.all([scheduler.run(), scheduler.run(), scheduler.run()]);
    expect(reports.map(({ done }) => done.rotations)).toEqual([10, 10, 10]);
    expect(await versionOf('KEY_0')).toBe(2);
    const { entries } = await session.audit.query({ action: 'secrets.rotate' });
    expect(entries).toHaveLength(10);
  });

  it('ends without a word when the vault is closed meanwhile', async () => {
    for (let index = 0; index < 10; index += 1) await make(`KEY_${index}`);
    clock += DAY;
    const round = scheduler.run();
    await nextTurn();
    await parts.vault.close();
    await expect(round).rejects.toMatchObject({ code: 'vault_closed' });
    parts = await openParts(place, { now });
    session = parts.as(OWNER);
    await expect(session.audit.verify()).resolves.toBeDefined();
  });
});

describe("the caller's own functions", () => {
  it('may throw, at once or later, and end neither the process nor the schedule', async () => {
    await make('A');
    clock += DAY;
    const unhandled: unknown[] = [];
    const warned: string[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    const hear = (warning: Error): void => void warned.push(String(warning));
    process.on('unhandledRejection', note);
    process.on('warning', hear);
    const failures: unknown[] = [];
    const reports: WorkReport[] = [];
    const own = new Scheduler(parts.vault, now, {
      everyMs: 1000,
      onReport: (report) => {
        reports.push(report);
        clock += DAY;
        const error = new Error('MARKER of the caller');
        if (reports.length === 1) throw error;
        return Promise.reject(error) as unknown as undefined;
      },
      onFailure: (error) => {
        failures.push(error);
        throw new Error('MARKER of the caller');
      },
    });
    try {
      own.start();
      for (let round = 0; reports.length < 2 && round < 500; round += 1) await wait(10);
      expect(reports).toHaveLength(2);
      expect(failures).toEqual([]);
      await parts.vault.close();
      for (let round = 0; failures.length === 0 && round < 500; round += 1) await wait(10);
      expect(failures).toMatchObject([{ code: 'vault_closed' }]);
      await wait(50);
      expect(unhandled).toEqual([]);
      expect(warned).toHaveLength(3);
      expect(warned.join()).not.toContain('MARKER');
    } finally {
      await own.stop();
      process.off('unhandledRejection', note);
      process.off('warning', hear);
    }
    parts = await openParts(place, { now });
    session = parts.as(OWNER);
  });
});

describe('the system', () => {
  it('is nobody that a caller can be, by name or by id', async () => {
    for (const principal of ['system', 'System', SYSTEM_ID]) {
      await expect(parts.as(principal).workspaces.list()).rejects.toMatchObject({
        code: 'principal_unknown',
      });
    }
    const forged = { isSystem: true, face: 'scheduler', principalId: SYSTEM_ID } as object;
    await expect(parts.as('system', forged).workspaces.list()).rejects.toMatchObject({
      code: 'principal_unknown',
    });
  });

  it('has a name that nobody else can be given', async () => {
    for (const name of ['system', 'SYSTEM']) {
      await expect(parts.write((work) => createUser(work, uuidv7(), name))).rejects.toMatchObject({
        code: 'reserved_name',
      });
    }
  });

  it('reads no value and writes none but by rotating', async () => {
    await make('A');
    const system = createSystemSession(parts.vault);
    const address = { environment, path: 'A' };
    await expect(system.secrets.read(address)).rejects.toMatchObject({ code: 'denied' });
    await expect(system.secrets.write({ ...address, value: 'v' })).rejects.toMatchObject({
      code: 'denied',
    });
    await expect(system.environments.resolve({ environment })).rejects.toMatchObject({
      code: 'denied',
    });
    await expect(system.secrets.rotate(address)).resolves.toMatchObject({ version: 2 });
  });
});

describe('waiting before the next try', () => {
  it('takes twice as long each time, up to 6 hours, and begins anew after a success', () => {
    const backoff = new Backoff(now);
    const minutes: number[] = [];
    for (let round = 0; round < 11; round += 1) {
      backoff.failed('a');
      const from = clock;
      while (!backoff.mayTry('a')) clock += MINUTE;
      minutes.push((clock - from) / MINUTE);
    }
    expect(minutes).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]);
    expect(backoff.mayTry('b')).toBe(true);
    backoff.succeeded('a');
    backoff.failed('a');
    clock += MINUTE;
    expect(backoff.mayTry('a')).toBe(true);
  });
});

describe('an open vault with a schedule', () => {
  it('does the work by itself until it is closed, and leaves nothing running', async () => {
    await make('A');
    await parts.vault.close();
    clock += DAY;
    const reports: WorkReport[] = [];
    const vault = await open({
      path: place.path,
      configDirectory: place.configDirectory,
      now,
      schedule: { everyMs: 1000, onReport: (report) => reports.push(report) },
    });
    for (let round = 0; reports.length === 0 && round < 500; round += 1) await wait(10);
    await vault.close();
    expect(reports).toMatchObject([{ done: { rotations: 1 } }]);
    expect(
      process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length,
    ).toBeLessThan(2);
    parts = await openParts(place, { now });
    session = parts.as(OWNER);
    expect(await versionOf('A')).toBe(2);
  });

  it('does the work once for who may ask for it, and for nobody else', async () => {
    await make('A');
    await parts.write((work) => createUser(work, uuidv7(), 'grace'));
    await parts.vault.close();
    clock += DAY;
    await using vault = await open({
      path: place.path,
      configDirectory: place.configDirectory,
      now,
    });
    await expect(vault.runDueWork({ principal: 'grace' })).rejects.toMatchObject({
      code: 'denied',
    });
    expect((await vault.runDueWork({ principal: OWNER })).done.rotations).toBe(1);
    const { entries } = await vault.as({ principal: OWNER }).audit.query({ action: 'jobs.run' });
    expect(entries.map(({ actor_name: who, outcome }) => [who, outcome])).toEqual([
      [OWNER, 'ok'],
      ['grace', 'denied'],
    ]);
    await vault.close();
    parts = await openParts(place, { now });
  });

  it('refuses an interval that is none before it opens anything', async () => {
    const { path, configDirectory } = place;
    for (const everyMs of [0, 999, Number.NaN, 2 ** 31]) {
      await expect(open({ path, configDirectory, schedule: { everyMs } })).rejects.toThrow(
        RangeError,
      );
    }
  });
});
