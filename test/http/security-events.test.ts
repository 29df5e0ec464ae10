// What whoever watches over a server is told at once, in each place that it can be told in.

import { createSocket } from 'node:dgram';
import { readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { SecurityEvent } from '../../src/http/security-events.ts';
import { OWNER, temporaryDirectory } from '../../src/testing/temporary-vault.ts';
import { startServed, type Answer, type Served } from './served.ts';

const VALUE = '/api/secrets/workspaces/default/secrets/by-name/production/db/password:value';
/** As `max_failed_attempts` is by default. */
const GUESSES = 5;
/** Facility 10; severity 4, a warning, and 2, critical (RFC 5424 §6.2.1). */
const [WARNING, CRITICAL] = ['<84>1 ', '<82>1 '];

const datagrams: string[] = [];
const posted: string[] = [];
const syslog = createSocket('udp4');
const hook = createServer((message, response) => {
  message.on('data', (part: Uint8Array) => posted.push(Buffer.from(part).toString()));
  message.on('end', () => response.end());
});
const root = temporaryDirectory();
const file = join(root, 'events.jsonl');
let served: Served;

beforeAll(async () => {
  syslog.on('message', (message) => datagrams.push(message.toString()));
  await new Promise<void>((resolve) => syslog.bind(0, '127.0.0.1', resolve));
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  const { port } = hook.address() as AddressInfo;
  const securityEvents = [
    file,
    `syslog://127.0.0.1:${syslog.address().port}`,
    `http://127.0.0.1:${port}/hook`,
  ];
  served = await startServed({ root, securityEvents });
});

afterAll(async () => {
  await served.close();
  syslog.close();
  hook.close();
  hook.closeAllConnections();
  rmSync(root, { recursive: true, force: true });
});

/** What each place was told of a kind of event, as it was told there; it may come a moment after the answer. */
async function told(kind: SecurityEvent['event']): Promise<readonly (readonly string[])[]> {
  const lines = (): readonly (readonly string[])[] =>
    [readFileSync(file, 'utf8').split('\n'), datagrams, posted].map((each) =>
      each.filter((line) => line.includes(`"event":"${kind}"`)),
    );
  await expect
    .poll(() => lines().map(({ length }) => length), { timeout: 10_000 })
    .toEqual([1, 1, 1]);
  return lines();
}

/** The event of a kind, which is the same in each place. */
async function eventOf(kind: SecurityEvent['event']): Promise<SecurityEvent> {
  const [fromFile = '', fromSyslog = '', fromHook = ''] = (await told(kind)).flat();
  const event = JSON.parse(fromFile) as SecurityEvent;
  expect(JSON.parse(fromHook)).toEqual(event);
  expect(JSON.parse(fromSyslog.slice(fromSyslog.indexOf('{')))).toEqual(event);
  return event;
}

const requestOf = ({ headers }: Answer): unknown => headers['x-request-id'];

describe('security events, in a file, by syslog and at an address', () => {
  it('tell of a sign-in that is locked because so many before it were wrong', async () => {
    const guess = (): Promise<Answer> =>
      served.ask('/api/auth/sign-in', { json: { name: OWNER, password: 'not-the-password' } });
    for (let count = 0; count < GUESSES; count += 1) expect((await guess()).status).toBe(401);
    const last = await guess();
    expect(last.status).toBe(401);
    expect(await eventOf('locked')).toMatchObject({
      reason: 'locked',
      action: 'auth.signIn',
      request: requestOf(last),
      ip: '127.0.0.1',
    });
    const [, [datagram] = []] = await told('locked');
    expect(datagram?.startsWith(WARNING)).toBe(true);
    expect(datagram).toMatch(/^\S+ \S+ \S+ strongroom \d+ locked - \{/);
  });

  it('tell of something that was altered, as of something critical', async () => {
    const at = { environment: 'production', path: 'db/password' };
    await served.owner().secrets.write({ ...at, value: 'v' });
    const database = new DatabaseSync(join(served.directory, 'vault.db'));
    database.exec('UPDATE versions SET envelope = zeroblob(64)');
    database.close();
    const answer = await served.ask(VALUE, { token: served.token });
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'integrity_error' });
    expect(await eventOf('integrity_error')).toMatchObject({
      reason: 'integrity_error',
      action: 'secrets.read',
      request: requestOf(answer),
      actor: OWNER,
      workspace: 'default',
      environment: 'production',
    });
    const [, [datagram] = []] = await told('integrity_error');
    expect(datagram?.startsWith(CRITICAL)).toBe(true);
    expect(datagram).toMatch(/^\S+ \S+ \S+ strongroom \d+ integrity_error - \{/);
  });
});
