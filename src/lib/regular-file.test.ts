import { execFileSync } from 'node:child_process';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { temporaryDirectory } from '../testing/temporary-vault.ts';
import { readRegularFile } from './regular-file.ts';

let directory: string;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('a file is read whole, also through a link', () => {
  const path = join(directory, 'file');
  writeFileSync(path, 'content');
  symlinkSync(path, join(directory, 'link'));
  expect(Buffer.from(readRegularFile(path)).toString()).toBe('content');
  expect(Buffer.from(readRegularFile(join(directory, 'link'))).toString()).toBe('content');
});

test('a pipe is refused at once, though nobody writes to it', () => {
  const path = join(directory, 'pipe');
  execFileSync('mkfifo', [path]);
  expect(() => readRegularFile(path)).toThrow(expect.objectContaining({ code: 'file_not_found' }));
});

test.each(['/dev/zero', '.'])('%s is refused', (path) => {
  expect(() => readRegularFile(path)).toThrow(expect.objectContaining({ code: 'file_not_found' }));
});
