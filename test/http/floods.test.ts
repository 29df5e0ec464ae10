import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { connectionsMax } from '../../src/http/open-files.ts';
import { allRoutes } from '../../src/http/rest/rest-face.ts';
import { CALLER, OURS, type Own } from '../../src/testing/foreign-ids.ts';
import { restRequest, type RestRequestLine } from '../../src/testing/rest-request.ts';
import type { CollectedServerSays } from './collected-server.ts';
import { ask, startServed, type Served } from './served.ts';

const SECRETS = '/api/secrets/workspaces/default/secrets';
const VALUE = `${SECRETS}/by-name/production/db/password:value`;

let served: Served;
beforeAll(async () => {
  served = await startServed();
  const at = { environment: 'production', path: 'db/password' };
  await served.owner().secrets.write({ ...at, value: 'v' });
});
afterAll(() => served.close());

/** A connection that sends something, and when and with what it ended. */
function open(bytes: string): {
  readonly socket: Socket;
  readonly ended: Promise<{ readonly ms: number; readonly text: string }>;
} {
  const began = performance.now();
  const socket = connect(served.server.port, '127.0.0.1', () => socket.write(bytes));
  let text = '';
  socket.on('data', (part: Uint8Array) => (text += Buffer.from(part).toString('latin1')));
  socket.on('error', () => undefined);
  const ended = new Promise<{ ms: number; text: string }>((resolve) => {
    socket.on('close', () => resolve({ ms: performance.now() - began, text }));
  });
  return { socket, ended };
}

const isWell = async (): Promise<boolean> =>
  (await served.ask(VALUE, { token: served.token })).status === 200;

async function connections(): Promise<number> {
  const { body } = await served.ask('/metrics', { token: served.token });
  return Number(/^http_connections (\d+)$/m.exec(body)?.[1]);
}

describe('connections that never come to an end', () => {
  it('A61 L6 are ended when nobody reads their answers, and keep nobody else waiting', async () => {
    const before = await connections();
    const page = 'GET /api/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n';
    const { port } = served.server;
    const sockets = Array.from({ length: 50 }, () => {
      const socket = connect({ port, host: '127.0.0.1' });
      socket.on('error', () => undefined);
      socket.pause();
      socket.write(page.repeat(30));
      return socket;
    });
    // One takes its time, and all of it in the end.
    const slow = connect({ port, host: '127.0.0.1' });
    let read = 0;
    slow.on('data', (bytes: Buffer) => {
      read += bytes.length;
      slow.pause();
      setTimeout(() => slow.resume(), 20);
    });
    slow.write(page.repeat(8));
    await expect.poll(connections, { timeout: 10_000 }).toBeGreaterThan(before + 40);
    expect(await isWell()).toBe(true);
    await expect.poll(connections, { timeout: 14_000, interval: 250 }).toBeLessThan(before + 10);
    const { length } = (await served.ask('/api/openapi.json')).body;
    await expect.poll(() => read, { timeout: 15_000 }).toBeGreaterThan(8 * length);
    for (const socket of [...sockets, slow]) socket.destroy();
  }, 40_000);

  it('A61 L6 are ended when their head takes longer than five seconds, and keep nobody else waiting', async () => {
    const half = Array.from({ length: 300 }, (_, index) =>
      open(`GET ${VALUE} HTTP/1.1\r\nHost: x\r\nX-${index}: `),
    );
    // Some send a byte now and then.
    const drip = setInterval(
      () => half.slice(0, 50).forEach(({ socket }) => socket.write('a')),
      500,
    );
    const slowest: number[] = [];
    for (let i = 0; i < 50; i += 1) {
      const began = performance.now();
      expect(await isWell()).toBe(true);
      slowest.push(performance.now() - began);
      await sleep(20);
    }
    const ends = await Promise.all(half.map(({ ended }) => ended));
    clearInterval(drip);
    expect(Math.max(...ends.map(({ ms }) => ms))).toBeLessThan(12_000);
    expect(ends.every(({ text }) => text === '' || text.startsWith('HTTP/1.1 4'))).toBe(true);
    expect(slowest.toSorted((a, b) => a - b)[24]).toBeLessThan(1000);
  });

  it('L5 are many at a time without an error for the others', async () => {
    const idle = Array.from({ length: 800 }, () => open(''));
    await sleep(500);
    for (let i = 0; i < 20; i += 1) expect(await isWell()).toBe(true);
    for (const { socket } of idle) socket.destroy();
  });
});

