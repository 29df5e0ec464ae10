import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { mintToken } from '../../domain/identities/tokens.ts';
import { openEvents } from '../operations/open-events.ts';
import { deleteWorkspace } from '../operations/workspaces.ts';
import type { Session } from '../session.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { ChangeEvent } from './change-event.ts';
import { FollowedChanges } from './followed-changes.ts';

let place: TemporaryVault;
let parts: OpenParts;
let owner: Session;
let lateMs = 0;

beforeEach(async () => {
  lateMs = 0;
  place = await makeTemporaryVault();
  parts = await openParts(place, { now: () => Date.now() + lateMs });
  owner = parts.as(OWNER);
});

afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

const at = { environment: 'production' };
const write = (path: string): Promise<unknown> => owner.secrets.write({ ...at, path, value: 'v' });

const told = (events: readonly ChangeEvent[] | undefined): readonly string[] =>
  (events ?? []).map((event) => (event.type === 'reset' ? 'reset' : `${event.type} ${event.path}`));

async function open(session: Session = owner, input: object = {}): Promise<FollowedChanges> {
  const stream = await session.events.open(input);
  if (!(stream instanceof FollowedChanges)) throw new TypeError('not a stream of this process');
  return stream;
}

/** Who reads is not kept waiting for the record of an end that others brought about. */
async function expectEnd(detail: string): Promise<void> {
  await expect.poll(ends).toEqual([detail]);
}

async function ends(): Promise<readonly (string | number | undefined)[]> {
  return (await owner.audit.query({ action: 'events.close' })).entries.map((entry) => entry.detail);
}

describe('a stream in the same process', () => {
  it('is read with for await, and ends with the loop, on record', async () => {
    await using stream = await owner.events.open(at);
    await write('one');
    for await (const event of stream) {
      expect(event).toMatchObject({ type: 'secret.changed', path: 'one', version: 1 });
      break;
    }
    await expectEnd('closed, 1 event');
  });

  it('that is closed twice is on record once', async () => {
    const stream = await open();
    await Promise.all([stream.close(), stream.close(), stream.end('slow')]);
    expect(await stream.take()).toBeUndefined();
    await expectEnd('closed, 0 events');
  });

  it('fails where its principal is disabled', async () => {
    await owner.users.create({ name: 'bea' });
    await owner.roles.assign({ name: 'reader', member: 'user:bea', wholeVault: true });
    const stream = await open(parts.as('bea'));
    const next = stream[Symbol.asyncIterator]().next();
    await owner.users.disable({ name: 'bea' });
    await expect(next).rejects.toMatchObject({ code: 'unauthenticated' });
    await expectEnd('unauthenticated, 0 events');
  });

  it('ends with the vault, on record, and none begins any more', async () => {
    const stream = await open();
    const next = stream[Symbol.asyncIterator]().next();
    await Promise.all([
      expect(next).rejects.toMatchObject({ code: 'vault_closed' }),
      parts.vault.endStreams(),
    ]);
    await expectEnd('sealed, 0 events');
    await expect(owner.events.open()).rejects.toMatchObject({ code: 'vault_closed' });
  });
});

it('A56 eight who take all streams keep nobody else out', async () => {
  const opened: FollowedChanges[] = [];
  for (let at = 0; at < 9; at += 1) {
    await owner.users.create({ name: `u${at}` });
    await owner.roles.assign({ name: 'reader', member: `user:u${at}`, wholeVault: true });
  }
  for (let at = 0; at < 8; at += 1) {
    const session = parts.as(`u${at}`);
    opened.push(...(await Promise.all(Array.from({ length: 32 }, () => open(session)))));
  }
  const last = parts.as('u8');
  const own = await open(last);
  expect(opened.filter(({ ending }) => ending === 'limit')).toHaveLength(1);
  expect(own.ending).toBeUndefined();
  await expectEnd('limit, 0 events');
  await expect(open(last)).rejects.toMatchObject({ code: 'rate_limited' });
});

