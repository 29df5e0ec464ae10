import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { startTestServer, type TestServer } from '../testing/http-server.ts';
import { connect } from './client.ts';

const at = { environment: 'production', path: 'SIGNING_KEY' };

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(async () => server.close());

it('has the values of now, over connections that end, until its token is revoked', async () => {
  await server.owner.secrets.write({ ...at, value: 'one' });
  const { token, id } = await server.owner.tokens.create({ ttl: '1h' });
  let knife = new AbortController();
  const client = connect({
    address: server.address,
    token,
    wait: async () => undefined,
    fetch: (url, init) => {
      const { signal } = init ?? {};
      return fetch(url, {
        ...init,
        signal: AbortSignal.any([knife.signal, ...(signal ? [signal] : [])]),
      });
    },
  });
  const failed = vi.fn();
  const production = client.environment('production');
  await using values = await production.follow({ only: ['SIGNING_KEY'], failed });
  const now = (): string => {
    using key = values.get('SIGNING_KEY');
    return key.reveal();
  };
  expect(now()).toBe('one');
  await server.owner.secrets.write({ ...at, value: 'two' });
  await expect.poll(now).toBe('two');
  knife.abort();
  knife = new AbortController();
  await server.owner.secrets.write({ ...at, value: 'three' });
  await expect.poll(now, { timeout: 10_000 }).toBe('three');
  expect(failed).not.toHaveBeenCalled();
  await server.owner.tokens.revoke({ token: id });
  await expect.poll(() => failed.mock.calls.length).toBe(1);
  expect(failed.mock.calls[0]?.[0]).toMatchObject({ code: 'unauthenticated' });
  expect([values.isFollowing, now()]).toEqual([false, 'three']);
});
