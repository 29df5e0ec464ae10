import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, expect, it, vi } from 'vitest';

import { temporaryDirectory } from '../testing/temporary-vault.ts';
import { initVault } from './init-vault.ts';

let failure: string;
vi.mock(import('../store/private-files.ts'), async (original) => ({
  ...(await original()),
  createPrivateDirectory: () => {
    throw Object.assign(new Error('no'), { code: failure, syscall: 'mkdir' });
  },
}));

const root = temporaryDirectory();
afterEach(() => rmSync(root, { recursive: true, force: true }));

it.each([
  ['ENOSPC', 'storage_full'],
  ['EIO', 'storage_failed'],
  ['EACCES', 'read_only'],
  ['ENAMETOOLONG', 'read_only'],
])('a vault whose directory cannot be made because of %s is not made: %s', async (cause, code) => {
  failure = cause;
  const path = join(root, 'vault');
  await expect(initVault(path, { owner: 'ada', configDirectory: root })).rejects.toMatchObject({
    code,
  });
  expect(existsSync(path)).toBe(false);
});
