import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { ROOT } from './vaults.ts';

/** The command line as a checkout and a package have it. */
export const COMMAND: string = join(ROOT, 'bin', 'strongroom.js');

/** A process to start and wait for. */
export interface Command {
  readonly node: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** An environment in which nothing of the real user is read or written. */
export function privateEnvironment(directory: string): NodeJS.ProcessEnv {
  const home = join(directory, 'home');
  const config = join(directory, 'config');
  for (const each of [home, config]) mkdirSync(each, { recursive: true, mode: 0o700 });
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(?:STRONGROOM|NODE)_/.test(name)),
  );
  return {
    ...env,
    HOME: home,
    XDG_CONFIG_HOME: config,
    XDG_CACHE_HOME: join(directory, 'cache'),
    STRONGROOM_PRINCIPAL: 'bench',
  };
}

/** Runs a process without a terminal and gives the milliseconds until it has ended. */
export function timed({ node, args, cwd, env }: Command): number {
  const start = performance.now();
  const { status, error, stderr } = spawnSync(node, args, {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
  });
  const taken = performance.now() - start;
  if (status !== 0) throw new Error(`${args.join(' ')} failed: ${error?.message ?? stderr}`);
  return taken;
}

/** A Node on PATH that is too old for Strongroom, with its version. */
export function olderNode(): { readonly path: string; readonly version: string } | undefined {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, 'node');
    if (!existsSync(path)) continue;
    const version = spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout?.trim() ?? '';
    const [major = 0, minor = 0] = version.replace('v', '').split('.').map(Number);
    if (major > 0 && (major < 24 || (major === 24 && minor < 15))) return { path, version };
  }
  return undefined;
}
