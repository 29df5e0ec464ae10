import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { everyOperation } from '../core/every-operation.ts';
import { clientRoutes } from '../http/rest/client-routes.ts';
import { SecretValue } from '../secret-value.ts';
import { startTestServer, type TestServer } from '../testing/http-server.ts';
import { connect, type Client } from './client.ts';
import { ROUTES } from './routes.ts';

let server: TestServer;
let client: Client;
beforeAll(async () => {
  server = await startTestServer();
  client = connect({ address: server.address, token: server.ownerToken, retries: 0 });
});
afterAll(() => server.close());

/** Called without regard to what there is. */
interface Callable {
  readonly jobs: { run(): Promise<unknown> };
}

const at = { environment: 'production', path: 'db/password' };

describe('the routes of the client', () => {
  it('are those of the operations: `npm run generate` writes them', () => {
    expect(ROUTES).toEqual(JSON.parse(JSON.stringify(clientRoutes())));
  });

  it('lead to every operation that is reachable over the network', () => {
    const reachable = everyOperation().filter(({ rest }) => rest.length > 0);
    expect(Object.keys(ROUTES).toSorted()).toEqual(reachable.map(({ name }) => name).toSorted());
    expect(reachable.length).toBeGreaterThan(120);
  });
});

describe('a client', () => {
  it('writes and reads a secret as the library does', async () => {
    const written = await client.secrets.write({ ...at, value: 'hunter2', type: 'password' });
    expect(written).toMatchObject({ created: true, path: 'db/password', version: 1 });
    const read = await client.secrets.read(at);
    expect(read.value?.reveal()).toBe('hunter2');
    const { value: _value, ...rest } = read;
    const { value: _other, ...local } = await server.owner.secrets.read(at);
    expect(rest).toEqual(JSON.parse(JSON.stringify(local)));
  });

  it('refuses what an operation does not take, as the library does', async () => {
    const mistyped = { ...at, verison: 1 } as { readonly environment: string; path: string };
    const message = 'the input has no member verison';
    const refused = { code: 'invalid_input', message };
    await expect(server.owner.secrets.read(mistyped)).rejects.toMatchObject(refused);
    await expect(client.secrets.read(mistyped)).rejects.toMatchObject(refused);
  });

  it.each(['sr_token_…', 'sr_token_x\n', ''])(
    'takes a token that no header can carry for no server that is away: %j',
    async (token) => {
      const refused = { code: 'invalid_input', message: expect.stringContaining('the token') };
      const wrong = connect({ address: server.address, token, retries: 0 });
      await expect(wrong.secrets.read(at)).rejects.toMatchObject(refused);
      await expect(wrong.events.open()).rejects.toMatchObject(refused);
    },
  );

  it('carries fields and bytes both ways', async () => {
    const path = 'odd/one';
    const value = { user: 'a', key: Uint8Array.of(0, 255) };
    await client.secrets.write({ ...at, path, value });
    const { fields } = await client.secrets.read({ ...at, path });
    expect(fields?.['user']?.reveal()).toBe('a');
    expect(fields?.['key']?.revealBytes()).toEqual(Uint8Array.of(0, 255));
    await client.secrets.write({ ...at, path: 'odd/two', value: SecretValue.text('é') });
    expect((await client.secrets.read({ ...at, path: 'odd/two' })).value?.reveal()).toBe('é');
  });

  it('has environments as the library has', async () => {
    const place = { environment: 'staging', path: 'db/URL' };
    await client.secrets.write({ ...place, value: 'postgres://staging.example/app' });
    await client.secrets.write({ ...place, path: 'OPENAI_API_KEY', value: 'not-a-real-key' });
    const here = server.owner.environment('staging');
    const there = client.environment('staging');
    const revealed = async (environment: typeof here): Promise<unknown> => [
      Object.entries(await environment.all()).map(([path, value]) => [path, value.reveal()]),
      (await environment.get('OPENAI_API_KEY')).reveal(),
      (await environment.databaseUrl()).reveal(),
      (await environment.apiKey('openai')).reveal(),
    ];
    expect(await revealed(there)).toEqual(await revealed(here));
    const env: Record<string, string> = {};
    using injected = await there.inject(env, { only: ['OPENAI_API_KEY'] });
    expect(env).toEqual({ OPENAI_API_KEY: 'not-a-real-key' });
    expect(injected.names).toEqual(['OPENAI_API_KEY']);
    const elsewhere = client.environment('staging', { workspace: 'none' });
    await expect(elsewhere.get('OPENAI_API_KEY')).rejects.toMatchObject({
      code: 'workspace_not_found',
    });
  });

  it('takes the address that fits the input', async () => {
    await client.groups.create({ name: 'everywhere', wholeVault: true });
    await client.groups.create({ name: 'here' });
    const local = await server.owner.groups.list({ wholeVault: true });
    expect(JSON.stringify(local)).toContain('everywhere');
    expect(JSON.stringify(await client.groups.list({}))).toContain('here');
    await client.users.create({ name: 'bob@example.com' });
    expect(await client.users.rename({ name: 'bob@example.com', to: 'bob' })).toMatchObject({
      name: 'bob',
    });
  });

  it('fails with the code, the hint and the details of the operation', async () => {
    await expect(client.secrets.read({ ...at, path: 'not/there' })).rejects.toMatchObject({
      name: 'StrongroomError',
      code: 'secret_not_found',
    });
    const nobody = connect({ address: server.address });
    await expect(nobody.secrets.read(at)).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('has the details of a failure under the names that they have in the library', async () => {
    const details = { retry_after: 7, name: 'kept_as_it_is', bytes_max: 3 };
    const body = JSON.stringify({ code: 'rate_limited', detail: 'too often', details });
    const answer = (headers: Record<string, string>): typeof fetch => {
      return async () => new Response(body, { status: 429, headers });
    };
    const failure = (headers: Record<string, string>): Promise<unknown> =>
      connect({ address: server.address, retries: 0, fetch: answer(headers) })
        .secrets.read(at)
        .catch((error: unknown) => error);
    const expected = { name: 'kept_as_it_is', bytesMax: 3 };
    expect(await failure({})).toMatchObject({ details: { ...expected, retryAfter: 7 } });
    const { details: found } = (await failure({ 'Retry-After': '9' })) as { details: object };
    expect(found).toEqual({ ...expected, retryAfter: 9 });
  });

  it('is told that nothing changed, for a tag that it has', async () => {
    const { etag = '' } = await client.secrets.read({ ...at, ifNoneMatch: '' });
    expect(etag).toMatch(/^"[\w-]{22}"$/);
    expect(await client.secrets.read({ ...at, ifNoneMatch: etag })).toEqual({
      unchanged: true,
      etag,
    });
    await client.secrets.write({ ...at, value: 'hunter3' });
    expect((await client.secrets.read({ ...at, ifNoneMatch: etag })).value?.reveal()).toBe(
      'hunter3',
    );
  });

  it('sends a change that nothing came of again under one key, so that it is made once', async () => {
    const keys: (string | null)[] = [];
    let tries = 0;
    const flaky = connect({
      address: server.address,
      token: server.ownerToken,
      wait: async () => undefined,
      fetch: async (url, init) => {
        keys.push(new Headers(init?.headers).get('idempotency-key'));
        const answer = await fetch(url, init);
        tries += 1;
        if (tries > 1) return answer;
        await answer.arrayBuffer();
        throw new TypeError('the connection was lost');
      },
    });
    const path = 'once/only';
    expect(await flaky.secrets.write({ ...at, path, value: 'x' })).toMatchObject({ version: 1 });
    expect(keys).toEqual([keys[0], keys[0]]);
    expect((await client.secrets.describe({ ...at, path })).version).toBe(1);
  });

  it('sends what changes nothing again, whatever its method', async () => {
    await client.secrets.write({ ...at, path: 'again', value: 'x' });
    const methods: (string | undefined)[] = [];
    const flaky = connect({
      address: server.address,
      token: server.ownerToken,
      wait: async () => undefined,
      fetch: async (url, init) => {
        methods.push(init?.method);
        if (methods.length < 3) throw new TypeError('the connection was lost');
        return fetch(url, init);
      },
    });
    const { environment } = at;
    const { secrets } = await flaky.secrets.readMany({ environment, paths: ['again'] });
    expect(secrets[0]?.secret?.value?.reveal()).toBe('x');
    expect(methods).toEqual(['POST', 'POST', 'POST']);
  });

  it('calls nothing when it is awaited, logged or made text by mistake', async () => {
    const called: unknown[] = [];
    const quiet = connect({
      address: server.address,
      fetch: async (url) => {
        called.push(url);
        throw new TypeError('called');
      },
    });
    const passed = async (): Promise<Client['secrets']> => quiet.secrets;
    expect(typeof (await passed()).read).toBe('function');
    expect(JSON.stringify({ client: quiet, group: quiet.secrets })).toBe(
      '{"client":{},"group":{}}',
    );
    expect(String(quiet.secrets)).toBe('[object Object]');
    expect(called).toEqual([]);
    await expect((quiet as unknown as Callable).jobs.run()).rejects.toMatchObject({
      code: 'route_not_found',
    });
  });

  it('signs in by itself before the first call, in time, and once more when it was refused', async () => {
    let now = 0;
    let signedIn = 0;
    const signIn = async (): Promise<{ token: string; expiresAt: string }> => {
      signedIn += 1;
      const expiresAt = new Date(now + 1000).toISOString();
      return { token: signedIn === 3 ? `${server.ownerToken}x` : server.ownerToken, expiresAt };
    };
    const own = connect({ address: server.address, signIn, now: () => now, retries: 0 });
    await own.secrets.read(at);
    await own.secrets.read(at);
    expect(signedIn).toBe(1);
    now = 900;
    await own.secrets.read(at);
    expect(signedIn).toBe(2);
    now = 1800;
    await own.secrets.read(at);
    expect(signedIn).toBe(4);
  });

  it.each([undefined, null, '', 5, ['a']])(
    'has no secret at %j, and asks for none',
    async (path) => {
      const given = { environment: 'production', path } as unknown as typeof at;
      const refused = { code: 'invalid_input', details: { member: 'path' } };
      await expect(client.secrets.read(given)).rejects.toMatchObject(refused);
      await expect(client.secrets.write({ ...given, value: 'v' })).rejects.toMatchObject(refused);
      await expect(client.secrets.delete(given)).rejects.toMatchObject(refused);
    },
  );

  it.each([
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'untrusted'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'untrusted'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'other_name'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'no_tls'],
    ['UND_ERR_SOCKET', 'closed'],
    ['__proto__', 'not_there'],
    ['ECONNREFUSED', 'not_there'],
  ])('tells what stands between it and a server: %s', async (code, reason) => {
    const fetch = (): Promise<Response> =>
      Promise.reject(
        new TypeError('fetch failed', { cause: Object.assign(new Error(), { code }) }),
      );
    const off = connect({ address: 'https://secrets.example', retries: 0, fetch });
    await expect(off.secrets.read(at)).rejects.toMatchObject({
      code: 'unreachable',
      details: { host: 'secrets.example', reason },
    });
  });

  it('says that it was given no address, as of a variable that is not set', () => {
    for (const address of [undefined, null, 8200, new URL('https://secrets.example')]) {
      const options = { address: address as unknown as string };
      expect(() => connect(options)).toThrow(
        expect.objectContaining({ code: 'invalid_input' }) as Error,
      );
    }
  });

  it('names the server that it cannot reach, and no token', async () => {
    const off = connect({ address: 'http://127.0.0.1:9', token: server.ownerToken, retries: 0 });
    const error: unknown = await off.secrets.read(at).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'unreachable', details: { host: '127.0.0.1:9' } });
    expect(JSON.stringify(error) + String((error as Error).stack)).not.toContain(server.ownerToken);
  });

  it('ends a call that is given up, and one that takes too long', async () => {
    const controller = new AbortController();
    controller.abort(new Error('given up'));
    await expect(client.secrets.read(at, { signal: controller.signal })).rejects.toThrow(
      'given up',
    );
    const slow = connect({
      address: server.address,
      retries: 0,
      timeoutMs: 20,
      fetch: (_url, init) =>
        new Promise((_resolve, reject) => {
          init?.signal?.addEventListener('abort', () => reject(init.signal?.reason));
        }),
    });
    await expect(slow.secrets.read(at)).rejects.toMatchObject({ code: 'unreachable' });
  });

  it.each(['http://secrets.example', 'ftp://127.0.0.1', 'not an address', 'https://a:b@x.example'])(
    'sends nothing to %s',
    (address) => {
      expect(() => connect({ address })).toThrow(
        expect.objectContaining({ code: 'invalid_input' }),
      );
    },
  );

  it('knows nothing that no address can hold', async () => {
    for (const path of ['../x', 'a//b', 'a/./b', '']) {
      await expect(client.secrets.read({ ...at, path })).rejects.toMatchObject({
        code: 'invalid_input',
      });
    }
  });

  it('has nothing of the server in it', () => {
    const bundle = join(import.meta.dirname, '..', '..', 'dist', 'bundle', 'client-web.js');
    const text = readFileSync(bundle, 'utf8');
    expect(text).not.toMatch(/from\s*["']node:|Buffer\.|require\(/);
    expect(text.includes('VaultEnvironment')).toBe(true);
  });
});