describe('whoever does not take what there is', () => {
  it('keeps nothing from being forgotten, and is told reset once', async () => {
    const stream = await open();
    const secrets = Array.from({ length: 1500 }, (_, index) => ({
      path: `s/${index}`,
      value: 'v',
    }));
    for (const environment of ['production', 'staging', 'testing']) {
      await owner.secrets.import({ environment, secrets });
    }
    await write('last');
    const first = await stream.take();
    expect(told(first)).toEqual(['reset']);
    const next = stream.take();
    await write('after');
    expect(told(await next)).toEqual(['secret.changed after']);
  });

  it('goes on from where a quiet stream is, whatever others do', async () => {
    const stream = await open(owner, { environment: 'staging' });
    const [before, taken] = [stream.position, stream.take()];
    await write('elsewhere');
    await expect.poll(() => stream.position).not.toBe(before);
    const { position } = stream;
    await stream.close();
    expect(await taken).toBeUndefined();
    await owner.secrets.write({ environment: 'staging', path: 'here', value: 'v' });
    const again = await open(owner, { environment: 'staging', lastEventId: position });
    expect(told(await again.take())).toEqual(['secret.changed here']);
  });
});

describe('nothing is told of', () => {
  it('a transaction that is not durable; of one of which that is not known, reset is', async () => {
    const stream = await open();
    await write('before');
    expect(told(await stream.take())).toEqual(['secret.changed before']);
    const { store } = parts;
    const real = store.write.bind(store);
    let isBroken = true;
    Object.defineProperty(store, 'write', {
      value: async (work: Parameters<typeof real>[0]) => {
        const result = await real(work);
        if (!isBroken) return result;
        isBroken = false;
        throw Object.assign(new Error('disk I/O error'), { code: 'ERR_SQLITE_ERROR', errcode: 10 });
      },
    });
    await expect(write('unknown')).rejects.toThrow();
    await write('after');
    expect(told(await stream.take())).toEqual(['reset']);
  });

  it('a transaction that the disk had no room for', async () => {
    const stream = await open();
    const { store } = parts;
    const real = store.write.bind(store);
    let isFull = true;
    const onFullDisk: typeof real = (work) =>
      real(async (transaction) => {
        const result = await work(transaction);
        if (!isFull) return result;
        isFull = false;
        throw Object.assign(new Error('full'), { code: 'ERR_SQLITE_ERROR', errcode: 13 });
      });
    Object.defineProperty(store, 'write', { value: onFullDisk });
    await expect(write('lost')).rejects.toMatchObject({ code: 'storage_full' });
    await write('kept');
    expect(told(await stream.take())).toEqual(['secret.changed kept']);
  });

  it('to whom a right was given that never became durable', async () => {
    await owner.users.create({ name: 'bea' });
    const stream = await open(parts.as('bea'));
    await write('one');
    const { store } = parts;
    const real = store.write.bind(store);
    const [begun, lost] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let isFirst = true;
    const slowly: typeof real = (work) =>
      real(async (transaction) => {
        const result = await work(transaction);
        if (!isFirst) return result;
        isFirst = false;
        begun.resolve();
        await lost.promise;
        throw new Error('it is lost after all');
      });
    Object.defineProperty(store, 'write', { value: slowly });
    const granting = owner.access.grant({ subject: 'user:bea', can: ['list'], pattern: '**' });
    const refused = expect(granting).rejects.toThrow();
    await begun.promise;
    const taken = stream.take();
    lost.resolve();
    await refused;
    await write('two');
    expect(isFirst).toBe(false);
    expect(told(await taken)).toEqual(['reset']);
  });
});

