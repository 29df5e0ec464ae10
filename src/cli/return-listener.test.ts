import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

import { expect, it } from 'vitest';

import { listenForReturn } from './return-listener.ts';

it('is over at once though others keep connections open, and answers before', async () => {
  const listener = await listenForReturn();
  const idle = connect(listener.port, '127.0.0.1');
  const half = connect(listener.port, '127.0.0.1');
  half.write('GET /callback HTTP/1.1\r\n');
  const ends = [idle, half].map(
    (socket) =>
      new Promise((resolve) => {
        socket.once('close', resolve).on('error', () => undefined);
        socket.resume();
      }),
  );
  const came = listener.wait('s', Date.now() + 60_000);
  const browser = connect(listener.port, '127.0.0.1');
  const host = `127.0.0.1:${listener.port}`;
  browser.write(`GET /callback?state=s&code=c HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const page = text(browser);
  expect(await came).toEqual({ state: 's', code: 'c', iss: undefined });
  await listener[Symbol.asyncDispose]();
  await Promise.all(ends);
  expect(await page).toContain('You can close this page');
}, 10_000);
