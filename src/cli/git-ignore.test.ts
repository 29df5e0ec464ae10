import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { ignoreInGit, isTrackedByGit } from './git-ignore.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'git-ignore-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

const ALL = ['.strongroom/', '.env', '.env.*', '!.env.example'];

function ignore(vault = '.strongroom'): readonly string[] | undefined {
  return ignoreInGit(directory, join(directory, vault));
}

test('nothing is made where there is neither git nor the file', () => {
  expect(ignore()).toBeUndefined();
});

test('in a directory below a work tree the file is made there', () => {
  mkdirSync(join(directory, '.git'));
  const below = join(directory, 'packages', 'api');
  mkdirSync(below, { recursive: true });
  expect(ignoreInGit(below, join(below, '.strongroom'))).toStrictEqual(ALL);
  expect(readFileSync(join(below, '.gitignore'), 'utf8')).toBe(`${ALL.join('\n')}\n`);
});

test.each([
  ['', ALL],
  ['.env*\n', ['.strongroom/', '!.env.example']],
  ['/.strongroom\n**/.env\n.env.*\n!.env.*.example\n', []],
  ['.env.local\n#.env\n', ALL],
])('of a file with %j only what is missing is added, once', (before, added) => {
  writeFileSync(join(directory, '.gitignore'), before);
  expect(ignore()).toStrictEqual(added);
  const after = readFileSync(join(directory, '.gitignore'), 'utf8');
  expect(after).toBe(before + added.map((line) => `${line}\n`).join(''));
  expect(ignore()).toStrictEqual([]);
  expect(readFileSync(join(directory, '.gitignore'), 'utf8')).toBe(after);
});

test('bytes that are no UTF-8 stay as they are', () => {
  const before = Buffer.from([0x66, 0xff, 0xfe, 0x0a]);
  writeFileSync(join(directory, '.gitignore'), before);
  ignore();
  expect(readFileSync(join(directory, '.gitignore')).subarray(0, 4)).toStrictEqual(before);
});

test('a vault elsewhere in the project is named, with what git would read as a pattern escaped', () => {
  writeFileSync(join(directory, '.gitignore'), '');
  expect(ignore('data/[my] vault')?.[0]).toBe('data/\\[my\\]\\ vault/');
  expect(ignore('data/[my] vault')).toStrictEqual([]);
});

test('a vault outside of the project is not named', () => {
  writeFileSync(join(directory, '.gitignore'), '');
  expect(ignore('../elsewhere')).toStrictEqual(ALL.slice(1));
});

test('a file is tracked if git has it in its index, and only then', () => {
  writeFileSync(join(directory, '.env'), 'A=1\n');
  expect(isTrackedByGit(directory, '.env')).toBe(false);
  const git = (...args: readonly string[]): unknown =>
    execFileSync('git', args, { cwd: directory, stdio: 'ignore' });
  git('init');
  expect(isTrackedByGit(directory, '.env')).toBe(false);
  git('add', '.env');
  expect(isTrackedByGit(directory, '.env')).toBe(true);
  vi.stubEnv('PATH', directory);
  expect(isTrackedByGit(directory, '.env')).toBe(false);
  vi.unstubAllEnvs();
});