describe('what one or a few hold', () => {
  it('L6 A56 is no connection of those who come from elsewhere', async () => {
    const few = await startServed({ connectionsMax: 20 });
    const hold = (localAddress: string): Promise<Socket> =>
      new Promise((resolve) => {
        const socket = connect({ port: few.server.port, host: '127.0.0.1', localAddress }, () =>
          resolve(socket),
        );
        socket.on('error', () => undefined);
      });
    const held = await Promise.all(Array.from({ length: 30 }, () => hold('127.0.0.2')));
    const isOpen = (): number => held.filter(({ closed }) => !closed).length;
    await expect.poll(isOpen).toBe(20);
    for (let index = 0; index < 5; index += 1) held.push(await hold('127.0.0.3'));
    const { status } = await few.ask('/health/live', { localAddress: '127.0.0.4' });
    expect(status).toBe(200);
    expect(held.slice(30).every(({ closed }) => !closed)).toBe(true);
    await expect.poll(isOpen).toBe(19);
    for (const socket of held) socket.destroy();
    await few.close();
  });

  it('L5 A56 is no room for the body of somebody who signs in', async () => {
    const length = 32 * 1024;
    const head = `POST /api/auth/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
    const sockets: Socket[] = [];
    const hold = async (localAddress: string, count: number, bytes: number): Promise<void> => {
      for (let index = 0; index < count; index += 1) {
        const socket = connect({ port: served.server.port, host: '127.0.0.1', localAddress });
        socket.on('error', () => undefined);
        socket.write(head + '{'.padEnd(bytes));
        sockets.push(socket);
      }
      await sleep(200);
    };
    // As much as there is room for in large bodies, and what is left of it in small ones.
    for (let address = 10; address < 19; address += 1) {
      await hold(`127.0.0.${address}`, 128, length - 100);
    }
    await hold('127.0.0.20', 800, 50);
    const json = { name: 'nobody', password: 'x'.repeat(20) };
    const asked = { json, localAddress: '127.0.0.99' };
    expect((await served.ask('/api/auth/sign-in', asked)).status).toBe(401);
    for (const socket of sockets) socket.destroy();
  });
});

describe('requests that are sent ahead of their answers', () => {
  const ask = `GET ${SECRETS}/statistics HTTP/1.1\r\nHost: x\r\n\r\n`;

  it('A56 L6 are answered in their order, up to 32 of them', async () => {
    const last = ask.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n');
    const { text } = await open(ask.repeat(31) + last).ended;
    expect(text.match(/HTTP\/1\.1 401 /g)).toHaveLength(32);
  });

  it('A56 L6 end their connection if there are more, and take up no memory', async () => {
    const before = process.memoryUsage().rss;
    const all = await Promise.all(Array.from({ length: 50 }, () => open(ask.repeat(1000)).ended));
    for (const { ms } of all) expect(ms).toBeLessThan(5000);
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * 1024 * 1024);
    expect(await isWell()).toBe(true);
  });
});

describe('requests that are not as they have to be', () => {
  const whole = [
    `GET ${VALUE} HTTP/1.1`,
    'Host: localhost',
    'Accept: application/json',
    'Content-Length: 0',
  ].join('\r\n');

  it('L7 are answered with a client’s error or nothing, whatever was changed in them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(whole.length),
        fc.nat(6),
        fc.uint8Array({ maxLength: 6 }),
        async (at, drop, more) => {
          const inserted = Buffer.from(more).toString('latin1');
          const text = `${whole.slice(0, at)}${inserted}${whole.slice(at + drop)}\r\nConnection: close\r\n\r\n`;
          const { socket, ended } = open('');
          socket.end(Buffer.from(text, 'latin1'));
          const { text: answer } = await ended;
          expect(answer === '' || /^HTTP\/1\.1 4\d\d /.test(answer)).toBe(true);
        },
      ),
      { numRuns: 1500 },
    );
    expect(await isWell()).toBe(true);
  }, 120_000);

  it('L8 are refused before they are held in memory', async () => {
    const before = process.memoryUsage().rss;
    for (const length of [2 * 1024 * 1024 + 1, 10 ** 12]) {
      const { ended, socket } = open(
        `POST ${SECRETS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${served.token}\r\n` +
          `Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`,
      );
      const { ms, text } = await ended;
      socket.destroy();
      expect(text).toMatch(/^HTTP\/1\.1 413 /);
      expect(ms).toBeLessThan(2000);
    }
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    const { ended } = open(
      `POST ${SECRETS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${served.token}\r\n` +
        `Connection: close\r\nContent-Type: application/json\r\nContent-Length: ${deep.length}\r\n\r\n${deep}`,
    );
    expect((await ended).text).toMatch(/^HTTP\/1\.1 413 /);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
  });
});

/** What strangers may ask for: pages, what they may not see, and every address of what anyone may call. */
const PAGES: readonly RestRequestLine[] = [
  '/health/live',
  '/health/ready',
  '/metrics',
  '/api/sys/seal-status',
  '/api/openapi.json',
  '/api/events',
  VALUE,
].map((target) => ({ method: 'GET', target }));
const OPEN = allRoutes().filter(({ operation }) => operation.anyone === true);
/** Whatever of these a request says is another one each time. */
const OTHER_EACH_TIME: ReadonlySet<unknown> = new Set([CALLER, 'none', 'not a password']);

/** A request of a stranger, unlike each one before it. */
function strangeRequest(count: number): RestRequestLine {
  const index = count % (PAGES.length + OPEN.length + 1);
  const page = PAGES[index];
  if (page !== undefined) return page;
  const route = OPEN[index - PAGES.length];
  if (route === undefined) return { method: 'GET', target: `/none/${count}` };
  const { name } = route.operation;
  const input = OURS[name]?.({} as Own);
  if (input === undefined) throw new TypeError(`no input of ${name} is known`);
  const others = Object.entries(input).map(([member, value]: readonly [string, unknown]) => [
    member,
    OTHER_EACH_TIME.has(value) ? `${String(value)}-${count}` : value,
  ]);
  return restRequest(route, Object.fromEntries(others) as object);
}

/** Starts a server in a process of its own, of which it can be asked what it holds in memory. */
function startCollected(): {
  readonly child: ChildProcess;
  readonly said: () => Promise<CollectedServerSays>;
} {
  const child = fork(new URL('collected-server.ts', import.meta.url), {
    execArgv: ['--expose-gc'],
  });
  const said = (): Promise<CollectedServerSays> =>
    new Promise((resolve, reject) => {
      child.once('message', (message) => resolve(message as CollectedServerSays));
      child.once('exit', () => reject(new Error('the server ended')));
    });
  return { child, said };
}

describe('A56 requests of strangers', () => {
  it('leave nothing behind in memory, at whatever they may ask for', async () => {
    expect(OPEN.length).toBeGreaterThan(10);
    const { child, said } = startCollected();
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    try {
      const { port } = await said();
      const flood = async (from: number, to: number): Promise<void> => {
        for (let at = from; at < to; at += 60) {
          const answers = await Promise.all(
            Array.from({ length: 60 }, (_, index) => {
              const { method, target, body } = strangeRequest(at + index);
              return ask(port, target, { method, json: body, agent });
            }),
          );
          expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
        }
      };
      const used = async (): Promise<number> => {
        const next = said();
        child.send('how much');
        return (await next).usedBytes;
      };
      // What is made once, and what is remembered up to a bound, is there after the first of them.
      await flood(0, 3000);
      const before = await used();
      await flood(3000, 9000);
      expect((await used()) - before).toBeLessThan(3 * 1024 * 1024);
    } finally {
      agent.destroy();
      const over = once(child, 'exit');
      child.disconnect();
      await over;
    }
  }, 120_000);
});

describe('F12 the number of connections', () => {
  it('leaves room for the files that requests need', () => {
    const limits = (files: number): string =>
      `Limit  Soft Limit  Hard Limit  Units\nMax open files            ${files}   ${files}  files\n`;
    expect(connectionsMax(limits(256))).toBe(192);
    expect(connectionsMax(limits(20_000))).toBe(12_000);
    expect(connectionsMax(limits(64))).toBe(16);
    expect(connectionsMax('')).toBe(12_000);
  });
});
