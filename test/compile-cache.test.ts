// Compiled code is run as it lies in the cache, so nobody else may write there (hardening A67).
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

const program = resolve(import.meta.dirname, '../bin/strongroom.js');

let root: string;
let cache: string;
let directories: readonly string[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'strongroom-cache-'));
  cache = join(root, 'cache');
  const own = join(cache, 'strongroom');
  directories = [cache, own, join(own, 'compiled')];
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Runs the program; tells whether there is compiled code afterwards. */
function leavesCode(umask = '022'): boolean {
  const { status, stderr } = spawnSync(
    'sh',
    ['-c', `umask ${umask}; exec "$0" "$1" --version`, process.execPath, program],
    { env: { PATH: process.env['PATH'], HOME: root, XDG_CACHE_HOME: cache } },
  );
  expect(stderr.toString()).toBe('');
  expect(status).toBe(0);
  const compiled = directories.at(-1) ?? '';
  return existsSync(compiled) && readdirSync(compiled).length > 0;
}

function makeDirectories(): void {
  for (const directory of directories) mkdirSync(directory, { mode: 0o700 });
}

test.each(['000', '022', '077'])(
  'A67 with umask %s the directories of compiled code are 0700',
  (umask) => {
    expect(leavesCode(umask)).toBe(true);
    expect(directories.map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o700, 0o700]);
  },
);

test.each(
  [0, 1, 2].flatMap((which) => ['770', '702', '777'].map((mode) => [which, mode] as const)),
)(
  'A67 there is no compiled code where others can write: directory %i of mode %s',
  (which, mode) => {
    makeDirectories();
    chmodSync(directories[which] ?? '', Number.parseInt(mode, 8));
    expect(leavesCode()).toBe(false);
  },
);

test.each([0, 1, 2])('A67 there is no compiled code behind a link: directory %i', (which) => {
  makeDirectories();
  const path = directories[which] ?? '';
  renameSync(path, join(root, 'elsewhere'));
  symlinkSync(join(root, 'elsewhere'), path);
  expect(leavesCode()).toBe(false);
});

test.skipIf(process.geteuid?.() !== 0).each([0, 1, 2])(
  "A67 there is no compiled code in another user's directory: %i",
  (which) => {
    makeDirectories();
    chownSync(directories[which] ?? '', 12_345, 12_345);
    expect(leavesCode()).toBe(false);
  },
);

test('without a place for compiled code the program runs all the same', () => {
  cache = '/dev/null/cache';
  directories = ['/dev/null/cache/strongroom/compiled'];
  expect(leavesCode()).toBe(false);
});
