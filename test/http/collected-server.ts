// A server in a process of its own, which is asked how much of its memory is still in use once
// everything that nobody refers to was collected: `node --expose-gc`, started with a channel.

import { setTimeout as sleep } from 'node:timers/promises';

import { startServed } from './served.ts';

/** What it says, first of all and whenever it is asked. */
export interface CollectedServerSays {
  readonly port: number;
  readonly usedBytes: number;
}

const COLLECTIONS = 4;

const served = await startServed();
const at = { environment: 'production', path: 'db/password' };
await served.owner().secrets.write({ ...at, value: 'v' });

async function usedBytes(): Promise<number> {
  const { gc } = globalThis;
  if (gc === undefined) throw new TypeError('it is started without --expose-gc');
  for (let count = 0; count < COLLECTIONS; count += 1) {
    gc();
    // What is finalised or answered late is gone by the next one.
    await sleep(50);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function say(): Promise<void> {
  const said: CollectedServerSays = { port: served.server.port, usedBytes: await usedBytes() };
  process.send?.(said);
}

process.on('message', () => void say());
process.on('disconnect', () => void served.close());
await say();
