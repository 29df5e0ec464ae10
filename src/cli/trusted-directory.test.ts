import { chownSync, lchownSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { temporaryDirectory } from '../testing/temporary-vault.ts';
import { locateVault } from './project.ts';

const OTHER = 12_345;

let project: string;
let vault: string;
beforeEach(() => {
  project = temporaryDirectory();
  vault = join(project, '.strongroom');
  vi.stubEnv('STRONGROOM_PATH', '');
  vi.stubEnv('SUDO_UID', '');
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(project, { recursive: true, force: true });
});

function makeVault(directory: string): void {
  mkdirSync(directory);
  writeFileSync(join(directory, 'vault.db'), '');
}

const untrusted: unknown = expect.objectContaining({
  code: 'not_a_vault',
  hint: expect.stringContaining('--path ') as string,
});

test("the user's own directory is found, here and from below", () => {
  makeVault(vault);
  const below = join(project, 'a', 'b');
  mkdirSync(below, { recursive: true });
  expect(locateVault(undefined, project)?.value).toBe(vault);
  expect(locateVault(undefined, below)?.value).toBe(vault);
});

test('a link to a vault is refused where it is found, and taken where it is named', () => {
  const elsewhere = join(project, 'elsewhere');
  makeVault(elsewhere);
  symlinkSync(elsewhere, vault);
  lchownSync(vault, process.geteuid?.() ?? 0, process.getegid?.() ?? 0);
  expect(() => locateVault(undefined, project)).toThrow(untrusted);
  expect(locateVault(vault, '/')?.value).toBe(vault);
  vi.stubEnv('STRONGROOM_PATH', vault);
  expect(locateVault(undefined, project)?.value).toBe(vault);
});

describe.skipIf(process.geteuid?.() !== 0)('as root, who can give directories away', () => {
  test("another user's directory is refused where it is found, and taken where it is named", () => {
    makeVault(vault);
    chownSync(vault, OTHER, OTHER);
    expect(() => locateVault(undefined, project)).toThrow(untrusted);
    expect(locateVault(vault, '/')?.value).toBe(vault);
  });

  test('with sudo, the directory of the user who became root is found', () => {
    makeVault(vault);
    chownSync(vault, OTHER, OTHER);
    vi.stubEnv('SUDO_UID', String(OTHER));
    expect(locateVault(undefined, project)?.value).toBe(vault);
  });

  test("another user trusts root's directory, and no third one's, whatever SUDO_UID says", () => {
    makeVault(vault);
    vi.spyOn(process, 'geteuid').mockReturnValue(OTHER + 1);
    vi.stubEnv('SUDO_UID', String(OTHER));
    expect(locateVault(undefined, project)?.value).toBe(vault);
    chownSync(vault, OTHER, OTHER);
    expect(() => locateVault(undefined, project)).toThrow(untrusted);
    vi.restoreAllMocks();
  });
});
