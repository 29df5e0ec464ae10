import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { firstDocument } from '../first-document.ts';
import { PROJECT } from './tools.ts';

/** A server as people start it, and a token of its owner. */
export interface RunningServer {
  readonly address: string;
  readonly token: string;
  stop(): Promise<void>;
}

/**
 * Starts a server over a new vault below a directory, on a free port.
 *
 * @param options - Further ones of its command line.
 */
export async function startServer(
  directory: string,
  options: readonly string[] = [],
): Promise<RunningServer> {
  const home = join(directory, 'home');
  mkdirSync(home, { recursive: true });
  const program = join(PROJECT, 'bin', 'strongroom.js');
  const path = join(directory, 'vault');
  const command = ['serve', '--path', path, '--port', '0', '--owner', 'owner', '--json'];
  const child = spawn(process.execPath, [program, ...command, ...options], {
    env: { PATH: process.env['PATH'], HOME: home, XDG_CONFIG_HOME: join(home, '.config') },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const { address, token } = await firstDocument(child);
  return {
    address: String(address),
    token: String(token),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}
