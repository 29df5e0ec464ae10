import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { ask } from './conversation.ts';
import { FROM_SERVER, MARK } from './framing.ts';
import { CANARY } from './smuggling.ts';
import { install, run } from './tools.ts';

/** A proxy that hands on what comes in at each of its ports. */
export interface Haproxy {
  /** Its ports, in the order of those that they lead to. */
  readonly ports: readonly number[];
  stop(): Promise<void>;
}

const STARTED_MS_MAX = 10_000;

/** The version of haproxy, after an attempt to install it; `undefined` where there is none. */
export function haproxyVersion(): string | undefined {
  const found = (): string | undefined => /version (\S+)/.exec(run('haproxy', ['-v']).stdout)?.[1];
  return found() ?? (install('haproxy') ? found() : undefined);
}

/**
 * Starts haproxy before servers, to which it keeps connections that everybody shares.
 *
 * @param to - The servers' ports.
 */
export async function startHaproxy(directory: string, to: readonly number[]): Promise<Haproxy> {
  const ports: number[] = [];
  for (const _ of to) ports.push(await freePort());
  const file = join(directory, 'haproxy.cfg');
  writeFileSync(file, configOf(to.map((port, at) => [ports[at] ?? 0, port] as const)));
  const child = spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  };
  const until = Date.now() + STARTED_MS_MAX;
  while (!(await ask(ports[0] ?? 0, CANARY)).includes('"live"')) {
    if (Date.now() > until || child.exitCode !== null) {
      await stop();
      throw new Error('haproxy does not start');
    }
    await sleep(20);
  }
  return { ports, stop };
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function configOf(pairs: readonly (readonly [from: number, to: number])[]): string {
  const timeouts = ['connect', 'client', 'server', 'http-request', 'http-keep-alive'];
  return [
    'global',
    '  maxconn 4096',
    '  nbthread 1',
    // More than a case has: what fills the buffer is not taken before it is read.
    '  tune.bufsize 65536',
    'defaults',
    '  mode http',
    ...timeouts.map((timeout) => `  timeout ${timeout} 5s`),
    '  option http-keep-alive',
    '  http-reuse always',
    ...pairs.flatMap(([from, to]) => [
      `frontend from${from}`,
      `  bind 127.0.0.1:${from}`,
      `  http-request set-header ${MARK} %[src_port]`,
      `  http-response set-header ${FROM_SERVER} yes`,
      `  default_backend to${to}`,
      `backend to${to}`,
      `  server one 127.0.0.1:${to}`,
    ]),
    '',
  ].join('\n');
}
