// Holds Strongroom against other people's programs: Python's cryptography and
// argon2, PyYAML, python-dotenv, npm dotenv, schemathesis, and the shells. What
// it needs it installs: Python packages into node_modules/.cache, shells with
// apt-get.
// With CI set, a peer that cannot be had is a failure.

import { mkdtempSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { backupBySpec } from './backup.ts';
import { completion } from './completion.ts';
import { fernet } from './fernet.ts';
import { formats } from './formats.ts';
import { fuzzRest } from './fuzz.ts';
import { Report } from './report.ts';
import { makeSampleVault } from './sample-vault.ts';
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
  }
  formats(path, place('formats'), report);
  completion(place('completion'), report);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
process.exitCode = report.close();
