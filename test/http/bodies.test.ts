// Bodies that are on their way: what strangers may make a server keep.

import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startServed, type Served } from './served.ts';

const SIGN_IN = '/api/auth/sign-in';
const KIB = 1024;

let served: Served;
beforeAll(async () => {
  served = await startServed();
});
afterAll(() => served.close());

const head = (length: number, more = ''): string =>
  `POST ${SIGN_IN} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${more}Content-Length: ${length}\r\n\r\n`;

/** Begins a body and does not end it; resolves to what was answered meanwhile, if anything. */
function begin(socket: Socket, length: number): Promise<string> {
  let answer = '';
  socket.on('data', (bytes: Buffer) => (answer += bytes.toString('latin1')));
  socket.on('error', () => undefined);
  socket.write(head(length));
  socket.write(Buffer.alloc(length - 10, 0x20));
  return sleep(1500).then(() => answer);
}

/** Sends a head that says it waits to be asked for its body, and the body once it is; resolves to the statuses. */
function afterContinue(authorization: string, body: string): Promise<readonly string[]> {
  const socket = connect({ port: served.server.port, host: '127.0.0.1' });
  const statuses: string[] = [];
  socket.write(
    [
      'POST /api/secrets/workspaces/default/secrets HTTP/1.1',
      'Host: localhost',
      `Authorization: ${authorization}`,
      'Content-Type: application/json',
      'Expect: 100-continue',
      `Content-Length: ${body.length}`,
      '',
      '',
    ].join('\r\n'),
  );
  return new Promise((resolve, reject) => {
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')));
    socket.on('error', reject);
    socket.on('data', (bytes: Buffer) => {
      const status = /^HTTP\/1\.1 (\d+)/.exec(bytes.toString('latin1'))?.[1] ?? '';
      statuses.push(status);
      if (status === '100') socket.write(body);
      else socket.destroy();
    });
    socket.on('close', () => resolve(statuses));
  });
}

describe('a body that waits to be asked for (RFC 9110, Expect: 100-continue)', () => {
  const body = '{"name":"EXPECTED","value":"v"}';

  it('is asked for', async () => {
    expect(await afterContinue(`Bearer ${served.token}`, body)).toEqual(['100', '201']);
  });

  it('is not asked for where nobody may send it', async () => {
    expect(await afterContinue('Bearer nobody', body)).toEqual(['401']);
  });
});

describe('L5 A56 bodies of anyone', () => {
  it('are no longer than what anyone has to send', async () => {
    const json = { name: 'bob', password: 'p'.repeat(40 * KIB) };
    expect((await served.ask(SIGN_IN, { json })).status).toBe(413);
    const { token } = served;
    const secret = { name: 'BIG', value: 'v'.repeat(40 * KIB) };
    const where = '/api/secrets/workspaces/default/secrets';
    expect((await served.ask(where, { token, json: secret })).status).toBe(201);
  });

  it('take up so much from one address and no more, and others go on', async () => {
    const { port } = served.server;
    const sockets = Array.from({ length: 200 }, () =>
      connect({ port, host: '127.0.0.1', localAddress: '127.0.0.9' }),
    );
    const answers = await Promise.all(sockets.map((socket) => begin(socket, 32 * KIB)));
    // 4 MiB of 32 KiB less ten bytes each.
    const held = answers.filter((answer) => answer === '');
    expect(held.length).toBe(128);
    const json = { name: 'nobody', password: 'not a password' };
    expect((await served.ask(SIGN_IN, { json })).status).toBe(401);
    expect((await served.ask(SIGN_IN, { json, localAddress: '127.0.0.9' })).status).toBe(401);
    for (const socket of sockets) socket.destroy();
    await sleep(200);
    const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.9' });
    expect(await begin(socket, 32 * KIB)).toBe('');
    socket.destroy();
  }, 30_000);
});

describe('L9 a request of HTTP/1.0', () => {
  it('has no Transfer-Encoding, by which others would frame it otherwise', async () => {
    const socket = connect(served.server.port, '127.0.0.1');
    const lines = [
      'POST /api/auth/device HTTP/1.0',
      'Host: localhost',
      'Content-Type: application/json',
      'Connection: keep-alive',
      'Transfer-Encoding: chunked',
    ];
    socket.write(`${lines.join('\r\n')}\r\n\r\n2\r\n{}\r\n0\r\n\r\n`);
    let answer = '';
    for await (const bytes of socket as AsyncIterable<Buffer>) answer += bytes.toString('latin1');
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe('L9 a request that others may frame otherwise', () => {
  const ask = async (version: string, coding: string): Promise<string> => {
    const socket = connect(served.server.port, '127.0.0.1');
    const lines = [
      `POST /api/auth/sign-in ${version}`,
      'Host: localhost',
      'Content-Type: application/json',
      `Transfer-Encoding: ${coding}`,
    ];
    socket.write(`${lines.join('\r\n')}\r\n\r\n2\r\n{}\r\n0\r\n\r\nno request\r\n\r\n`);
    let answer = '';
    for await (const bytes of socket as AsyncIterable<Buffer>) answer += bytes.toString('latin1');
    return /"detail":"([^"]*)"/.exec(answer)?.[1] ?? answer;
  };

  it('is refused for a version of HTTP that is spoken nowhere in this way', async () => {
    for (const version of ['HTTP/0.9', 'HTTP/2.0']) {
      expect(await ask(version, 'chunked')).toMatch(/is of no version of HTTP/);
    }
  });

  it('has its body in chunks and in no other coding besides', async () => {
    for (const coding of ['identity, chunked', 'gzip, chunked', 'x, chunked']) {
      expect(await ask('HTTP/1.1', coding)).toBe('a body comes in chunks or as it is');
    }
    expect(await ask('HTTP/1.1', 'Chunked')).toMatch(/^the input's name/);
  });
});
