// Holds Strongroom against other people's programs: Python's cryptography and
// argon2, PyYAML, python-dotenv, npm dotenv, schemathesis, the shells, Chromium,
// Bun, Deno, the oldest Node that is enough, Next.js, haproxy, and those who know what may stand in the files of
// deploy/.
// What it needs it installs: packages of Python and npm into ~/.cache/strongroom-peers
// or below XDG_CACHE_HOME, Debian's with apt-get.
// With CI set, a peer that cannot be had is a failure.
// STRONGROOM_PROXY_SEED and STRONGROOM_PROXY_CASES say which requests haproxy gets, and how many.

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
import { oldestNode } from './oldest-node.ts';
import { passkeys } from './passkeys.ts';
import { nextExample } from './next.ts';
import { proxy } from './proxy.ts';
import { Report } from './report.ts';
import { residue } from './residue.ts';
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
/** Runs one part, and says how long it took. */
const part = async <T>(name: string, work: () => T | Promise<T>): Promise<T> => {
  const begun = performance.now();
  const result = await work();
  const seconds = (performance.now() - begun) / 1000;
  process.stdout.write(`        ${name}: ${seconds.toFixed(1)} s\n`);
  return result;
};

try {
  const found = await part('python', python);
  const path = 'path' in found ? found.path : undefined;
  if ('missing' in found) report.leaveOut('Python with its packages', found.missing);
  if (path !== undefined) {
    await part('fernet', () => fernet(path, report));
    const spec = place('spec');
    const made = await makeSampleVault(spec);
    await part('backup', () => backupBySpec(path, { made, directory: spec }, report));
    await part('vault', () => vaultBySpec(path, { made, directory: spec }, report));
    await part('fuzz', () => fuzzRest(path, place('fuzz'), report));
    await part('deploy', () => deployFiles(path, place('deploy'), report));
  }
  await part('formats', () => formats(path, place('formats'), report));
  await part('completion', () => completion(place('completion'), report));
  await part('browser', () => browserClient(place('browser'), report));
  await part('oldest node', () => oldestNode(report));
  await part('runtimes', () => otherRuntimes(place('runtimes'), report));
  await part('next', () => nextExample(place('next'), report));
  await part('residue', () => residue(place('residue'), report));
  await part('passkeys', () => passkeys(place('passkeys'), report));
  await part('sso', () => sso(place('sso'), report));
  await part('proxy', () => proxy(place('proxy'), report));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
process.exitCode = report.close();
