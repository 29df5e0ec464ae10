import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { ChangeEvent, ChangeStream } from '../core/events/change-event.ts';
import { startTestServer, type TestServer } from '../testing/http-server.ts';
import { connect } from './client.ts';
import type { ConnectOptions } from './client-options.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(async () => server.close());

const write = (path: string): Promise<unknown> =>
  server.owner.secrets.write({ environment: 'production', path, value: 'v' });

/** A client whose connections can be cut. */
function clientOf(options: Partial<ConnectOptions> = {}): {
  readonly client: ReturnType<typeof connect>;
  readonly cut: () => void;
  readonly asked: readonly string[];
} {
  const asked: string[] = [];
  let knife = new AbortController();
  const client = connect({
    address: server.address,
    token: server.ownerToken,
    wait: async () => undefined,
    fetch: async (url, init) => {
      asked.push(url as string);
      const { signal } = init ?? {};
      const all = AbortSignal.any([knife.signal, ...(signal ? [signal] : [])]);
      return fetch(url, { ...init, signal: all });
    },
    ...options,
  });
  const cut = (): void => {
    knife.abort();
    knife = new AbortController();
  };
  return { client, cut, asked };
}

/** Takes so many events, without ending the stream. */
async function take(
  iterator: AsyncIterator<ChangeEvent>,
  count: number,
): Promise<readonly ChangeEvent[]> {
  const events: ChangeEvent[] = [];
  while (events.length < count) {
    const { value, done } = await iterator.next();
    if (done === true) throw new Error('the stream has ended');
    events.push(value);
  }
  return events;
}

const pathOf = (event: ChangeEvent): string | null =>
  event.type === 'reset' ? 'reset' : event.path;

const begin = (stream: ChangeStream): AsyncIterator<ChangeEvent> => stream[Symbol.asyncIterator]();

describe('a client that follows changes', () => {
  it('is given them as the library gives them', async () => {
    const { client } = clientOf();
    await using remote = await client.events.open({ environment: 'production' });
    await using local = await server.owner.events.open({ environment: 'production' });
    await write('same/one');
    const [[there], [here]] = await Promise.all([take(begin(remote), 1), take(begin(local), 1)]);
    expect(there).toMatchObject({ type: 'secret.changed', path: 'same/one', version: 1 });
    expect({ ...there, id: '' }).toEqual({ ...here, id: '' });
    expect(there?.id).not.toBe(here?.id);
  });

  it('goes on by itself where it was cut off, and misses nothing', async () => {
    const { client, cut, asked } = clientOf();
    await using stream = await client.events.open();
    const events = begin(stream);
    await write('cut/one');
    await take(events, 1);
    cut();
    await write('cut/two');
    expect((await take(events, 1)).map(pathOf)).toEqual(['cut/two']);
    cut();
    await write('cut/three');
    expect((await take(events, 1)).map(pathOf)).toEqual(['cut/three']);
    expect(asked).toHaveLength(3);
    expect(asked[0]).not.toContain('last_event_id');
    expect(asked[2]).toContain('last_event_id=e');
  });

  it('is told reset by a server that does not know where it was', async () => {
    const { client } = clientOf();
    await using stream = await client.events.open({ lastEventId: 'another-one' });
    expect((await take(begin(stream), 1)).map(pathOf)).toEqual(['reset']);
  });

  it('fails at once where it may not, and later when it may not any more', async () => {
    await expect(clientOf({ token: undefined }).client.events.open()).rejects.toMatchObject({
      code: 'unauthenticated',
    });
    const { token, id } = await server.owner.tokens.create({ ttl: '1h' });
    const stream = await clientOf({ token }).client.events.open();
    const next = begin(stream).next();
    await server.owner.tokens.revoke({ token: id });
    await expect(next).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('signs in again when its credential is over', async () => {
    const ids: string[] = [];
    const signIn: ConnectOptions['signIn'] = async () => {
      const { token, id, expiresAt } = await server.owner.tokens.create({ ttl: '1h' });
      ids.push(id);
      return { token, expiresAt };
    };
    await using stream = await clientOf({ token: undefined, signIn }).client.events.open();
    const events = begin(stream);
    await server.owner.tokens.revoke({ token: ids[0] ?? '' });
    const next = take(events, 1);
    await write('again/one');
    expect((await next).map(pathOf)).toEqual(['again/one']);
    expect(ids).toHaveLength(2);
  });

  it('ends with its signal, and with close', async () => {
    const controller = new AbortController();
    const stream = await clientOf().client.events.open({}, { signal: controller.signal });
    const next = begin(stream).next();
    controller.abort(new Error('enough'));
    await expect(next).rejects.toThrow('enough');
    const other = await clientOf().client.events.open();
    const last = begin(other).next();
    await other.close();
    expect(await last).toMatchObject({ done: true });
  });
});
