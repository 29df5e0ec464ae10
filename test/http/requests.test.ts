import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startTestServer, type TestServer } from '../../src/testing/http-server.ts';

const IN_DEFAULT = '/api/secrets/workspaces/default/secrets';
const MARKER = 'MARKER-2c71';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  const at = { environment: 'production', path: 'db/password' };
  await server.owner.secrets.write({ ...at, value: MARKER });
});
afterAll(() => server.close());

const value = `${IN_DEFAULT}/by-name/production/db/password:value`;
const auth = (): string => `Authorization: Bearer ${server.ownerToken}`;
const get = (target: string, ...more: readonly string[]): ReturnType<TestServer['request']> =>
  server.request([`GET ${target} HTTP/1.1`, 'Host: localhost', ...more]);
const post = (body: string, ...more: readonly string[]): ReturnType<TestServer['request']> =>
  server.request(
    [
      `POST ${IN_DEFAULT} HTTP/1.1`,
      'Host: localhost',
      auth(),
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...more,
    ],
    body,
  );

describe('a request', () => {
  it('gets a value, and nothing of it may be kept', async () => {
    const { status, head, body } = await get(value, auth());
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ value: MARKER });
    expect(head).toMatch(/cache-control: no-store/i);
    expect(head).toMatch(/x-content-type-options: nosniff/i);
  });

  it('means the environment of the server if it names none, which `null` is not', async () => {
    const json = 'Content-Type: application/json';
    const named = await post('{"name":"db/one","value":"x"}', json);
    expect([named.status, JSON.parse(named.body)]).toMatchObject([
      201,
      { environment: 'development' },
    ]);
    const refused = await post('{"environment":null,"name":"db/two","value":"x"}', json);
    expect([refused.status, JSON.parse(refused.body)]).toMatchObject([
      400,
      { code: 'invalid_input' },
    ]);
  });

  it('has members and no list, also where it needs none', async () => {
    const begin = (body: string): ReturnType<TestServer['request']> =>
      server.request(
        [
          'POST /api/auth/device HTTP/1.1',
          'Host: localhost',
          'Content-Type: application/json',
          `Content-Length: ${Buffer.byteLength(body)}`,
        ],
        body,
      );
    for (const body of ['[]', '[{}]', '"x"', '1', 'null', 'true']) {
      expect([body, (await begin(body)).status]).toEqual([body, 400]);
    }
    expect((await begin('{}')).status).toBe(201);
  });

  it('A24 is of nobody unless it has exactly one bearer token', async () => {
    const token = server.ownerToken;
    for (const header of [
      undefined,
      `Authorization: Basic ${btoa(`x:${token}`)}`,
      `Authorization: Token ${token}`,
      `Authorization: bearer ${token}`,
      `Authorization: BEARER ${token}`,
      `Authorization: Bearer  ${token}`,
      `Authorization: Bearer ${token}, Bearer ${token}`,
      `Authorization: Bearer ${token} x`,
      `Authorization: Bearer ${token.slice(0, -1)}`,
      `Authorization: ${token}`,
      `X-Vault-Token: ${token}`,
      `Cookie: session=${token}`,
    ]) {
      const { status, body } = await get(value, ...(header === undefined ? [] : [header]));
      expect([header?.split(' ')[1], status]).toEqual([header?.split(' ')[1], 401]);
      expect(body).not.toContain(MARKER);
      expect(body).not.toContain(token.slice(10));
    }
  });

  it('A45 is refused if a header is there twice, or is called in a way that others read otherwise', async () => {
    for (const lines of [
      [auth(), auth()],
      [auth(), 'Host: other'],
      [auth(), 'Cookie: a=b', 'Cookie: c=d'],
      [auth(), 'Sec-Fetch-Site: same-origin', 'Sec-Fetch-Site: cross-site'],
      [auth(), 'X_Forwarded_For: 127.0.0.1'],
      [auth(), 'X-HTTP-Method-Override: DELETE'],
      [auth(), 'X-Original-URL: /health/live'],
      [auth(), '__proto__: x'],
      [auth(), 'Content-Length: 0', 'Content-Length: 0'],
      [auth(), 'X-Token : t'],
      [auth(), 'X-Long: a', ' folded'],
      [auth(), 'Transfer-Encoding: chunked', 'Content-Length: 3'],
      [auth(), 'Transfer-Encoding: identity, chunked'],
    ]) {
      const { status, body } = await get(value, ...lines);
      expect([lines[1], status]).toEqual([lines[1], 400]);
      expect(body).not.toContain(MARKER);
    }
  });

  it.each([
    `${IN_DEFAULT}/by-name/production/db%2fpassword:value`,
    `${IN_DEFAULT}/by-name/production/x/../db/password:value`,
    `${IN_DEFAULT}/by-name/production/x/%2e%2e/db/password:value`,
    `${IN_DEFAULT}//by-name/production/db/password:value`,
    `/api/secrets/workspaces/default/secrets/by-name/production/db/password:value/`,
    `http://localhost${IN_DEFAULT}`,
    `/health/../api`,
  ])('A27 A41 has one address only: %s is refused', async (target) => {
    const { status, body } = await get(target, auth());
    expect(status).toBe(400);
    expect(body).not.toContain(MARKER);
  });

  it('A54 is not let through by what else stands in its address or head', async () => {
    for (const target of [`${value}?x=/health/live`, `${value}?/health/live`]) {
      expect((await get(target)).status).toBeGreaterThanOrEqual(400);
    }
    const { status } = await get(value, 'User-Agent: kube-probe/1.30');
    expect(status).toBe(401);
  });

  it('A66 takes no token in the address, and repeats none', async () => {
    const token = server.ownerToken;
    for (const name of ['token', 'access_token', 'authorization']) {
      const { status, body } = await get(`${value}?${name}=${token}`);
      expect([400, 401]).toContain(status);
      expect(body).not.toContain(token.slice(10));
    }
  });

  it('A38 has no method but those of its address', async () => {
    for (const method of ['PUT', 'PATCH', 'TRACE', 'OPTIONS', 'LIST', 'get', 'CONNECT', 'FOO']) {
      const { status, body } = await server.request([
        `${method} ${IN_DEFAULT} HTTP/1.1`,
        'Host: localhost',
        auth(),
      ]);
      expect([method, [0, 400, 405].includes(status)]).toEqual([method, true]);
      expect(body).not.toContain(MARKER);
    }
  });

  it.each([
    'application/json\t a',
    'application/json garbage',
    'application/json; charset=utf-16',
    'application/jsonx',
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    '',
  ])('A47 has JSON said to be JSON: %j is not', async (type) => {
    const { status } = await post('{"name":"a","value":"b"}', `Content-Type: ${type}`);
    expect(status).toBe(415);
  });

  it('A47 is held against its schema whatever its type is called', async () => {
    for (const type of ['APPLICATION/JSON', 'application/json;charset=UTF-8']) {
      const { status } = await post('{"value":7,"odd":1}', `Content-Type: ${type}`);
      expect(status).toBe(400);
    }
  });

  it('A58 has a body as it is, and no encoded one', async () => {
    const { status } = await post('x', 'Content-Type: application/json', 'Content-Encoding: gzip');
    expect(status).toBe(415);
  });

  it('A57 of a stranger is refused before its body is looked at', async () => {
    const { status } = await server.request(
      [
        `POST ${IN_DEFAULT} HTTP/1.1`,
        'Host: localhost',
        'Content-Type: application/json',
        'Content-Length: 99999999999',
      ],
      '[[[[',
    );
    expect(status).toBe(401);
  });

  it('A57 is refused by its size, before it came', async () => {
    const head = [
      `POST ${IN_DEFAULT} HTTP/1.1`,
      'Host: localhost',
      auth(),
      'Content-Type: application/json',
    ];
    expect((await server.request([...head, 'Content-Length: 99999999'], '{')).status).toBe(413);
  });

  it('A46 with names of prototypes changes none', async () => {
    for (const name of ['__proto__', 'constructor', 'prototype', 'toString']) {
      const body = `{"name":"p/${name}","value":"v","metadata":{"${name}":{"isAdmin":true}},"${name}":{"isAdmin":true}}`;
      expect((await post(body, 'Content-Type: application/json')).status).toBe(400);
      expect((await get(`${IN_DEFAULT}?${name}=1`, auth())).status).toBe(400);
      expect((await get(`${IN_DEFAULT}/${name}`, auth())).status).toBe(404);
    }
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as Readonly<Record<string, unknown>>)['isAdmin']).toBeUndefined();
  });

  it('A84 that cannot be read is refused without a word of it', async () => {
    const whole = `{"name":"x/${MARKER}","value":"${MARKER}","tags":["${MARKER}"],"${MARKER}":1}`;
    for (let at = 0; at <= whole.length; at += 3) {
      for (const body of [whole.slice(0, at), `${whole.slice(0, at)}\u0002${whole.slice(at)}`]) {
        const answer = await post(body, 'Content-Type: application/json');
        expect(answer.status).toBeGreaterThanOrEqual(400);
        expect(answer.status).toBeLessThan(500);
        expect(answer.body).not.toContain('MARKER');
      }
    }
  });

  it.each(['Host: other', 'X_Forwarded_For: 127.0.0.1', 'X-Original-URL: /health/live'])(
    'A45 L7 ends its connection if others may read it in another way: %s',
    async (line) => {
      const head = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\n';
      const text = await server.raw(`${head}${line}\r\n\r\n${head}Connection: close\r\n\r\n`);
      expect(text.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 400']);
    },
  );

  it('names a parameter that was mistyped, and nothing that could be a value', async () => {
    const said = async (query: string): Promise<string> =>
      (await get(`${IN_DEFAULT}?${query}`, auth())).body;
    expect(await said('limt=3')).toContain('the address takes no parameter limt');
    const other = await said('S3cret=3');
    expect(other).toContain('a parameter that is not known');
    expect(other).not.toContain('S3cret');
  });

  it('L8 has 200 headers at most', async () => {
    const more = (count: number): string[] =>
      Array.from({ length: count }, (_, at) => `X-${at}: y`);
    expect((await get(value, auth(), ...more(190))).status).toBe(200);
    const { status, body } = await get(value, auth(), ...more(200));
    expect([status, body]).toEqual([413, expect.stringContaining('request_too_large')]);
  });

  it('L7 that is no HTTP ends its connection, and nothing else', async () => {
    for (const bytes of [
      'GET /\r\n\r\n',
      'GET / HTTP/0.9\r\n\r\n',
      'GET / HTTP/2.0\r\nHost: x\r\n\r\n',
      'GET / HTTP/1.1\r\n\r\n',
      'GET / HTTP/1.1\nHost: x\n\n',
      `GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${'X: y\r\n'.repeat(4000)}\r\n`,
      `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      '\u0000\u0001\u0002\u0003\r\n\r\n',
      '\u0016\u0003\u0001\u0000\u0000',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n',
    ]) {
      const text = await server.raw(bytes);
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 400);
      expect([bytes.slice(0, 20), [400, 401, 404, 413, 431].includes(status)]).toEqual([
        bytes.slice(0, 20),
        true,
      ]);
    }
    expect((await get(value, auth())).status).toBe(200);
  });
});
