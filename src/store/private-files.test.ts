import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { temporaryDirectory } from '../testing/temporary-vault.ts';
import { createPrivateDirectory, createPrivateFile, writePrivateFile } from './private-files.ts';

let directory: string;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

/** Makes a vault, uses it and leaves it open, under a umask; says what modes its files have. */
function modesUnder(umask: string): Record<string, string> {
  const script = `
    process.umask(${umask});
    const { initVault } = await import(${JSON.stringify(join(import.meta.dirname, '../core/init-vault.ts'))});
    const { openVault } = await import(${JSON.stringify(join(import.meta.dirname, '../core/open-vault.ts'))});
    const { createSession } = await import(${JSON.stringify(join(import.meta.dirname, '../core/session.ts'))});
    const { readdirSync, statSync } = await import('node:fs');
    const { join } = await import('node:path');
    const [path, configDirectory] = [join(process.argv[1], 'a/b/vault'), join(process.argv[1], 'config')];
    await initVault(path, { owner: 'ada', configDirectory });
    const vault = await openVault(path, { configDirectory, holder: 'test' });
    const session = createSession(vault, { principal: 'ada' }, 'library');
    await session.secrets.write({ environment: 'testing', path: 'a', value: 'b' });
    const modes = {};
    for (const name of readdirSync(process.argv[1], { recursive: true })) {
      modes[name] = (statSync(join(process.argv[1], name)).mode & 0o777).toString(8);
    }
    console.log(JSON.stringify(modes));
    await vault.close();
  `;
  const child = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', script, '--', directory],
    { encoding: 'utf8' },
  );
  expect(child.stderr).toBe('');
  return JSON.parse(child.stdout) as Record<string, string>;
}

describe.skipIf(process.platform === 'win32')('files of a vault', () => {
  it.each(['0o000', '0o077'])('A67: are 0600 in directories of 0700 under umask %s', (umask) => {
    const modes = modesUnder(umask);
    const names = Object.keys(modes);
    for (const name of ['vault.db', 'vault.db-wal', 'vault.db-shm', 'lock.db', 'lock.json']) {
      expect(names).toContain(join('a/b/vault', name));
    }
    for (const name of ['master.key', 'audit.pub', 'checkpoint']) {
      expect(names.some((found) => found.endsWith(name))).toBe(true);
    }
    const isFile = (name: string): boolean => /\.(db|key|json|pub)|checkpoint$/.test(name);
    const wrong = Object.entries(modes).filter(
      ([name, mode]) => mode !== (isFile(name) ? '600' : '700'),
    );
    expect(wrong).toEqual([]);
  });

  it('can be used by their owner also under a umask that takes every right away', () => {
    const before = process.umask(0o777);
    try {
      createPrivateDirectory(join(directory, 'inner'));
      createPrivateFile(join(directory, 'inner', 'made'));
      writePrivateFile(join(directory, 'inner', 'written'), 'x');
    } finally {
      process.umask(before);
    }
    expect(modeOf(join(directory, 'inner'))).toBe('700');
    expect(modeOf(join(directory, 'inner', 'made'))).toBe('600');
    expect(modeOf(join(directory, 'inner', 'written'))).toBe('600');
  });

  it('are not made again where one is: neither content nor mode changes', () => {
    const path = join(directory, 'there');
    writeFileSync(path, 'content');
    chmodSync(path, 0o640);
    createPrivateFile(path);
    expect(readFileSync(path, 'utf8')).toBe('content');
    expect(modeOf(path)).toBe('640');
  });

  it('do not follow a link that dangles', () => {
    const target = join(directory, 'target');
    symlinkSync(target, join(directory, 'link'));
    createPrivateFile(join(directory, 'link'));
    expect(existsSync(target)).toBe(false);
  });

  it('replace a link by the file, and leave what the link led to', () => {
    const target = join(directory, 'target');
    writeFileSync(target, 'theirs');
    symlinkSync(target, join(directory, 'link'));
    writePrivateFile(join(directory, 'link'), 'ours');
    expect(readFileSync(target, 'utf8')).toBe('theirs');
    expect(readFileSync(join(directory, 'link'), 'utf8')).toBe('ours');
  });

  it('are written whole, over an old one too, and nothing else stays', () => {
    const path = join(directory, 'file');
    writePrivateFile(path, 'one');
    chmodSync(path, 0o644);
    writePrivateFile(path, Uint8Array.of(1, 2, 3));
    expect([...readFileSync(path)]).toEqual([1, 2, 3]);
    expect(modeOf(path)).toBe('600');
    expect(readdirSync(directory)).toEqual(['file']);
  });

  it('leave the old one and nothing else when a new one cannot be put in place', () => {
    const path = join(directory, 'directory');
    mkdirSync(path);
    writeFileSync(join(path, 'in'), '');
    expect(() => writePrivateFile(path, 'x')).toThrow();
    expect(readdirSync(directory)).toEqual(['directory']);
    expect(() => writePrivateFile(join(directory, 'none', 'file'), 'x')).toThrow();
  });

  it('lie in directories of which all that are new are private', () => {
    createPrivateDirectory(join(directory, 'a/b/c'));
    expect(['a', 'a/b', 'a/b/c'].map((name) => modeOf(join(directory, name)))).toEqual([
      '700',
      '700',
      '700',
    ]);
    chmodSync(join(directory, 'a'), 0o755);
    createPrivateDirectory(join(directory, 'a'));
    expect(modeOf(join(directory, 'a'))).toBe('755');
  });
});

describe('a private directory', () => {
  it('is refused where a link leads nowhere, as what is in its place', () => {
    const link = join(directory, 'link');
    symlinkSync(join(directory, 'nothing'), link);
    expect(() => createPrivateDirectory(link)).toThrow(
      expect.objectContaining({ code: 'EEXIST', path: link }),
    );
    expect(readdirSync(directory)).toEqual(['link']);
  });

  // Linux alone has a file system that says ENOENT to a new directory.
  it.runIf(process.platform === 'linux')(
    'is refused at once where no directory can be made',
    () => {
      const script = `
      const { createPrivateDirectory } = await import(${JSON.stringify(join(import.meta.dirname, 'private-files.ts'))});
      try { createPrivateDirectory('/proc/strongroom/a'); } catch (error) { console.log(error.code); }
    `;
      const child = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
        encoding: 'utf8',
        timeout: 10_000,
        killSignal: 'SIGKILL',
      });
      expect(child.signal).toBeNull();
      expect(child.stdout.trim()).toBe('ENOENT');
    },
    20_000,
  );
});
