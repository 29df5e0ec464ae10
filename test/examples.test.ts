// The examples, as people start them, against a server that is another process.
import { spawn, type ChildProcess } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { join, resolve } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { connect, type Client } from '../src/client/client.ts';
import { firstDocument } from './first-document.ts';
import { ended, Sandbox, written } from './sandbox.ts';

const examples = resolve(import.meta.dirname, '..', 'examples');
const place = { environment: 'production', path: 'SIGNING_KEY' };

let sandbox: Sandbox;
let server: ChildProcess;
let client: Client;
let env: Record<string, string>;

beforeAll(async () => {
  sandbox = new Sandbox();
  server = sandbox.start('strongroom', 'serve', '--path', 'vault', '--port', '0', '--json');
  const { address, token } = await firstDocument(server);
  env = { STRONGROOM_ADDR: String(address), STRONGROOM_TOKEN: String(token) };
  client = connect({ address: String(address), token: String(token) });
});
afterAll(async () => {
  server.kill('SIGTERM');
  await once(server, 'exit');
  sandbox[Symbol.dispose]();
});

const signatureOf = (key: string): string =>
  createHmac('sha256', key).update('hello').digest('hex');

test.each(['express', 'fastify'])(
  '%s reads a key at its start, and takes over a new one',
  async (name) => {
    await client.secrets.write({ ...place, value: `${name}-1` });
    const example = spawn(process.execPath, [join(examples, name, 'server.js')], {
      env: { ...sandbox.env, ...env, PORT: '0' },
    });
    const end = ended(example);
    try {
      const [, address] = /on (http:\S+)/.exec(await written(example, 'listening on http')) ?? [];
      const sign = async (): Promise<unknown> =>
        ((await (await fetch(`${address}/sign/hello`)).json()) as { signature?: unknown })
          .signature;
      expect(await sign()).toBe(signatureOf(`${name}-1`));
      await client.secrets.write({ ...place, value: `${name}-2` });
      await expect.poll(sign, { timeout: 20_000 }).toBe(signatureOf(`${name}-2`));
    } finally {
      example.kill('SIGTERM');
      await end;
    }
  },
);
