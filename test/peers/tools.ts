import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';

export const PROJECT: string = resolve(import.meta.dirname, '../..');

/** Where peers are kept between runs: not in `node_modules`, which `npm ci` takes away. */
export const CACHE: string = join(cacheHome(), 'strongroom-peers');
const REQUIREMENTS = join(import.meta.dirname, 'requirements.txt');

/** Where programs keep what they can make anew (XDG Base Directory). */
function cacheHome(): string {
  const given = process.env['XDG_CACHE_HOME'] ?? '';
  // One that is not absolute is to be passed over.
  return isAbsolute(given) ? given : join(homedir(), '.cache');
}

/** How a program ended. */
export interface Ran {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of {@link run}. */
export interface RunOptions {
  readonly input?: string | undefined;
  readonly cwd?: string | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
}

/** Runs a program to its end. One that is not there is a failure like any other. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Ran {
  const { status, stdout, stderr, error } = spawnSync(program, [...args], {
    input: options.input ?? '',
    cwd: options.cwd,
    env: options.env ?? process.env,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return {
    ok: status === 0,
    stdout: stdout ?? '',
    stderr: error === undefined ? (stderr ?? '') : error.message,
  };
}

/**
 * A Python with the packages of `requirements.txt`, in an environment of its own.
 *
 * @returns Path of the interpreter, or why there is none.
 */
export function python(): { readonly path: string } | { readonly missing: string } {
  const directory = join(CACHE, 'python');
  const path = join(directory, 'bin', 'python');
  const stamp = join(directory, 'requirements.txt');
  const wanted = readFileSync(REQUIREMENTS, 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted && run(path, ['-V']).ok) {
    return { path };
  }
  mkdirSync(dirname(directory), { recursive: true });
  const made = makeEnvironment(directory);
  if (!made.ok) return { missing: `no Python environment: ${lastLine(made)}` };
  const installed = run(path, ['-m', 'pip', 'install', '--quiet', '-r', REQUIREMENTS]);
  if (!installed.ok) return { missing: `pip install failed: ${lastLine(installed)}` };
  writeFileSync(stamp, wanted);
  return { path };
}

function makeEnvironment(directory: string): Ran {
  const args = ['-m', 'venv', '--clear', directory];
  const made = run('python3', args);
  if (made.ok) return made;
  install('python3-venv');
  return run('python3', args);
}

/** Whether a shell is there, after an attempt to install it. */
export function hasShell(name: string): boolean {
  return run(name, ['-c', 'exit 0']).ok || (install(name) && run(name, ['-c', 'exit 0']).ok);
}

let isListUpdated = false;

/** Installs a package of Debian's without what it only recommends, where that is possible. */
export function install(name: string): boolean {
  if (process.getuid?.() !== 0) return false;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args: readonly string[]): boolean => run('apt-get', args, { env }).ok;
  const isInstalled = (): boolean => apt('install', '-y', '--no-install-recommends', name);
  if (isInstalled()) return true;
  if (isListUpdated) return false;
  isListUpdated = true;
  return apt('update') && isInstalled();
}

/** The command line as people start it, in a project and home of its own. */
export interface CommandLine {
  readonly project: string;
  strongroom(args: readonly string[], input?: string): Ran;
}

/** Makes an empty project with a home of its own below a directory. */
export function commandLine(directory: string): CommandLine {
  const project = join(directory, 'project');
  const home = join(directory, 'home');
  for (const each of [project, home]) mkdirSync(each, { recursive: true });
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    XDG_CONFIG_HOME: join(home, '.config'),
    NO_COLOR: '1',
  };
  const program = join(PROJECT, 'bin', 'strongroom.js');
  return {
    project,
    strongroom: (args, input) =>
      run(process.execPath, [program, ...args], { cwd: project, env, input }),
  };
}

/** The last line that a failed program said. */
export function lastLine({ stdout, stderr }: Ran): string {
  return (stderr.trim() === '' ? stdout : stderr).trim().split('\n').at(-1) ?? '';
}
