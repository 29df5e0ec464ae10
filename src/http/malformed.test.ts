import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';

import { afterEach, describe, expect, it } from 'vitest';

import { listen, type Listening } from './listen.ts';

const GET = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const JUNK = 'this is no request\r\n\r\n';
const CHUNKED = 'POST /chunked HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
const REFUSAL = '400 the request is not HTTP as it has to be';

type Handle = (message: IncomingMessage, response: ServerResponse) => void;

let listening: Listening | undefined;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await listening?.close(0);
});

/** Sends bytes to a server that answers so; what comes back until the server ends the connection. */
async function send(bytes: string, handle: Handle): Promise<string> {
  listening = await listen({ host: '127.0.0.1', port: 0, handle });
  return received(open(bytes));
}

async function received(socket: Socket): Promise<string> {
  let text = '';
  for await (const part of socket as AsyncIterable<Buffer>) text += part.toString('latin1');
  return text;
}

function open(bytes: string): Socket {
  const socket = connect(listening?.port ?? 0, '127.0.0.1', () => socket.write(bytes));
  sockets.push(socket);
  return socket;
}

/** Status and text of each answer. */
function answers(text: string): readonly string[] {
  return text
    .split('HTTP/1.1 ')
    .slice(1)
    .map((answer) => {
      const body = answer.slice(answer.indexOf('\r\n\r\n') + 4);
      return `${answer.slice(0, 3)} ${/"detail":"([^"]*)"/.exec(body)?.[1] ?? body}`;
    });
}

const say = ({ url = '' }: IncomingMessage, response: ServerResponse): void => {
  response.writeHead(200, { 'Content-Length': url.length });
  response.end(url);
};

/** Answers the first so many requests once all of them are there and what follows was read, the last one first. */
function lastFirst(count: number): Handle {
  const waiting: (() => void)[] = [];
  return (message, response) => {
    waiting.push(() => say(message, response));
    if (waiting.length < count) return;
    void setImmediate().then(() => {
      for (const each of waiting.toReversed()) each();
    });
  };
}

describe('L9 what is no HTTP', () => {
  it('is refused behind the answers to the requests before it', async () => {
    const text = await send(`${GET('/a')}${GET('/b')}${JUNK}`, lastFirst(2));
    expect(answers(text)).toEqual(['200 /a', '200 /b', REFUSAL]);
  });

  it('is refused by itself where nothing came before, or all is answered', async () => {
    expect(answers(await send(JUNK, say))).toEqual([REFUSAL]);
    const socket = open(GET('/a'));
    socket.once('data', () => socket.write(JUNK));
    expect(answers(await received(socket))).toEqual(['200 /a', REFUSAL]);
  });

  it('is refused as one with the request whose body it is', async () => {
    const first = lastFirst(1);
    const handle: Handle = (message, response) => {
      if (message.method === 'GET') first(message, response);
    };
    const text = await send(`${GET('/a')}${CHUNKED}zz\r\n`, handle);
    expect(answers(text)).toEqual(['200 /a', REFUSAL]);
  });

  it('is not refused once more where that request is answered already', async () => {
    const text = await send(`${GET('/a')}${CHUNKED}zz\r\n`, say);
    expect(answers(text)).toEqual(['200 /a', '200 /chunked']);
  });

  it('is refused once, however much of it there is', async () => {
    const asked = Promise.withResolvers<[IncomingMessage, ServerResponse]>();
    const handle: Handle = (...pair) => asked.resolve(pair);
    listening = await listen({ host: '127.0.0.1', port: 0, handle });
    const sent = GET('/a') + JUNK;
    const socket = open(sent);
    const [message, response] = await asked.promise;
    const isRead = async (length: number): Promise<void> => {
      while (message.socket.bytesRead < length) await setImmediate();
    };
    await isRead(sent.length);
    const waiting = response.listenerCount('close');
    for (let more = 1; more <= 3; more += 1) {
      socket.write(JUNK);
      await isRead(sent.length + more * JUNK.length);
    }
    expect(response.listenerCount('close')).toBe(waiting);
    say(message, response);
    expect(answers(await received(socket))).toEqual(['200 /a', REFUSAL]);
  });

  it('ends an answer that has no end, with nothing in the middle of it', async () => {
    const handle: Handle = (_message, response) => {
      response.writeHead(200, { 'Content-Type': 'text/plain' });
      response.write('first');
    };
    listening = await listen({ host: '127.0.0.1', port: 0, handle });
    const socket = open(GET('/stream'));
    let text = '';
    socket.on('error', () => undefined);
    socket.on('data', (part: Buffer) => {
      if (text === '') socket.write(JUNK);
      text += part.toString('latin1');
    });
    await new Promise((resolve) => socket.on('close', resolve));
    expect(text).toMatch(/5\r\nfirst\r\n$/);
  });
});

describe('another protocol', () => {
  const fields = 'Host: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n';

  it.each([
    ['of a request', `GET / HTTP/1.1\r\n${fields}\r\n`],
    ['of one with a body', `POST / HTTP/1.1\r\n${fields}Content-Length: 2\r\n\r\n{}`],
    [
      'of one whose body is still to come',
      `POST / HTTP/1.1\r\n${fields}Content-Length: 9\r\n\r\n{}`,
    ],
    ['of a tunnel', 'CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n'],
  ])('%s is refused in its turn, and ends the connection', async (_name, bytes) => {
    const text = await send(`${GET('/a')}${GET('/b')}${bytes}`, lastFirst(2));
    expect(answers(text)).toEqual(['200 /a', '200 /b', REFUSAL]);
  });

  it('keeps no connection of who does not take the answers before', async () => {
    const handle: Handle = (_message, response) => void response.end(Buffer.alloc(32 * 1024 ** 2));
    listening = await listen({ host: '127.0.0.1', port: 0, handle });
    const upgrade = `GET / HTTP/1.1\r\n${fields}\r\n`;
    const socket = open(`${GET('/a')}${upgrade}`).on('error', () => undefined);
    while (listening.connections === 0) await setImmediate();
    while (listening.connections > 0) await sleep(50);
    expect(socket.bytesRead).toBeLessThan(32 * 1024 ** 2);
  }, 20_000);

  it('leaves a server that goes on, also where the client breaks off', async () => {
    const broken = Promise.withResolvers<void>();
    const handle: Handle = (message, response) => {
      if (message.url !== '/never') return say(message, response);
      message.socket.once('close', () => broken.resolve());
      // By then all that was sent is read.
      void setImmediate().then(() => sockets[0]?.resetAndDestroy());
      return undefined;
    };
    listening = await listen({ host: '127.0.0.1', port: 0, handle });
    const upgrade = `POST / HTTP/1.1\r\n${fields}Content-Length: 9\r\n\r\n{}`;
    open(`${GET('/never')}${upgrade}`).on('error', () => undefined);
    await broken.promise;
    expect(answers(await received(open(`${GET('/a')}${JUNK}`)))).toEqual(['200 /a', REFUSAL]);
  });
});
