// Each operation of the vault as a whole, called once over a socket at each of
// its addresses: the status, and what comes back, are as the operation says.

import { existsSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { everyOperation } from '../../core/every-operation.ts';
import {
  startAnswerServer,
  type AnswerServer,
  type RestAnswer,
} from '../../testing/every-answer.ts';

/** Groups of operations that are called here. */
const GROUPS: ReadonlySet<string> = new Set(
  'access users machines groups roles settings audit keys slots backups health tokens'.split(' '),
);

/** Operations of these groups that others call, as they are of signing in. */
const ELSEWHERE: ReadonlySet<string> = new Set(['users.invite']);

const V = '/api/secrets/admin';
const W = '/api/secrets/workspaces/default';
const ROUND_TRIP_DAYS = 30;

/** What earlier answers said that later requests name. */
interface Known {
  readonly [name: string]: string;
}

interface Row {
  readonly method: string;
  readonly target: string | ((known: Known) => string);
  readonly body?: object | ((known: Known) => object);
  readonly status?: number;
  /** What of the answer is named later. */
  readonly keep?: (json: never) => Known;
  /** What the answer has in it. */
  readonly has?: object;
}

const get = (target: Row['target'], more: Partial<Row> = {}): Row => ({
  method: 'GET',
  target,
  ...more,
});
const post = (target: Row['target'], body: Row['body'], more: Partial<Row> = {}): Row => ({
  method: 'POST',
  target,
  ...(body === undefined ? {} : { body }),
  ...more,
});
const made = (target: Row['target'], body: Row['body'], more: Partial<Row> = {}): Row =>
  post(target, body, { status: 201, ...more });
const remove = (target: Row['target'], more: Partial<Row> = {}): Row => ({
  method: 'DELETE',
  target,
  ...more,
});
const put = (target: Row['target'], body: object, more: Partial<Row> = {}): Row => ({
  method: 'PUT',
  target,
  body,
  ...more,
});

/** People and machines are looked after in the same way. */
const principals = (kind: 'user' | 'machine', name: string): readonly Row[] => [
  made(`${V}/${kind}s`, { name }, { has: { kind, name, disabled_at: null } }),
  get(`${V}/${kind}s?limit=1`),
  post(`${V}/${kind}s/${name}/rename`, { to: `${name}.2` }, { has: { name: `${name}.2` } }),
  post(`${V}/${kind}s/${name}.2/disable`, {}),
  post(`${V}/${kind}s/${name}.2/enable`, undefined, { has: { disabled_at: null } }),
  remove(`${V}/${kind}s/${name}.2`),
];

/** Groups and roles too, in a workspace and in the vault. */
const sets = (kind: 'group' | 'role', at: string, name: string): readonly Row[] => [
  made(`${at}/${kind}s`, { name }, { has: { name, is_built_in: false, members: 0 } }),
  made(`${at}/${kind}s/${name}/members`, { member: 'user:ada' }, { has: { member: 'user:ada' } }),
  get(`${at}/${kind}s/${name}`, { has: { members: [{ subject: 'user:ada' }] } }),
  get(`${at}/${kind}s?limit=2`, { has: { kind: `${kind}s` } }),
  remove(`${at}/${kind}s/${name}/members/user:ada`),
  post(`${at}/${kind}s/${name}/rename`, { to: `${name}-2` }),
  remove(`${at}/${kind}s/${name}-2`, { has: { name: `${name}-2` } }),
];

const window = { days: ['mon'], from: '08:00', to: '18:00', zone: 'UTC' };
const rule = { subject: 'user:ada', can: ['read'], pattern: 'default/staging/**' };
const question = { capability: 'read', resource: 'default/staging/a' };

const ACCESS: readonly Row[] = [
  made(
    `${V}/grants`,
    { ...rule, conditions: { user_agents: ['curl/*'], times: [window] } },
    {
      has: { conditions: { user_agents: ['curl/*'], times: [window] }, warnings: [] },
      keep: ({ id }: { id: string }) => ({ grant: id }),
    },
  ),
  made(`${V}/denials`, { ...rule, conditions: { not_before: '2040-01-01T00:00:00Z' } }),
  get(`${V}/grants?subject=user:ada&limit=1`),
  get(`${W}/grants`),
  post(`${V}/access/explain`, { ...question, circumstances: { user_agent: 'curl/8' } }),
  get(`${V}/access/who-can?capability=read&resource=default/staging/a&limit=5`),
  post(
    `${V}/access/test`,
    { cases: [{ ...question, principal: 'ada', expected: 'allow' }] },
    { has: { passed: 1, failed: 0 } },
  ),
  post(`${V}/access/replay`, { since: '2026-01-01T00:00:00Z', add: [rule] }),
  remove(({ grant }) => `${V}/grants/${grant}`, { has: { effect: 'allow' } }),
];

const SETTINGS: readonly Row[] = [
  put(`${W}/settings/complexity`, { value: { min_length: 3, types: ['password'] } }),
  get(`${W}/settings?name=complexity`, {
    has: { settings: [{ value: { min_length: 3, types: ['password'] }, is_set: true }] },
  }),
  put(`${V}/settings/backup_keep_days`, { value: ROUND_TRIP_DAYS }),
  get(`${V}/settings/backup_keep_days`, { has: { settings: [{ value: ROUND_TRIP_DAYS }] } }),
];

const AUDIT: readonly Row[] = [
  get(`${V}/audit?action=users.create&limit=1`, { has: { entries: [{ outcome: 'ok' }] } }),
  get(`${W}/audit?limit=1`),
  post(`${V}/audit/export`, {}),
  post(`${V}/audit/verify`, {}),
  get(`${V}/audit/proof?seq=0`),
  post(`${V}/audit/checkpoint`, undefined),
  get(`${V}/audit/key`),
  post(`${V}/audit/prune`, {}),
];

const KEYS: readonly Row[] = [
  get(`${V}/keys`),
  get(`${V}/encryption/health`, {
    has: { current_backend: 'local', health_status: { local: { healthy: true } } },
  }),
  post(`${V}/encryption/rotate-key`, {}, { has: { workspace: 'default', number: 2 } }),
  post(`${W}/keys/rotate`, { reencrypt: true }),
  post(`${V}/encryption/generate-key`, undefined, {
    has: { key: expect.stringMatching(/^[\w-]{43}=$/) as string },
  }),
  post(`${V}/keys/rotate-due`, {}),
  post(`${W}/keys/rewrap`, { limit: 64 }),
  post(`${W}/keys/retire`, {}),
];

const BACKUPS: readonly Row[] = [
  post(`${V}/backups/key`, {}),
  made(`${V}/backups`, { keep_days: 7 }, { keep: ({ id }: { id: string }) => ({ backup: id }) }),
  get(`${V}/backups`, { has: { unlisted: [], missing: [] } }),
  post(({ backup }) => `${V}/backups/${backup}/verify`, { prove: true }),
  post(({ backup }) => `${V}/backups/${backup}/restore`, {
    environment: 'staging',
    path: 'a',
    as: 'b',
  }),
  post(`${V}/backups/run-scheduled`, {}),
  post(`${V}/backups/prune`, { keep_last: 1 }),
];

const SLOTS: readonly Row[] = [
  made(
    `${V}/slots`,
    { slot: { kind: 'recovery' } },
    { keep: ({ recovery }: { recovery: string }) => ({ recovery }) },
  ),
  post(
    `${V}/keys/drill`,
    ({ recovery }) => ({ openers: [{ kind: 'recovery', token: recovery }] }),
    {
      has: { failed: [] },
    },
  ),
  made(
    `${V}/slots`,
    { slot: { kind: 'shamir', threshold: 2, shares: 2 } },
    {
      keep: ({ shares }: { shares: string[] }) => ({ one: shares[0] ?? '', two: shares[1] ?? '' }),
    },
  ),
  post(`${V}/slots/shamir/confirm`, ({ one, two }) => ({ shares: [one, two] })),
  get(`${V}/slots`),
  remove(`${V}/slots/shamir`),
  post(`${V}/keys/begin-root`, { drop: ['keyfile'] }),
  post(`${V}/keys/rotate-root`, {}),
];

const TOKENS: readonly Row[] = [
  made(
    '/api/auth/tokens',
    { subject: 'machine:ci', label: 'a build', ttl: '1h', can: ['read'] },
    {
      has: { token: expect.stringMatching(/^sr_token_/) as string, is_current: false },
      keep: ({ id }: { id: string }) => ({ token: id }),
    },
  ),
  get('/api/auth/tokens?subject=machine:ci'),
  remove(({ token }) => `/api/auth/tokens/${token}`),
];

const ROWS: readonly Row[] = [
  ...principals('user', 'grace'),
  ...principals('machine', 'build'),
  ...sets('group', W, 'ops'),
  ...sets('group', V, 'all-ops'),
  ...sets('role', W, 'payments'),
  ...sets('role', V, 'all-payments'),
  ...ACCESS,
  ...SETTINGS,
  ...AUDIT,
  get(`${V}/health?deep=true`, { has: { status: 'ok', is_deep: true } }),
  ...KEYS,
  ...BACKUPS,
  ...SLOTS,
  ...TOKENS,
  post(`${V}/tokens/purge`, {}),
  remove('/api/auth/tokens/current', { has: { is_current: true } }),
];

const operations = everyOperation().filter(
  ({ name }) => GROUPS.has(name.split('.')[0] ?? '') && !ELSEWHERE.has(name),
);

let server: AnswerServer;
const answers: RestAnswer[] = [];
let known: Known = {};

beforeAll(async () => {
  server = await startAnswerServer();
  vi.stubEnv('STRONGROOM_BACKUP_PATH', join(server.place.root, 'backups'));
  await server.owner.secrets.write({ environment: 'staging', path: 'a', value: 'v' });
  await server.owner.machines.create({ name: 'ci' });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.close();
});

describe('over REST', () => {
  for (const [index, row] of ROWS.entries()) {
    const { method, target, body, status = 200, keep, has } = row;
    const name = typeof target === 'string' ? target : target(new Proxy({}, { get: placeholder }));
    it(`${index}: ${method} ${name} answers ${status}`, async () => {
      const answer = await server.send(
        method,
        typeof target === 'string' ? target : target(known),
        typeof body === 'function' ? body(known) : body,
      );
      answers.push(answer);
      expect(answer).toMatchObject({ status });
      expect(server.faults()).toEqual([]);
      if (has !== undefined) expect(answer.json).toMatchObject(has);
      if (keep !== undefined) known = { ...known, ...keep(answer.json as never) };
    });
  }

  it('each operation is called, at each of its addresses', () => {
    const bindings = operations.flatMap(({ rest }) =>
      rest.map(({ method, path }) => `${method} ${path}`),
    );
    expect([...new Set(answers.map(({ route }) => route))].toSorted()).toEqual(bindings.toSorted());
  });

  it('each operation says what it answers, and where it is', () => {
    const silent = operations.filter(({ output, rest }) => output === undefined || !rest?.length);
    expect(silent.map(({ name }) => name)).toEqual([]);
  });

  it('what changes something is not asked for with GET', () => {
    const reading = operations.filter(({ rest }) => rest.some((each) => each.method === 'GET'));
    expect(reading.filter(({ mutates }) => mutates).map(({ name }) => name)).toEqual([]);
  });
});

describe('A86 over REST no file of the server is named', () => {
  const file = join(tmpdir(), `strongroom-never-made-${process.pid}`);
  const opener = { kind: 'keyfile', path: file };
  const id = '01890000-0000-7000-8000-000000000000';
  const named: readonly (readonly [target: string, body: object])[] = [
    [`${V}/slots`, { slot: opener }],
    [`${V}/keys/drill`, { openers: [opener] }],
    [`${V}/keys/begin-root`, { keep: [opener] }],
    [`${V}/keys/begin-root`, { renew: [{ slot: 'recovery', by: opener }] }],
    [`${V}/backups`, { directory: file }],
    [`${V}/backups/run-scheduled`, { directory: file }],
    [`${V}/backups/${id}/verify`, { file }],
    [`${V}/backups/${id}/verify`, { keys: [opener] }],
    [`${V}/backups/${id}/restore`, { file }],
    [`${V}/backups/${id}/restore`, { keys: [opener] }],
  ];

  let server: AnswerServer;
  beforeAll(async () => {
    server = await startAnswerServer();
  });
  afterAll(async () => {
    await server.close();
    rmSync(file, { force: true, recursive: true });
  });

  it.each(named)('by POST %s (%#)', async (target, body) => {
    const { status, json } = await server.send('POST', target, body);
    expect({ status, json }).toMatchObject({
      status: 400,
      json: { code: 'invalid_input', detail: 'the input has a member that is not known' },
    });
    expect(existsSync(file)).toBe(false);
  });
});

function placeholder(_target: object, name: string | symbol): string {
  return `{${String(name)}}`;
}
