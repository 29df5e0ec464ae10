import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { CACHE, lastLine, PROJECT, run } from './tools.ts';

/**
 * Packages of npm in a folder of their own, installed without their scripts.
 *
 * @param packages - Such as `next@16.4.6`, with the version that is meant.
 * @returns The folder, or why it cannot be had.
 */
export function installed(
  name: string,
  packages: readonly string[],
): { readonly directory: string } | { readonly missing: string } {
  const directory = join(CACHE, name);
  const stamp = join(directory, 'packages.txt');
  const wanted = packages.join('\n');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return { directory };
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const missing = installInto(directory, packages);
  if (missing !== undefined) return { missing };
  writeFileSync(stamp, wanted);
  return { directory };
}

/**
 * Installs packages of npm into a folder, without their scripts. What its
 * `package.json` names besides is left out.
 *
 * @returns Why that could not be done, if so.
 */
function installInto(directory: string, packages: readonly string[]): string | undefined {
  writeFileSync(join(directory, 'package.json'), '{"private":true,"type":"module"}\n');
  const quiet = ['--no-audit', '--no-fund'];
  const how = ['--ignore-scripts', '--prefer-offline', ...quiet, '--prefix', directory];
  const ran = run('npm', ['install', ...how, ...packages], { cwd: directory });
  return ran.ok ? undefined : `npm install failed: ${lastLine(ran)}`;
}

/** Puts the package as it is built among the packages of a folder. */
export function addStrongroom(directory: string): void {
  const to = join(directory, 'node_modules', 'strongroom');
  mkdirSync(join(to, 'dist'), { recursive: true });
  for (const part of ['package.json', 'dist/bundle', 'dist/client']) {
    cpSync(join(PROJECT, part), join(to, part), { recursive: true });
  }
}
