import { execFileSync, spawnSync, type StdioOptions } from 'node:child_process';

const QUIET: StdioOptions = ['ignore', 'ignore', 'inherit'];

/** Installs a program with apt-get if it is not there. Throws if that is not possible. */
export function requireTool(command: string, debianPackage: string): void {
  if (hasTool(command)) return;
  execFileSync('apt-get', ['update'], { stdio: QUIET });
  const install = ['install', '-y', '--no-install-recommends', debianPackage];
  execFileSync('apt-get', install, { stdio: QUIET });
  if (!hasTool(command)) throw new Error(`${command} is needed, and cannot be installed`);
}

function hasTool(command: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
}
