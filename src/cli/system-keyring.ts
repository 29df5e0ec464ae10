import { spawnSync } from 'node:child_process';

import { findProgram } from './find-program.ts';

/** Where the operating system keeps what a user signed in with. */
export interface SystemKeyring {
  /** Keeps a text; returns whether it could. */
  keep(name: string, text: string): boolean;
  /** The text, or `undefined`. */
  find(name: string): string | undefined;
  drop(name: string): void;
}

const SERVICE = 'strongroom';
const WAIT_MS = 5000;

/**
 * The keyring of the session: the Secret Service by `secret-tool`, which takes
 * the text on its standard input. Without a desktop session there is none.
 */
export function findKeyring(
  env: Readonly<Record<string, string | undefined>> = process.env,
): SystemKeyring | undefined {
  if ((env['DBUS_SESSION_BUS_ADDRESS'] ?? '') === '') return undefined;
  const program = programIn(env['PATH']);
  if (program === undefined) return undefined;
  const run = (args: readonly string[], input?: string): string | undefined => {
    const { status, stdout } = spawnSync(program, [...args], {
      encoding: 'utf8',
      timeout: WAIT_MS,
      ...(input === undefined ? {} : { input }),
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    return status === 0 ? stdout : undefined;
  };
  const named = (name: string): readonly string[] => ['service', SERVICE, 'profile', name];
  return {
    keep: (name, text) =>
      run(['store', `--label=${SERVICE} ${name}`, ...named(name)], text) !== undefined,
    find: (name) => run(['lookup', ...named(name)])?.trim() || undefined,
    drop: (name) => void run(['clear', ...named(name)]),
  };
}

function programIn(path: string | undefined): string | undefined {
  try {
    return findProgram('secret-tool', path);
  } catch {
    return undefined;
  }
}
