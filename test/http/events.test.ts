// Changes, followed over a real socket: what is told, to whom, and until when.

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { openVault } from '../../src/core/open-vault.ts';
import { createSession, type Session } from '../../src/core/session.ts';
import {
  openEventSource,
  type EventSourceOptions,
  type EventSourceProbe,
} from '../../src/testing/event-source.ts';
import { OWNER } from '../../src/testing/temporary-vault.ts';
import { startServed, type Served } from './served.ts';

let served: Served;
let owner: Session;
const open: EventSourceProbe[] = [];

beforeAll(async () => {
  served = await startServed();
  owner = served.owner();
  await owner.workspaces.create({ name: 'other' });
});

afterEach(async () => {
  for (const each of open.splice(0)) each.leave();
});

afterAll(async () => served.close());

async function follow(options: Partial<EventSourceOptions> = {}): Promise<EventSourceProbe> {
  const probe = await openEventSource(served.server.port, { token: served.token, ...options });
  expect(probe.status).toBe(200);
  open.push(probe);
  return probe;
}

let made = 0;

/** A machine with rights of its own, and a token of it. */
async function machine(
  ...patterns: readonly string[]
): Promise<{ readonly name: string; readonly token: string; readonly grants: readonly string[] }> {
  made += 1;
  const name = `m${made}`;
  await owner.machines.create({ name });
  const grants: string[] = [];
  for (const pattern of patterns) {
    const { id } = await owner.access.grant({
      subject: `machine:${name}`,
      can: ['list'],
      pattern,
    });
    grants.push(id);
  }
  const { token } = await owner.tokens.create({ subject: `machine:${name}`, ttl: '1h' });
  return { name, token: token.reveal(), grants };
}

const write = (path: string, environment = 'production', workspace = 'default'): Promise<unknown> =>
  owner.secrets.write({ workspace, environment, path, value: 'not-a-real-value' });

const told = ({ events }: EventSourceProbe): readonly string[] =>
  events.map(
    ({ event, data }) => `${event} ${String(data['environment'])}/${String(data['path'])}`,
  );

