// A marker of its own stands in each parameter of each operation at each of its addresses, in headers,
// in addresses and in members that there are not. It is looked for in all that a server writes and
// tells beside the answer of success: where it may be is what the operation declares, and nothing else.

import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { Agent, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { QueuedSink } from '../../src/http/line-sink.ts';
import type { RestRoute } from '../../src/http/rest/rest-route.ts';
import { serve, type Server } from '../../src/http/serve.ts';
import { ServerLog } from '../../src/http/server-log.ts';
import { CALLER } from '../../src/testing/foreign-ids.ts';
import { freshSession } from '../../src/testing/fresh-session.ts';
import { everyParameter, foreignOf, withParameter } from '../../src/testing/input-parameters.ts';
import { restRequest, type RestRequestLine } from '../../src/testing/rest-request.ts';
import { OWNER, storedRows, tamper } from '../../src/testing/temporary-vault.ts';
import {
  knownRoutes,
  makeTwoWorkspaces,
  type TwoWorkspaces,
} from '../../src/testing/two-workspaces.ts';
import { ask, type Answer } from './served.ts';

/** A marker, where it was planted, and where it may be found. */
interface Planted {
  readonly marker: string;
  readonly where: string;
  /** Where else than in an answer of success it may be found. */
  readonly allowed: readonly string[];
}

/** What a server told, by where. */
type Told = Readonly<Record<string, string>>;

/** Stands where it is asked whether something is declared. */
const PROBE = '9876500000000';
/** Versions are counted, and numbers of them are no secrets. */
const NUMBERS = ['version', 'toVersion', 'versions[]', 'cas'];
/** What gets a name by the call: every other name is of something, or in what the operation declares. */
const NEW_NAMES = [
  'secrets.import secrets[].path',
  'workspaces.create name',
  'environments.create name',
  'users.rename to',
  'machines.rename to',
];
const EVENTS = ['events in a file', 'events to syslog', 'events to an address'];
/** A security event names the workspace and the environment, and who it was. */
const IN_EVENTS = /workspace|environment/i;
/** The beginning of a marker in base64 and in hexadecimal. */
const SPELLED = /bWszc[A-Za-z0-9+/]{6}|6d6b3372[0-9]{6}/g;
const MARKERS = /mk3r\d{5}x|98765\d{8}/g;
/** Headers of which nothing is kept or told. */
const HEADERS = [
  'Referer',
  'traceparent',
  'tracestate',
  'baggage',
  'X-Request-Id',
  'Accept-Language',
];
const MORE_HEADERS = [
  'Cookie',
  'Origin',
  'If-Match',
  'If-None-Match',
  'Idempotency-Key',
  'Forwarded',
];

/** These end what all the others need: they are asked last. */
const LAST = ['auth.signOut', 'workspaces.delete', 'users.disable', 'users.remove', 'vault.seal'];

let two: TwoWorkspaces;
let server: Server;
let tokens: readonly (string | undefined)[];
const agent = new Agent({ keepAlive: true });
const lines: string[] = [];
const datagrams: string[] = [];
const posted: string[] = [];
const syslog = createSocket('udp4');
const hook = createServer((message, response) => {
  message.on('data', (part: Uint8Array) => posted.push(Buffer.from(part).toString()));
  message.on('end', () => response.end());
});
let eventsFile: string;

beforeAll(async () => {
  two = await makeTwoWorkspaces();
  tokens = [await freshSession(two.parts, CALLER), await freshSession(two.parts, OWNER), undefined];
  await two.parts.vault.close();
  syslog.on('message', (message) => datagrams.push(message.toString()));
  await new Promise<void>((resolve) => syslog.bind(0, '127.0.0.1', resolve));
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  const { place } = two;
  eventsFile = join(place.root, 'events.jsonl');
  server = await serve({
    directory: place.path,
    configDirectory: place.configDirectory,
    port: 0,
    log: new ServerLog(new QueuedSink(async (line) => void lines.push(line))),
    rateLimits: { address: null, principal: null },
    securityEvents: [
      eventsFile,
      `syslog://127.0.0.1:${syslog.address().port}`,
      `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`,
    ],
  });
});
afterAll(async () => {
  agent.destroy();
  await server.close();
  syslog.close();
  hook.closeAllConnections();
  hook.close();
  two.place.remove();
});

const planted: Planted[] = [];
const failures: string[] = [];

function plant(where: string, allowed: readonly string[] = []): string {
  const marker = `mk3r${String(planted.length).padStart(5, '0')}x`;
  planted.push({ marker, where, allowed });
  return marker;
}

async function send(
  { method, target, body }: RestRequestLine,
  token: string | undefined,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const answer: Answer = await ask(server.port, target, {
    method,
    token,
    agent,
    headers,
    ...(body === undefined ? {} : { json: body }),
  });
  expect(answer.status, `${method} ${target}`).toBeLessThan(500);
  if (answer.status >= 400) failures.push(answer.body);
  failures.push(JSON.stringify({ ...answer.headers, etag: undefined }));
}

/** Whether the operation itself says that what stands in a parameter is named on record or in a refusal. */
function isDeclared(route: RestRoute, input: object): boolean {
  const { omit = [], fixed = {} } = route.binding;
  const kept = Object.entries(input).filter(([member]) => !omit.includes(member));
  const parsed = route.operation.input.safeParse({ ...Object.fromEntries(kept), ...fixed });
  if (!parsed.success) return false;
  const { subject, requires } = route.operation;
  return JSON.stringify([subject(parsed.data), requires(parsed.data)]).includes(PROBE);
}

const secretId = (route: RestRoute): string | undefined =>
  two.secrets.get(`own/${route.operation.name}`);

/** Where a parameter may be found: nowhere if it is secret, or names nothing. */
function placesOf(
  route: RestRoute,
  parameter: string,
  forms: readonly object[],
): readonly string[] {
  const { name } = route.operation;
  const isNamed =
    NUMBERS.includes(parameter) ||
    NEW_NAMES.includes(`${name} ${parameter}`) ||
    foreignOf(name, parameter) !== undefined ||
    forms.some((form) => isDeclared(route, form));
  if (!isNamed) return [];
  const isInEvents =
    IN_EVENTS.test(parameter) || ['users.rename', 'workspaces.delete'].includes(name);
  return ['audit log', 'problem documents', ...(isInEvents ? EVENTS : [])];
}

/** A request for each parameter, with a marker in its place; once as text, once as a number. */
async function sweepParameters(route: RestRoute, token: string | undefined): Promise<void> {
  const { name, secretMembers } = route.operation;
  const { method, path } = route.binding;
  const own = two.inputOf(name);
  const lineOf = (input: object): RestRequestLine =>
    restRequest(route, input, { secretId: secretId(route) });
  const before = JSON.stringify(lineOf(own));
  for (const { parameter } of everyParameter().filter((each) => each.name === name)) {
    const [first = ''] = parameter.replaceAll('[]', '').split('.');
    const isSecret = secretMembers.includes(first) && !NEW_NAMES.includes(`${name} ${parameter}`);
    const where = `${name} ${method} ${path} ${parameter}`;
    const isSaid = JSON.stringify(lineOf(withParameter(own, parameter, PROBE))) !== before;
    if (!isSaid) continue;
    // In an address a number is text.
    const forms = [PROBE, Number(PROBE)].map((value) => withParameter(own, parameter, value));
    const allowed = isSecret ? [] : placesOf(route, parameter, forms);
    const text = plant(where, allowed);
    await send(lineOf(withParameter(own, parameter, text)), token);
    const number = Number(`98765${String(planted.length).padStart(8, '0')}`);
    planted.push({ marker: String(number), where, allowed });
    await send(lineOf(withParameter(own, parameter, number)), token);
  }
}

/** What no operation has a member for: headers, names of members and parameters, the rest of an address. */
async function sweepRest(route: RestRoute, token: string | undefined): Promise<void> {
  const { name } = route.operation;
  const line = restRequest(route, two.inputOf(name), { secretId: secretId(route) });
  const where = (what: string): string => `${name} ${line.method} ${what}`;
  const headers: Record<string, string> = Object.fromEntries(
    [...HEADERS, ...MORE_HEADERS].map((header) => [header, plant(where(header))]),
  );
  headers['User-Agent'] = plant(where('User-Agent'), ['audit log']);
  const { Cookie: cookie = '', ...others } = headers;
  const isChange = line.method !== 'GET';
  // What is changed is changed once: a condition that does not hold keeps it from that.
  if (!isChange || !LAST.includes(name))
    await send(line, token, { ...others, Cookie: `a=${cookie}` });
  const bearer = plant(where('Authorization'));
  await send(line, undefined, { Authorization: `Bearer ${bearer}` });
  const type = plant(where('Content-Type'));
  if (line.body !== undefined) await send(line, token, { 'Content-Type': type });
  const member = plant(where('a member that there is not'));
  const value = plant(where('the value of one'));
  const deep = plant(where('the key of one'));
  const wrong = { [member]: { [deep]: [value, { list: value }] } };
  if (line.body === undefined) {
    const separator = line.target.includes('?') ? '&' : '?';
    await send({ ...line, target: `${line.target}${separator}${member}=${value}` }, token);
    await send({ ...line, body: wrong }, token);
  } else {
    await send({ ...line, body: { ...line.body, ...wrong } }, token);
    await send({ ...line, body: [wrong] }, token);
    await send({ ...line, target: `${line.target}?${member}=${value}` }, token);
  }
  const [path = ''] = line.target.split('?');
  await send({ ...line, target: `${path}/${plant(where('behind the address'))}%2f` }, token);
}

async function gather(): Promise<Told> {
  const [, ownerToken] = tokens;
  const told: Record<string, string> = { 'problem documents': failures.join('\n') };
  for (const target of ['/metrics', '/health/live', '/health/ready', '/api/openapi.json']) {
    const answer = await ask(server.port, target, { token: ownerToken });
    expect(answer.status, target).toBe(200);
    told[target] = answer.body;
  }
  await server.close();
  told['server log'] = lines.join('');
  told['events in a file'] = readFileSync(eventsFile, 'utf8');
  told['events to syslog'] = datagrams.join('\n');
  told['events to an address'] = posted.join('\n');
  told['audit log'] = tamper(two.place, (db) =>
    db
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'audit%'")
      .all()
      .flatMap(({ name }) => storedRows(db, String(name)))
      .flatMap((row) =>
        Object.values(row).map((each) =>
          each instanceof Uint8Array ? Buffer.from(each).toString('latin1') : String(each),
        ),
      )
      .join('\n'),
  );
  return told;
}

/** Markers that are where they may not be, also in other spellings. */
function strays(told: Told): readonly string[] {
  const byMarker = new Map(planted.map((each) => [each.marker, each]));
  return Object.entries(told).flatMap(([place, text]) => {
    const found = [...new Set(text.match(MARKERS))].flatMap((marker) => {
      const { where = 'nowhere', allowed = [] } = byMarker.get(marker) ?? {};
      return allowed.includes(place) ? [] : [`${where} is in ${place}`];
    });
    const spelled = [...new Set(text.match(SPELLED))].map((each) => `${each} is in ${place}`);
    return [...found, ...spelled];
  });
}

describe('A83 A84 a marker in everything that can be sent', () => {
  it('A83 A84 is nowhere but where the operation declares that it is named', async () => {
    const routes = knownRoutes().toSorted(
      (one, other) => LAST.indexOf(one.operation.name) - LAST.indexOf(other.operation.name),
    );
    for (const route of routes) {
      await Promise.all(tokens.map((token) => sweepParameters(route, token)));
    }
    for (const route of routes) await sweepRest(route, tokens[0]);
    expect(planted.length).toBeGreaterThan(2000);
    const told = await gather();
    expect(told['audit log']?.length).toBeGreaterThan(100_000);
    expect(told['events to syslog']).toContain('denied');
    expect(told['events to an address']).toContain('denied');
    expect(told['events in a file']).toContain('denied');
    expect(strays(told)).toEqual([]);
  }, 120_000);
});
