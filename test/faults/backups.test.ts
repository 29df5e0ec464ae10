import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { init, open, restore } from '../../src/index.ts';
import { valueOf } from './ledger.ts';
import { canRun, codeOf, environment, fill, isRoot, makeVault, read, Scratch } from './places.ts';

/** Mounting needs root. */
const canMount = canRun(isRoot, 'on full disks', 'root');

describe.skipIf(!canMount)('F6 backups on a full disk', () => {
  test('F6 a backup that does not fit leaves nothing that looks like one, and the vault goes on', async () => {
    using scratch = new Scratch();
    const disk = scratch.mount('disk', 'size=1m');
    const place = { path: scratch.at('vault'), configDirectory: scratch.at('config') };
    await makeVault(place, ['known/a', 'known/b']);
    await using vault = await open(place);
    const { backups, secrets } = vault.as({ principal: 'ada' });
    fill(disk);
    expect(await codeOf(backups.create({ directory: disk, proof: 'later' }))).toBe('storage_full');
    expect(readdirSync(disk)).toEqual(['ballast']);
    expect((await backups.list()).backups).toEqual([]);
    await secrets.write({ environment, path: 'after', value: valueOf('after', 1) });
    expect(await read(vault, 'known/a')).toBe(valueOf('known/a', 1));
  });

  test('F6 a proof that does not fit leaves no backup either, and one that is made later does', async () => {
    using scratch = new Scratch();
    const disk = scratch.mount('disk', 'size=400k');
    const place = { path: scratch.at('vault'), configDirectory: scratch.at('config') };
    await makeVault(place, ['known/a']);
    await using vault = await open(place);
    const { backups } = vault.as({ principal: 'ada' });
    expect(await codeOf(backups.create({ directory: disk }))).toBe('storage_full');
    expect(readdirSync(disk)).toEqual([]);
    await backups.create({ directory: disk, proof: 'later' });
    expect(readdirSync(disk)).toHaveLength(1);
  });

  test('F6 a restore that does not fit leaves no vault', async () => {
    using scratch = new Scratch();
    const disk = scratch.mount('disk', 'size=400k');
    const place = { path: scratch.at('vault'), configDirectory: scratch.at('config') };
    await makeVault(place, ['known/a']);
    const vault = await open(place);
    const { file } = await vault.as({ principal: 'ada' }).backups.create({
      directory: scratch.at('backups'),
    });
    await vault.close();
    const to = join(disk, 'restored');
    const options = {
      file,
      path: to,
      configDirectory: place.configDirectory,
      by: 'ada',
      replace: true,
    };
    expect(await codeOf(restore(options))).toBe('storage_full');
    expect(existsSync(to)).toBe(false);
    // The vault that is there is not taken for an older copy by that.
    await (await open(place)).close();
  });
});

describe.skipIf(isRoot)('F7 backups where nothing may be written', () => {
  test('F7 a directory that cannot be written is told', async () => {
    using scratch = new Scratch();
    const place = { path: scratch.at('vault'), configDirectory: scratch.at('config') };
    await init({ ...place, owner: 'ada' });
    await using vault = await open(place);
    const directory = scratch.at('locked');
    mkdirSync(directory);
    chmodSync(directory, 0o500);
    const { backups } = vault.as({ principal: 'ada' });
    expect(await codeOf(backups.create({ directory }))).toBe('read_only');
  });
});