describe('that a secret went is told to whoever had a rule on it alone', () => {
  /** Opens a stream of somebody with a rule on one secret and none beside, and reads of its change. */
  async function followed(): Promise<FollowedChanges> {
    await owner.users.create({ name: 'bea' });
    const access = [{ subject: 'user:bea', can: ['list'] as const }];
    await owner.secrets.write({ ...at, path: 'alone', value: 'v', access });
    const stream = await open(parts.as('bea'));
    await write('alone');
    expect(told(await stream.take())).toEqual(['secret.changed alone']);
    return stream;
  }

  it('not while a policy of its workspace stands against that', async () => {
    const stream = await followed();
    await owner.workspaces.create({ name: 'elsewhere' });
    await owner.access.grant({ subject: 'user:bea', can: ['list'], pattern: 'elsewhere/**' });
    await owner.secrets.delete({ ...at, path: 'alone' });
    const value = ['192.0.2.0/24'];
    await owner.settings.write({ workspace: 'default', name: 'allowed_ip_ranges', value });
    const last = { workspace: 'elsewhere', environment: 'production', path: 'seen', value: 'v' };
    await owner.secrets.write(last);
    expect(told(await stream.take())).toEqual(['secret.changed seen']);
  });

  it('not to whom the rule was given only after that', async () => {
    await followed();
    await owner.users.create({ name: 'cyd' });
    await owner.access.grant({ subject: 'user:cyd', can: ['list'], pattern: '*/*/seen' });
    const early = await open(parts.as('cyd'));
    const cyd = { lastEventId: early.position };
    await owner.secrets.delete({ ...at, path: 'alone' });
    lateMs = 1000;
    await owner.secrets.undelete({ ...at, path: 'alone' });
    const access = [{ subject: 'user:cyd', can: ['list'] as const }];
    await owner.secrets.update({ ...at, path: 'alone', access });
    await owner.secrets.delete({ ...at, path: 'alone' });
    await write('seen');
    expect(told(await (await open(parts.as('cyd'), cyd)).take())).toEqual([
      'secret.deleted alone',
      'secret.changed seen',
    ]);
  });
});

describe('a session', () => {
  it('that ends by not being used ends the stream, which is no use of it', async () => {
    const { principals } = await owner.users.list();
    const { text } = await parts.write((work) =>
      mintToken(work, {
        kind: 'session',
        principal_id: principals[0]?.id ?? '',
        principal_generation: 0,
        restore_id: '',
        authenticated_at: work.now,
        idle_ms: 60_000,
      }),
    );
    const caller = { context: { principal: '' }, face: 'rest', credential: text.reveal() } as const;
    const stream = await parts.vault.call(openEvents, { ...caller }, {});
    const taken = (stream as FollowedChanges).take();
    lateMs = 59_000;
    await write('still');
    expect(told(await taken)).toEqual(['secret.changed still']);
    lateMs = 61_000;
    const begun = performance.now();
    expect(await (stream as FollowedChanges).take()).toBeUndefined();
    expect(performance.now() - begun).toBeLessThan(1500);
    await expectEnd('unauthenticated, 1 event');
  });
});

describe('the deletion of a workspace', () => {
  it('is told as reset to those who knew of it, and to nobody else', async () => {
    await owner.workspaces.create({ name: 'gone' });
    await owner.users.create({ name: 'bea' });
    await owner.users.create({ name: 'cyd' });
    await owner.access.grant({ subject: 'user:bea', can: ['list'], pattern: 'gone/**' });
    for (const subject of ['user:bea', 'user:cyd']) {
      await owner.access.grant({ subject, can: ['list'], pattern: 'default/**' });
    }
    const [bea, cyd, whole] = [
      await open(parts.as('bea')),
      await open(parts.as('cyd')),
      await open(),
    ];
    const streams = [bea, cyd, whole];
    const first = streams.map((stream) => stream.take());
    await write('before');
    await Promise.all(first);
    const next = streams.map((stream) => stream.take());
    await parts.vault.call(deleteWorkspace, parts.vault.caller({ principal: OWNER }, 'cli'), {
      name: 'gone',
    });
    expect(told(await next[0])).toEqual(['reset']);
    expect(told(await next[2])).toEqual(['reset']);
    await write('after');
    expect(told(await next[1])).toEqual(['secret.changed after']);
  });
});
