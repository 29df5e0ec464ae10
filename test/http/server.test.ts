import { Agent } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startServed, type Served } from './served.ts';

const SECRETS = '/api/secrets/workspaces/default/secrets';
const VALUE = `${SECRETS}/by-name/production/db/password:value`;
const MARKER = 'marker-5d1e7f';

let served: Served;
beforeAll(async () => {
  served = await startServed();
  const at = { environment: 'production', path: 'db/password' };
  await served.owner().secrets.write({ ...at, value: MARKER });
});
afterAll(() => served.close());

describe('a server', () => {
  it('A54 tells anyone, at exactly two addresses, whether it lives and is ready', async () => {
    expect(await served.ask('/health/live')).toMatchObject({ status: 200 });
    expect(await served.ask('/health/ready')).toMatchObject({
      status: 200,
      body: '{"status":"ready"}\n',
    });
    for (const target of [
      '/health',
      '/health/',
      '/health/live/',
      '/health/live?x=1',
      '/health/live?',
      '/Health/live',
      '/health/%6cive',
      '/health/live/x',
      '//health/live',
    ]) {
      expect([target, (await served.ask(target)).status >= 400]).toEqual([target, true]);
    }
    const posted = await served.ask('/health/live', { method: 'POST' });
    expect([posted.status, posted.headers.allow]).toEqual([405, 'GET, HEAD']);
    for (const target of ['/health/live', '/health/ready']) {
      const { status, headers, body } = await served.ask(target, { method: 'HEAD' });
      const { length } = (await served.ask(target)).body;
      expect([status, headers['content-length'], body]).toEqual([200, String(length), '']);
    }
  });

  it('describes every address at /api/openapi.json, to anyone', async () => {
    const { status, body } = await served.ask('/api/openapi.json');
    const { openapi, paths } = JSON.parse(body) as { openapi: string; paths: object };
    expect([status, openapi]).toEqual([200, '3.1.0']);
    expect(Object.keys(paths)).toContain('/api/secrets/admin/seal');
  });

  it('A44 believes no address that a client says, and that of a listed proxy as far as it goes', async () => {
    const forged = {
      'X-Forwarded-For': '203.0.113.7',
      'X-Real-IP': '203.0.113.8',
      Forwarded: 'for=203.0.113.9;proto=https;host=evil.example',
      'X-Forwarded-Host': 'evil.example',
      'X-Forwarded-Proto': 'https',
    };
    const seen = async (by: Served, headers: Record<string, string>): Promise<unknown> => {
      const { headers: answered } = await by.ask(VALUE, { token: by.token, headers });
      const entries = (await by.owner().audit.query({ limit: 20 })).entries;
      const entry = entries.find(({ request }) => request === answered['x-request-id']);
      return entry?.ip;
    };
    expect(await seen(served, forged)).toBe('127.0.0.1');
    const behind = await startServed({ trustedProxies: ['127.0.0.1', '10.0.0.0/8'] });
    try {
      await behind.owner().secrets.write({
        environment: 'production',
        path: 'db/password',
        value: 'v',
      });
      expect(await seen(behind, { 'X-Forwarded-For': '198.51.100.1, 203.0.113.7, 10.0.0.3' })).toBe(
        '203.0.113.7',
      );
      expect(await seen(behind, { Forwarded: 'for=203.0.113.9' })).toBe('127.0.0.1');
    } finally {
      await behind.close();
    }
  });

  it('A48 lets no other site ask, whatever origin it names', async () => {
    for (const origin of [
      'null',
      'https://evil.example',
      `http://127.0.0.1:${served.server.port}.evil.example`,
      'https://127.0.0.1',
    ]) {
      for (const method of ['OPTIONS', 'GET']) {
        const { headers, status } = await served.ask(VALUE, {
          method,
          token: served.token,
          headers: { Origin: origin, 'Access-Control-Request-Method': 'GET' },
        });
        expect(status).toBe(method === 'GET' ? 200 : 405);
        expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual(
          [],
        );
      }
    }
  });

  it('A62 answers no header that a client could end', async () => {
    for (const target of [
      `${SECRETS}/by-name/production/x%0d%0aSet-Cookie:%20a=b`,
      `${SECRETS}?tag=x%0d%0aX-Injected:%201`,
      `${SECRETS}?tag=x%0aX-Injected`,
    ]) {
      const { status, headers } = await served.ask(target, { token: served.token });
      expect(status).toBe(400);
      expect(headers).not.toHaveProperty('x-injected');
      expect(headers).not.toHaveProperty('set-cookie');
    }
    const made = await served.ask(SECRETS, {
      token: served.token,
      json: { name: 'x\r\nSet-Cookie: a=b', value: 'v' },
    });
    expect(made.status).toBe(400);
    expect(made.headers).not.toHaveProperty('set-cookie');
  });

  it('A66 refuses an address with a credential in it, and writes it nowhere', async () => {
    for (const query of [`token=${served.token}`, 'access_token=abc', `x=${served.token}`]) {
      for (const token of [served.token, undefined]) {
        const { status, body } = await served.ask(`${VALUE}?${query}`, { token });
        expect(status).toBe(400);
        expect(body).not.toContain(served.token.slice(10));
      }
    }
    expect(served.lines.join('')).not.toContain(served.token.slice(10));
    const { entries } = await served.owner().audit.query({ limit: 100 });
    expect(JSON.stringify(entries)).not.toContain(served.token.slice(10));
  });

  it('finishes what is under way when it ends, and takes nothing more', async () => {
    const other = await startServed();
    const body = JSON.stringify({ name: 'slow', value: 'v', environment: 'production' });
    const socket = connect(other.server.port, '127.0.0.1');
    const head = [
      `POST ${SECRETS} HTTP/1.1`,
      'Host: localhost',
      `Authorization: Bearer ${other.token}`,
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n${body.slice(0, 5)}`);
    let text = '';
    socket.on('data', (part: Uint8Array) => (text += Buffer.from(part).toString()));
    await sleep(200);
    const ended = other.close();
    await sleep(50);
    await expect(other.ask('/health/live')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    socket.write(body.slice(5));
    await ended;
    await new Promise((resolve) => (socket.closed ? resolve(0) : socket.on('close', resolve)));
    expect(text).toMatch(/^HTTP\/1\.1 201 /);
    expect(text).toMatch(/connection: close/i);
  });

  it('ends although a client keeps its connection', async () => {
    const other = await startServed();
    const agent = new Agent({ keepAlive: true });
    expect((await other.ask('/health/live', { agent })).status).toBe(200);
    const began = performance.now();
    await other.close();
    expect(performance.now() - began).toBeLessThan(5000);
    agent.destroy();
  });
});

describe('/metrics', () => {
  it('are for who may read sys/metrics, and each look at them is on record', async () => {
    expect((await served.ask('/metrics')).status).toBe(401);
    const owner = served.owner();
    await owner.machines.create({ name: 'prometheus' });
    const { token } = await owner.tokens.create({ subject: 'machine:prometheus' });
    expect((await served.ask('/metrics', { token: token.reveal() })).status).toBe(403);
    await owner.access.grant({
      subject: 'machine:prometheus',
      can: ['read'],
      pattern: 'sys/metrics',
    });
    const { status, headers, body } = await served.ask('/metrics', { token: token.reveal() });
    expect([status, headers['content-type']]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
    ]);
    for (const name of [
      'secret_rotation_due_count',
      'secret_access_failure_rate',
      'encryption_backend_health',
      'secret_audit_log_volume',
      'strongroom_sealed',
      'strongroom_committer_batch_size_count',
      'strongroom_committer_wait_seconds_count',
      'strongroom_audit_checkpoint_age_seconds',
      'process_resident_memory_bytes',
      'http_request_duration_seconds_count',
    ]) {
      expect(body).toMatch(new RegExp(`^${name}(?:\\{[^}]*\\})? [0-9.e+-]+$`, 'm'));
    }
    const { entries } = await owner.audit.query({ action: 'metrics.read' });
    expect(entries.map(({ outcome }) => outcome)).toContain('ok');
  });

  it('are whole in the text format of Prometheus', async () => {
    const { body } = await served.ask('/metrics', { token: served.token });
    for (const line of body.trimEnd().split('\n')) {
      expect(line).toMatch(
        /^(?:# (?:HELP [a-z_0-9]+ .+|TYPE [a-z_0-9]+ (?:counter|gauge|histogram))|[a-z_0-9]+(?:\{[a-z]+="[^"\n]*"(?:,[a-z]+="[^"\n]*")*\})? [0-9.e+-]+)$/,
      );
    }
  });

  it('have no label that a client chose', async () => {
    await served.ask(`/${MARKER}`, { token: served.token, headers: { 'User-Agent': MARKER } });
    await served.ask(`${SECRETS}/by-name/${MARKER}/x:value`, { token: served.token });
    await served.ask(SECRETS, { method: 'PROPFIND', token: served.token });
    const { body } = await served.ask('/metrics', { token: served.token });
    expect(body).not.toContain(MARKER);
    expect(body).not.toContain('PROPFIND');
  });

  it('count how accesses end', async () => {
    const numbers = async (): Promise<number> => {
      const { body } = await served.ask('/metrics', { token: served.token });
      return Number(/^secret_accesses_total\{outcome="failed"\} (\d+)/m.exec(body)?.[1] ?? 0);
    };
    const before = await numbers();
    const none = `${SECRETS}/by-name/production/none:value`;
    expect((await served.ask(none, { token: served.token })).status).toBe(404);
    expect(await numbers()).toBe(before + 1);
  });

  it('are open to anyone only where that was said', async () => {
    const open = await startServed({ metricsOpen: true });
    try {
      for (let i = 0; i < 5; i += 1) expect((await open.ask('/metrics')).status).toBe(200);
      const { entries } = await open.owner().audit.query({ action: 'metrics.read' });
      expect(entries.map(({ actor_name: name }) => name)).toEqual(['system']);
    } finally {
      await open.close();
    }
  });
});

describe('a listener', () => {
  it('is refused beyond this machine without TLS', async () => {
    for (const host of ['0.0.0.0', '::', '192.0.2.1']) {
      await expect(startServed({ host })).rejects.toMatchObject({ code: 'usage' });
    }
  });

  it('says what stands in its way', async () => {
    const { port } = served.server;
    await expect(startServed({ port })).rejects.toMatchObject({ code: 'address_in_use' });
    await expect(startServed({ host: '192.0.2.1', insecureHttp: true })).rejects.toMatchObject({
      code: 'usage',
    });
  });
});