describe('a change is told', () => {
  it('once it is durable, by name and version, and without its value', async () => {
    const probe = await follow();
    expect(probe.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    const { id } = await owner.secrets.write({
      environment: 'production',
      path: 'db/password',
      value: 'not-a-real-value',
    });
    const [event] = await probe.has(1);
    expect(event).toMatchObject({
      event: 'secret.changed',
      data: {
        type: 'secret.changed',
        workspace: 'default',
        environment: 'production',
        path: 'db/password',
        secret_id: id,
        version: 1,
      },
    });
    expect(Object.keys(event?.data ?? {}).toSorted()).toEqual(
      'at environment path secret_id type version workspace workspace_id'.split(' '),
    );
    expect(probe.text).not.toContain('not-a-real');
  });

  it('of every kind that a reader would see, and of no other', async () => {
    await write('a/one');
    await write('a/two');
    const probe = await follow({ query: '?workspace=default' });
    const at = { environment: 'production' };
    const steps: readonly (readonly [() => Promise<unknown>, readonly string[]])[] = [
      [
        () => owner.secrets.update({ ...at, path: 'a/one', tags: ['t'] }),
        ['secret.changed production/a/one'],
      ],
      [
        () => owner.secrets.rename({ ...at, path: 'a/', to: 'b/' }),
        [
          'secret.deleted production/a/one',
          'secret.changed production/b/one',
          'secret.deleted production/a/two',
          'secret.changed production/b/two',
        ],
      ],
      [
        () => owner.secrets.move({ ...at, path: 'b/one', toEnvironment: 'staging' }),
        ['secret.deleted production/b/one', 'secret.changed staging/b/one'],
      ],
      [
        () => owner.secrets.copy({ ...at, path: 'b/two', to: 'b/three' }),
        ['secret.changed production/b/three'],
      ],
      [
        () => owner.secrets.rotate({ ...at, path: 'b/two', newValue: 'w' }),
        ['secret.changed production/b/two'],
      ],
      [() => owner.secrets.rollback({ ...at, path: 'b/two' }), ['secret.changed production/b/two']],
      [
        () => owner.secrets.delete({ ...at, path: 'b/two', version: 1 }),
        ['secret.changed production/b/two'],
      ],
      [() => owner.secrets.delete({ ...at, path: 'b/two' }), ['secret.deleted production/b/two']],
      [() => owner.secrets.undelete({ ...at, path: 'b/two' }), ['secret.changed production/b/two']],
      [
        () =>
          owner.secrets.import({
            ...at,
            secrets: [
              { path: 'c/x', value: 'v' },
              { path: 'c/y', value: 'v' },
            ],
          }),
        ['secret.changed production/c/x', 'secret.changed production/c/y'],
      ],
      [
        () => owner.environments.promote({ from: 'production', to: 'staging', prefix: 'c/' }),
        ['secret.changed staging/c/x', 'secret.changed staging/c/y'],
      ],
      [
        () => owner.secrets.destroy({ ...at, path: 'c/x', all: true }),
        ['secret.deleted production/c/x'],
      ],
      [
        () => owner.imports.create({ environment: 'testing', source: { environment: 'staging' } }),
        ['environment.changed testing/null'],
      ],
      [
        () => owner.secrets.override({ environment: 'development', path: 'mine', value: 'v' }),
        ['override.changed development/mine'],
      ],
      // What nobody sees: reads, what is in the trash already, and values under another key.
      [() => owner.secrets.read({ ...at, path: 'b/two' }), []],
      [
        () => owner.secrets.delete({ ...at, path: 'b/three' }),
        ['secret.deleted production/b/three'],
      ],
      [() => owner.trash.purge({ all: true }), []],
      [() => owner.keys.rotate({ workspace: 'default' }), []],
    ];
    const expected: string[] = [];
    for (const [step, events] of steps) {
      await step();
      expected.push(...events);
      await probe.has(expected.length);
      expect(told(probe)).toEqual(expected);
    }
  });

  it('of both places where a rename is undone', async () => {
    await write('undo/one');
    const { secrets } = await owner.secrets.rename({
      environment: 'production',
      path: 'undo/one',
      to: 'undo/two',
    });
    expect(secrets).toHaveLength(1);
    const entries = await owner.audit.query({ action: 'secrets.rename', limit: 1 });
    const probe = await follow();
    await owner.secrets.undo({ change: String(entries.entries[0]?.request) });
    await probe.has(2);
    expect(told(probe)).toEqual([
      'secret.deleted production/undo/two',
      'secret.changed production/undo/one',
    ]);
  });

  it('not if it failed', async () => {
    await write('cas/one');
    const probe = await follow();
    const at = { environment: 'production', path: 'cas/one', value: 'v' };
    await expect(owner.secrets.write({ ...at, cas: 7 })).rejects.toThrow();
    await expect(owner.secrets.create(at)).rejects.toThrow();
    // A folder of which one cannot move does not move.
    await write('cas2/one');
    await write('cas2/two');
    await write('cas3/two');
    await expect(
      owner.secrets.rename({ environment: 'production', path: 'cas2/', to: 'cas3/' }),
    ).rejects.toThrow();
    await write('cas/last');
    await probe.has(4);
    expect(told(probe)).toEqual(
      ['cas2/one', 'cas2/two', 'cas3/two', 'cas/last'].map(
        (path) => `secret.changed production/${path}`,
      ),
    );
  });

  it('narrowed to a workspace, an environment with what it has from others, or a prefix', async () => {
    await owner.imports.create({
      environment: 'staging',
      folder: 'shared',
      source: { environment: 'development', folder: 'common' },
    });
    const [other, staging, prefixed] = await Promise.all([
      follow({ query: '?workspace=other' }),
      follow({ query: '?environment=staging' }),
      follow({ query: '?environment=staging&prefix=shared/db' }),
    ]);
    await write('x', 'production', 'other');
    await write('y', 'staging');
    await write('z', 'production');
    await write('common/db/PASSWORD', 'development');
    await write('common/web', 'development');
    await write('elsewhere', 'development');
    await write('shared/db/USER', 'staging');
    await staging.has(4);
    expect(told(other)).toEqual(['secret.changed production/x']);
    expect(told(staging)).toEqual(
      [
        'staging/y',
        'development/common/db/PASSWORD',
        'development/common/web',
        'staging/shared/db/USER',
      ].map((place) => `secret.changed ${place}`),
    );
    expect(told(prefixed)).toEqual(
      ['development/common/db/PASSWORD', 'staging/shared/db/USER'].map(
        (place) => `secret.changed ${place}`,
      ),
    );
  });
});

describe('A change is told to nobody', () => {
  it('who may not list what it is of: other paths, other workspaces, what is denied', async () => {
    const { name, token } = await machine('default/production/web/**');
    await owner.access.deny({
      subject: `machine:${name}`,
      can: ['list'],
      pattern: 'default/production/web/hidden/**',
    });
    const probe = await follow({ token });
    await write('db/none');
    await write('web/hidden/one');
    await owner.secrets.rename({
      environment: 'production',
      path: 'web/hidden/one',
      to: 'web/shown',
    });
    await owner.secrets.rename({ environment: 'production', path: 'web/shown', to: 'db/gone' });
    await write('web/one', 'production', 'other');
    await write('web/last');
    await probe.has(3);
    expect(told(probe)).toEqual([
      'secret.changed production/web/shown',
      'secret.deleted production/web/shown',
      'secret.changed production/web/last',
    ]);
    expect(probe.text).not.toMatch(/hidden|gone|none|other/);
  });

  it('whose own value it is not', async () => {
    const { token } = await machine('default/**');
    const probe = await follow({ token });
    await owner.secrets.override({ environment: 'development', path: 'personal', value: 'v' });
    await write('last', 'development');
    await probe.has(1);
    expect(told(probe)).toEqual(['secret.changed development/last']);
  });

  it('from whom the right was taken: nothing more from then on', async () => {
    const { token, grants } = await machine('default/production/**', 'default/staging/**');
    const probe = await follow({ token });
    await write('taken/one');
    await probe.has(1);
    await owner.access.revoke({ grant: grants[0] ?? '' });
    await write('taken/two');
    await write('taken/three', 'staging');
    await probe.has(2);
    expect(told(probe)).toEqual([
      'secret.changed production/taken/one',
      'secret.changed staging/taken/three',
    ]);
  });

  it('who followed an environment in which there is no right any more: it ends', async () => {
    const { token, grants } = await machine('default/production/**');
    const probe = await follow({ token, query: '?environment=production' });
    await Promise.all([owner.access.revoke({ grant: grants[0] ?? '' }), write('taken/four')]);
    await probe.ended();
    expect(probe.events).toMatchObject([{ event: 'end', data: { reason: 'denied' } }]);
  });

  it('who was told of a secret by a rule on it alone, but of its going', async () => {
    const { name, token } = await machine();
    const at = { environment: 'production', path: 'alone/one' };
    await owner.secrets.write({
      ...at,
      value: 'v',
      access: [{ subject: `machine:${name}`, can: ['list'] }],
    });
    const probe = await follow({ token });
    await owner.secrets.write({ ...at, value: 'w' });
    await probe.has(1);
    await owner.secrets.delete(at);
    await write('alone/two');
    await probe.has(2);
    expect(told(probe)).toEqual([
      'secret.changed production/alone/one',
      'secret.deleted production/alone/one',
    ]);
  });
});

describe('a stream ends within a second', () => {
  it('of which the token is revoked', async () => {
    const { name, token } = await machine('default/**');
    const probe = await follow({ token });
    const tokens = await owner.tokens.list({ subject: `machine:${name}` });
    await owner.tokens.revoke({ token: tokens[0]?.id ?? '' });
    expect(await probe.ended()).toBeLessThan(1000);
    expect(probe.events).toMatchObject([{ event: 'end', data: { reason: 'unauthenticated' } }]);
  });

  it('of which the token expires', async () => {
    let lateMs = 0;
    const clock = (): number => Date.now() + lateMs;
    const own = await startServed({ now: clock, rateLimits: { clock } });
    const probe = await openEventSource(own.server.port, { token: own.token });
    lateMs = 3_601_000;
    expect(await probe.ended()).toBeLessThan(1500);
    await own.close();
    expect(probe.events).toMatchObject([{ event: 'end', data: { reason: 'unauthenticated' } }]);
  });

  it('of which the principal is disabled', async () => {
    const { name, token } = await machine('default/**');
    const probe = await follow({ token });
    await Promise.all([owner.machines.disable({ name }), write('disabled/one')]);
    expect(await probe.ended()).toBeLessThan(1000);
    expect(probe.text).not.toContain('disabled/one');
  });

  it('that a policy of the workspace stands against', async () => {
    const { token } = await machine('other/**');
    const probe = await follow({ token, query: '?workspace=other' });
    await owner.settings.write({
      workspace: 'other',
      name: 'allowed_ip_ranges',
      value: ['192.0.2.0/24'],
    });
    expect(await probe.ended()).toBeLessThan(1000);
    await owner.settings.write({ workspace: 'other', name: 'allowed_ip_ranges', value: null });
  });
});

describe('whoever comes back', () => {
  it('goes on after the event that was last, with the header or the parameter', async () => {
    const first = await follow();
    await write('resume/one');
    const [event] = await first.has(1);
    first.leave();
    await write('resume/two');
    const second = await follow({ lastEventId: event?.id ?? '' });
    const third = await follow({ query: `?last_event_id=${event?.id ?? ''}` });
    await write('resume/three');
    for (const probe of [second, third]) {
      await probe.has(2);
      expect(told(probe)).toEqual([
        'secret.changed production/resume/two',
        'secret.changed production/resume/three',
      ]);
    }
  });

  it('is told reset, once, with an id of another principal, of another process, or none at all', async () => {
    const { token } = await machine('default/**');
    const first = await follow();
    await write('reset/one');
    const [event] = await first.has(1);
    const foreign = event?.id ?? '';
    const altered = foreign.slice(0, -2) + (foreign.endsWith('AA') ? 'BB' : 'AA');
    for (const lastEventId of [foreign, altered, 'e'.repeat(49), 'nothing']) {
      const probe = await follow({ token, lastEventId });
      await write('reset/two');
      await probe.has(2);
      expect(probe.events.map(({ event: name }) => name)).toEqual(['reset', 'secret.changed']);
      expect(probe.events[0]?.data).toEqual({});
      // It goes on from there.
      const again = await follow({ token, lastEventId: probe.events[0]?.id ?? '' });
      await again.has(1);
      expect(again.events[0]?.event).toBe('secret.changed');
    }
  });

  it('is told reset if more happened than is kept', async () => {
    const first = await follow();
    await write('many/first');
    const [event] = await first.has(1);
    first.leave();
    const secrets = Array.from({ length: 1000 }, (_, at) => ({ path: `many/${at}`, value: 'v' }));
    for (const environment of ['production', 'staging', 'testing', 'development']) {
      await owner.secrets.import({ environment, secrets });
    }
    const near = await follow();
    const kept = near.lastId;
    await owner.secrets.import({ workspace: 'other', environment: 'production', secrets });
    const probe = await follow({ lastEventId: event?.id ?? '' });
    await probe.has(1);
    expect(probe.events.map(({ event: name }) => name)).toEqual(['reset']);
    const still = await follow({ lastEventId: kept });
    await still.has(1000);
    expect(still.events.every(({ event: name }) => name === 'secret.changed')).toBe(true);
  }, 30_000);
});

describe('ids', () => {
  it('say nothing: the same change has another for everybody, of the same length, in no order', async () => {
    const probes = await Promise.all([follow(), follow()]);
    for (let at = 0; at < 20; at += 1) await write(`ids/${at}`);
    const [one = [], two = []] = await Promise.all(
      probes.map(async (probe) => (await probe.has(20)).map(({ id }) => id)),
    );
    expect(new Set([...one, ...two]).size).toBe(40);
    expect(new Set([...one, ...two].map(({ length }) => length))).toEqual(new Set([49]));
    expect(one).not.toEqual(one.toSorted());
    expect(one).not.toEqual(one.toSorted().toReversed());
  });
});

const entriesOf = async (name: string) =>
  (await owner.audit.query({ actor: name, limit: 50 })).entries;

/** What is on record of the streams of somebody, the last first. */
const eventsOf = async (name: string): ReturnType<typeof entriesOf> =>
  (await entriesOf(name)).filter(({ action }) => action.startsWith('events.'));

describe('on record', () => {
  it('is one entry at the opening and one at the end, whatever happened between, in the name of who followed', async () => {
    const { name, token } = await machine('default/**');
    const probe = await follow({ token, query: '?environment=production' });
    for (let at = 0; at < 5; at += 1) await write(`record/${at}`);
    await probe.has(5);
    const tokens = await owner.tokens.list({ subject: `machine:${name}` });
    await owner.tokens.revoke({ token: tokens[0]?.id ?? '' });
    await probe.ended();
    // Whoever reads is not kept waiting for the record of the end.
    await expect.poll(async () => (await eventsOf(name)).length).toBe(2);
    const [end, begin] = await eventsOf(name);
    expect(begin).toMatchObject({
      action: 'events.open',
      outcome: 'ok',
      environment: 'production',
    });
    expect(end).toMatchObject({
      action: 'events.close',
      outcome: 'ok',
      environment: 'production',
      detail: 'unauthenticated, 5 events',
      request: begin?.request,
      credential: tokens[0]?.id,
      face: 'rest',
    });
  });

  it('is the end of a stream whose reader went away', async () => {
    const { name, token } = await machine('default/**');
    const probe = await follow({ token });
    probe.leave();
    const lines = async (): Promise<readonly unknown[]> =>
      (await entriesOf(name)).map(({ action, detail }) => [action, detail]);
    await expect.poll(lines).toEqual([
      ['events.close', 'closed, 0 events'],
      ['events.open', undefined],
    ]);
  });

  it('is a refusal, and nothing is opened', async () => {
    const { name, token } = await machine('default/staging/**');
    const barred = await served.ask('/api/events?environment=production', { token });
    expect(barred.status).toBe(403);
    const answer = await served.ask('/api/events?workspace=other', { token });
    expect(answer.status).toBe(404);
    const ends = (await eventsOf(name)).map(({ outcome, reason }) => [outcome, reason]);
    expect(ends).toEqual([
      ['denied', 'denied'],
      ['denied', 'denied'],
    ]);
    const without = await served.ask('/api/events', {});
    expect(without.status).toBe(401);
  });
});

describe('there are limits', () => {
  it('on the streams of one principal; an end makes room', async () => {
    const { token } = await machine('default/**');
    const probes: EventSourceProbe[] = [];
    for (let at = 0; at < 32; at += 1) probes.push(await follow({ token }));
    const refused = await served.ask('/api/events', { token });
    expect(refused.status).toBe(429);
    expect(refused.headers['retry-after']).toBe('5');
    // Others have room.
    await follow();
    probes[0]?.leave();
    const again = async (): Promise<number> => {
      const probe = await openEventSource(served.server.port, { token });
      open.push(probe);
      return probe.status;
    };
    await expect.poll(again).toBe(200);
  });

  it('20 streams are told of 200 writes each, in their order', async () => {
    const probes = await Promise.all(Array.from({ length: 20 }, () => follow()));
    await Promise.all(Array.from({ length: 200 }, (_, at) => write(`load/${at}`)));
    const ways = await Promise.all(
      probes.map(async (probe) => (await probe.has(200)) && told(probe)),
    );
    expect(new Set(ways[0]).size).toBe(200);
    for (const way of ways) expect(way).toEqual(ways[0]);
  }, 30_000);
});

/** The ends of streams that are on record in the vault of a server that has let go of it. */
async function endsOnRecord({ directory, configDirectory }: Served): Promise<readonly unknown[]> {
  const vault = await openVault(directory, { configDirectory, holder: 'a test' });
  try {
    const session = createSession(vault, { principal: OWNER }, 'library');
    const { entries } = await session.audit.query({ action: 'events.close' });
    return entries.map(({ actor_name: name, outcome, detail }) => [name, outcome, detail]);
  } finally {
    await vault.close();
  }
}

describe('when the server stops', () => {
  it('streams end with a reason, at once, and that is on record', async () => {
    const own = await startServed();
    const probe = await openEventSource(own.server.port, { token: own.token });
    const begun = performance.now();
    await own.server.close();
    expect(performance.now() - begun).toBeLessThan(3000);
    await probe.ended();
    expect(probe.events).toMatchObject([{ event: 'end', data: { reason: 'sealed' } }]);
    expect(await endsOnRecord(own)).toEqual([[OWNER, 'ok', 'sealed, 0 events']]);
    await own.close();
  });

  it('and when the vault is sealed', async () => {
    const own = await startServed();
    const probe = await openEventSource(own.server.port, { token: own.token });
    const answer = await own.ask('/api/secrets/admin/seal', { token: own.token, json: {} });
    expect(answer.status).toBe(200);
    await probe.ended();
    expect(probe.events).toMatchObject([{ event: 'end', data: { reason: 'sealed' } }]);
    await own.server.close();
    expect(await endsOnRecord(own)).toEqual([[OWNER, 'ok', 'sealed, 0 events']]);
    await own.close();
  });
});
