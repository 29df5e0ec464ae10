// What a server needs until it stands, and while nobody asks it anything: alone, and with 10,000 connections.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { median, newDirectory, report } from './harness.ts';
import { residentMb, startServer, type LoadedServer } from './server-load.ts';

const CONNECTIONS = 10_000;
const AT_ONCE = 250;
const SETTLE_MS = 2000;
const STARTS = 5;

const root = newDirectory('connections');
report({
  question: `serve ready, new vault (median of ${STARTS})`,
  measured: median(await startTimes()),
  unit: 's',
  limit: 1,
  note: 'from its process to its first answer; vault and key file are made meanwhile',
});
const server = await start('idle');
const sockets: Socket[] = [];
/** Connections for which this program itself had no descriptor. */
let failedHere = 0;
try {
  await sleep(SETTLE_MS);
  const alone = residentMb(server.pid);
  report({
    question: 'memory (RSS) of an idle server',
    measured: alone,
    unit: 'MB',
    limit: 95,
    note: 'no connection, nothing read',
  });
  const { hostname, port } = new URL(server.address);
  while (sockets.length < CONNECTIONS) await openSome(hostname, Number(port));
  await sleep(SETTLE_MS);
  const open = sockets.filter(({ readyState }) => readyState === 'open').length;
  report({
    question: 'memory of 10,000 idle connections more',
    measured: open === CONNECTIONS ? residentMb(server.pid) - alone : undefined,
    unit: 'MB',
    limit: 250,
    note:
      open === CONNECTIONS
        ? 'each has had an answer'
        : `${open} are open: ${failedHere > 0 ? 'this program' : 'the server'} may not open more files (ulimit -n)`,
  });
} finally {
  for (const socket of sockets) socket.destroy();
  await server.stop();
}

/** Starts a server over a vault that it makes. */
function start(name: string): Promise<LoadedServer> {
  return startServer(
    join(import.meta.dirname, '..', 'bin', 'strongroom.js'),
    ['serve', '--path', join(root, name), '--port=0', '--owner=ada', '--json'],
    { STRONGROOM_CONFIG_HOME: join(root, `${name}-config`) },
  );
}

/** Seconds that servers take until they answer that they are ready. */
async function startTimes(): Promise<readonly number[]> {
  const taken: number[] = [];
  for (let at = 0; at < STARTS; at += 1) {
    const begun = performance.now();
    const started = await start(`start-${at}`);
    try {
      const { status } = await fetch(`${started.address}/health/ready`);
      if (status !== 200) throw new Error(`the server is not ready: ${status}`);
      taken.push((performance.now() - begun) / 1000);
    } finally {
      await started.stop();
    }
  }
  return taken;
}

/** Opens connections, and asks on each for one page. */
async function openSome(host: string, port: number): Promise<void> {
  const some = Array.from({ length: AT_ONCE }, () => connect(port, host));
  sockets.push(...some);
  await Promise.all(
    some.map(async (socket) => {
      socket.on('error', ({ code }: NodeJS.ErrnoException) => {
        if (code === 'EMFILE' || code === 'ENFILE') failedHere += 1;
      });
      await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
      if (socket.readyState !== 'open') return;
      socket.write(`GET /health/live HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      await Promise.race([once(socket, 'data'), once(socket, 'close')]);
    }),
  );
}
