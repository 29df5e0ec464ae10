// Holds Strongroom against other people's programs: Python's cryptography and
// argon2, PyYAML, python-dotenv, npm dotenv, schemathesis, the shells, Chromium,
// Bun, Deno, Next.js, and those who know what may stand in the files of deploy/.
// What it needs it installs: packages of Python and npm into node_modules/.cache
// or a temporary directory, Debian's with apt-get.
// With CI set, a peer that cannot be had is a failure.

import { mkdtempSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { backupBySpec } from './backup.ts';
import { browserClient } from './browser.ts';
import { completion } from './completion.ts';
import { deployFiles } from './deploy.ts';
import { fernet } from './fernet.ts';
import { formats } from './formats.ts';
import { fuzzRest } from './fuzz.ts';
import { passkeys } from './passkeys.ts';
import { nextExample } from './next.ts';
import { Report } from './report.ts';
import { otherRuntimes } from './runtimes.ts';
import { makeSampleVault } from './sample-vault.ts';
import { sso } from './sso.ts';
import { python } from './tools.ts';
import { vaultBySpec } from './vault.ts';

const report = new Report();
const directory = mkdtempSync(join(tmpdir(), 'strongroom-peers-'));
const place = (name: string): string => {
  const path = join(directory, name);
  mkdirSync(path);
  return path;
};

try {
  const found = python();
  const path = 'path' in found ? found.path : undefined;
  if ('missing' in found) report.leaveOut('Python with its packages', found.missing);
  if (path !== undefined) {
    fernet(path, report);
    const spec = place('spec');
    const made = await makeSampleVault(spec);
    backupBySpec(path, { made, directory: spec }, report);
    await vaultBySpec(path, { made, directory: spec }, report);
    await fuzzRest(path, place('fuzz'), report);
    await deployFiles(path, place('deploy'), report);
  }
  formats(path, place('formats'), report);
  completion(place('completion'), report);
  await browserClient(place('browser'), report);
  await otherRuntimes(place('runtimes'), report);
  await nextExample(place('next'), report);
  await passkeys(place('passkeys'), report);
  await sso(place('sso'), report);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
process.exitCode = report.close();
