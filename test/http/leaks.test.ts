import { createServer, type AddressInfo } from 'node:net';
import { createSocket } from 'node:dgram';
import { readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { temporaryDirectory } from '../../src/testing/temporary-vault.ts';
import { startServed, type AskOptions, type Served } from './served.ts';

const SECRETS = '/api/secrets/workspaces/default/secrets';
const VALUE = `${SECRETS}/by-name/production/db/password:value`;

/** Waits for something that is written beside the answers. */
async function until(is: () => boolean): Promise<void> {
  for (let tries = 0; tries < 100 && !is(); tries += 1) await sleep(50);
  expect(is()).toBe(true);
}

describe('A83 what clients send', () => {
  it('is in no log, metric, event or entry but where it is allowed to be, and each request is one entry', async () => {
    const directory = temporaryDirectory();
    const events = join(directory, 'events.jsonl');
    const served = await startServed({ securityEvents: [events] });
    await served.ask(SECRETS, {
      token: served.token,
      json: { name: 'db/password', environment: 'production', value: 'v' },
    });
    let count = 0;
    const marker = (): string => `mark3r${(count += 1)}x`;
    const { token } = served;
    const body = (): object => ({
      name: 'db/password',
      environment: 'production',
      value: marker(),
      usage: marker(),
      description: marker(),
      tags: [marker()],
      metadata: { [marker()]: marker(), deep: { list: [marker(), 1, true] } },
      [marker()]: marker(),
    });
    const wrong = (): object => ({ ...body(), value: { $base64: marker() }, tags: marker() });
    const forms: readonly (() => AskOptions & { readonly target: string })[] = [
      () => ({ target: SECRETS, token, json: body() }),
      () => ({ target: SECRETS, token, json: wrong() }),
      () => ({ target: SECRETS, token, json: { name: 'ok/1', value: marker() } }),
      () => ({ target: SECRETS, json: body() }),
      () => ({ target: `${SECRETS}?tag=${marker()}&${marker()}=${marker()}`, token }),
      () => ({ target: `${SECRETS}?cursor=${marker()}`, token }),
      () => ({ target: VALUE, headers: { Authorization: `Bearer ${marker()}` } }),
      () => ({ target: VALUE, headers: { Authorization: `Basic ${marker()}` } }),
      () => ({ target: VALUE, token, headers: { [`X-${marker()}`]: marker() } }),
      () => ({ target: VALUE, token, headers: { Cookie: `a=${marker()}` } }),
      () => ({ target: VALUE, token, headers: { 'If-None-Match': `"${marker()}"` } }),
      () => ({ target: VALUE, token, headers: { Accept: marker() } }),
      () => ({ target: VALUE, token, headers: { Referer: `https://${marker()}.example` } }),
      () => ({ target: VALUE, token, headers: { 'X-Forwarded-For': marker() } }),
      () => ({ target: SECRETS, token, json: body(), headers: { 'Content-Type': marker() } }),
      () => ({ target: `/${marker()}`, token }),
      () => ({ target: '/metrics', headers: { 'User-Agent': 'x', Authorization: marker() } }),
      () => ({ target: '/api/sys/unseal', json: { passphrase: marker() } }),
      () => ({
        target: `${SECRETS}/by-name/production/db/password:verify`,
        token,
        json: { candidate: marker() },
      }),
    ];
    const requests: string[] = [];
    for (let round = 0; round < 16; round += 1) {
      for (const form of forms) {
        const { target, ...options } = form();
        const answer = await served.ask(target, options);
        expect(answer.status).toBeLessThan(500);
        const id = answer.headers['x-request-id'];
        const isByOwner = options.token !== undefined && answer.status < 300;
        if (isByOwner && typeof id === 'string') requests.push(id);
      }
    }
    expect(count).toBeGreaterThan(500);
    const entries: { readonly request: string }[] = [];
    let before: number | undefined;
    do {
      const page = await served.owner().audit.query({ limit: 1000, before });
      entries.push(...page.entries);
      before = page.next;
    } while (before !== undefined);
    expect(JSON.stringify(entries)).not.toContain('mark3r');
    expect(requests.length).toBeGreaterThan(50);
    for (const id of requests) {
      expect(entries.filter(({ request }) => request === id)).toHaveLength(1);
    }
    const metrics = await served.ask('/metrics', { token });
    expect(metrics.body).not.toContain('mark3r');
    await served.close();
    const told = served.lines.join('') + readFileSync(events, 'utf8');
    expect(told).toContain('unauthenticated');
    expect(told).not.toContain('mark3r');
    rmSync(directory, { recursive: true, force: true });
  });
});

describe('security events', () => {
  const deny = (served: Served): Promise<unknown> => served.ask(VALUE);

  it('go to syslog, one datagram each', async () => {
    const socket = createSocket('udp4');
    const taken: string[] = [];
    socket.on('message', (message) => taken.push(message.toString()));
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const { port } = socket.address();
    const served = await startServed({ securityEvents: [`syslog://127.0.0.1:${port}`] });
    await deny(served);
    await until(() => taken.length > 0);
    expect(taken[0]).toMatch(/^<84>1 \S+ \S+ strongroom \d+ denied - \{.*"ip":"127\.0\.0\.1".*\}$/);
    await served.close();
    socket.close();
  });

  it('go to an address, and keep nobody waiting while it does not answer', async () => {
    const taken: string[] = [];
    const hook = createHttpServer((message, response) => {
      message.on('data', (part: Uint8Array) => taken.push(Buffer.from(part).toString()));
      message.on('end', () => response.end());
    });
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const [to, never] = [hook, silent].map((each) => (each.address() as AddressInfo).port);
    const served = await startServed({
      securityEvents: [`http://127.0.0.1:${to}/hook`, `http://127.0.0.1:${never}/hook`],
    });
    const began = performance.now();
    await deny(served);
    expect(performance.now() - began).toBeLessThan(2000);
    await until(() => taken.length > 0);
    expect(JSON.parse(taken[0] ?? '')).toMatchObject({
      event: 'denied',
      reason: 'unauthenticated',
      action: 'secrets.read',
      ip: '127.0.0.1',
    });
    hook.close();
    hook.closeAllConnections();
    await served.close();
    silent.close();
  }, 30_000);

  it('go nowhere else', async () => {
    for (const target of ['http://siem.example/hook', 'ftp://127.0.0.1/x', 'https://']) {
      await expect(startServed({ securityEvents: [target] })).rejects.toMatchObject({
        code: 'usage',
      });
    }
  });
});
