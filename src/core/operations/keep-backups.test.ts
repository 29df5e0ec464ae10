import {
  copyFileSync,
  existsSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  truncateSync,
} from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { allBackups } from '../../domain/backup/backup-records.ts';
import { BACKUPS } from '../../store/protected-tables.ts';
import { removeRow } from '../../store/rows.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  temporaryDirectory,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../session.ts';

const DAY = 86_400_000;

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
let directory: string;
let now: number;

beforeEach(async () => {
  place = await makeTemporaryVault();
  now = Date.now();
  parts = await openParts(place, { now: () => now });
  session = parts.as(OWNER);
  directory = realpathSync(temporaryDirectory());
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
  rmSync(directory, { recursive: true, force: true });
});

const files = (): string[] => readdirSync(directory).filter((name) => name.endsWith('.backup'));

describe('pruning backups', () => {
  it('never removes the last one that is there for one whose file is gone', async () => {
    const old = await session.backups.create({ directory, proof: 'later', keepDays: null });
    now += DAY;
    const newest = await session.backups.create({ directory, keepDays: null });
    rmSync(newest.file);
    const pruned = await session.backups.prune({ keepLast: 1 });
    expect(pruned).toEqual({ removed: [], failed: [], missing: [newest.file], kept: 1 });
    expect(existsSync(old.file)).toBe(true);
    const { backups } = await session.backups.list();
    expect(backups.filter(({ removedAt }) => removedAt === null)).toMatchObject([{ id: old.id }]);
  });

  it('never counts one that was cut as one that is there', async () => {
    const old = await session.backups.create({ directory, keepDays: null });
    now += DAY;
    const newest = await session.backups.create({ directory, keepDays: null });
    truncateSync(newest.file, newest.sizeBytes - 1);
    const pruned = await session.backups.prune({ keepLast: 1 });
    expect(pruned).toEqual({ removed: [], failed: [newest.file], missing: [], kept: 1 });
    expect(existsSync(old.file)).toBe(true);
  });

  it('does not take what is on a disk that is away for removed', async () => {
    const { file } = await session.backups.create({ directory, proof: 'later' });
    renameSync(directory, `${directory}-away`);
    expect(await session.backups.prune({ keepLast: 1 })).toMatchObject({
      missing: [],
      failed: [file],
    });
    renameSync(`${directory}-away`, directory);
    expect(await session.backups.prune({ keepLast: 1 })).toMatchObject({ failed: [], kept: 1 });
  });

  it('keeps each for as long as it was promised, unless the caller says otherwise', async () => {
    const kept = await session.backups.create({ directory, proof: 'later', keepDays: 30 });
    now += DAY;
    const other = await session.backups.create({ directory, proof: 'later', keepDays: null });
    now += DAY;
    await session.backups.create({ directory });
    expect((await session.backups.prune({ keepLast: 1 })).removed).toEqual([other.file]);
    expect((await session.backups.prune({ keepDays: 0.5 })).removed).toEqual([]);
    await expect(session.backups.prune({ evenKept: true })).rejects.toMatchObject({
      code: 'invalid_input',
    });
    const pruned = await session.backups.prune({ keepLast: 1, evenKept: true });
    expect(pruned.removed).toEqual([kept.file]);
  });
});

describe('a scheduled backup', () => {
  const isMade = async (): Promise<boolean> =>
    (await session.backups.runScheduled({ directory })).created !== undefined;

  beforeEach(async () => {
    await session.settings.write({ name: 'backup_every', value: '7d' });
  });

  it('is due if the newest whose file is there is old', async () => {
    await session.backups.create({ directory, proof: 'later' });
    now += 6 * DAY;
    expect(await isMade()).toBe(false);
    const { file } = await session.backups.create({ directory, proof: 'later' });
    now += 2 * DAY;
    expect(await isMade()).toBe(false);
    rmSync(file);
    expect(await isMade()).toBe(true);
    expect(await isMade()).toBe(false);
  });

  it('is due if there is none but one that was removed', async () => {
    const { file } = await session.backups.create({ directory, proof: 'later' });
    const aside = join(directory, 'aside');
    renameSync(file, aside);
    await session.backups.prune();
    renameSync(aside, file);
    now += DAY;
    expect(await isMade()).toBe(true);
  });

  it('is due if the newest was cut', async () => {
    const { file, sizeBytes } = await session.backups.create({ directory, proof: 'later' });
    truncateSync(file, sizeBytes - 1);
    now += DAY;
    expect(await isMade()).toBe(true);
  });
});

describe('a backup that is not listed', () => {
  it('is told, and listed again once it was verified', async () => {
    const made = await session.backups.create({ directory, proof: 'later' });
    now += DAY;
    const lost = await session.backups.create({ directory, proof: 'later' });
    const aside = join(directory, 'aside');
    copyFileSync(lost.file, aside);
    rmSync(lost.file);
    await session.backups.prune();
    renameSync(aside, lost.file);
    expect(await session.backups.list()).toMatchObject({ unlisted: [lost.file] });
    await session.backups.verify({ file: lost.file });
    const { backups, unlisted } = await session.backups.list();
    expect(unlisted).toEqual([]);
    expect(backups.map(({ id, removedAt }) => [id, removedAt])).toEqual([
      [lost.id, null],
      [made.id, null],
    ]);
  });

  it('is what a vault that was set back does not know of; verifying lists it', async () => {
    const first = await session.backups.create({ directory, proof: 'later' });
    now += DAY;
    const second = await session.backups.create({ directory, proof: 'later' });
    await parts.write(async ({ transaction, mac }) => {
      const [row] = await allBackups({ transaction, mac });
      if (row !== undefined) await removeRow(transaction, mac, BACKUPS, row);
    });
    expect(await session.backups.list()).toMatchObject({ unlisted: [second.file] });
    await session.backups.verify({ file: second.file, prove: true });
    const { backups, unlisted } = await session.backups.list();
    expect(unlisted).toEqual([]);
    expect(backups.map(({ id }) => id)).toEqual([second.id, first.id]);
    expect(backups[0]).toMatchObject({ file: second.file, sha256: second.sha256 });
    expect(backups[0]?.provenAt).not.toBeNull();
  });

  it('is not left by a repetition, nor told while it is being made', async () => {
    const once = { idempotencyKey: 'once' };
    const making = session.backups.create({ directory }, once);
    for (let done = false; !done;) {
      expect((await session.backups.list()).unlisted).toEqual([]);
      done = files().length > 0;
    }
    expect((await session.backups.list()).unlisted).toEqual([]);
    const made = await making;
    now += DAY;
    expect(await session.backups.create({ directory }, once)).toEqual(made);
    expect(files()).toHaveLength(1);
    expect(await session.backups.list()).toMatchObject({ unlisted: [] });
  });
});
