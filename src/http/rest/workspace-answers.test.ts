// Each operation of what is in a workspace, called over a socket at each of its
// addresses: the status, and what comes back, are as the operation says.

import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { everyOperation } from '../../core/every-operation.ts';
import {
  startAnswerServer,
  type AnswerServer,
  type RestAnswer,
} from '../../testing/every-answer.ts';

/** Groups of operations that are called here. */
const GROUPS: ReadonlySet<string> = new Set(
  'secrets environments workspaces overrides imports trash layouts jobs'.split(' '),
);

/** Operations that are not reachable over the network, each with its reason beside it. */
const NOWHERE: readonly string[] = ['jobs.run'];

const ALL = '/api/secrets/workspaces';
const W = `${ALL}/default`;
const S = `${W}/secrets`;
const P = `${S}/by-name/production`;

interface Row {
  readonly method: string;
  /** `{x}` in it is the id of the secret at the path `x`. */
  readonly target: string;
  readonly body?: object;
  readonly status?: number;
  /** What the answer has in it. */
  readonly has?: object;
}

const text = expect.any(String) as string;
const number = expect.any(Number) as number;
const uuid = expect.stringMatching(/^[0-9a-f-]{36}$/) as string;
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string;
const some = (item: object): object => expect.arrayContaining([expect.objectContaining(item)]);

const get = (target: string, has: object = {}): Row => ({ method: 'GET', target, has });
const post = (target: string, body: object, has: object = {}): Row => ({
  method: 'POST',
  target,
  body,
  has,
});
const made = (target: string, body: object, has: object = {}): Row => ({
  ...post(target, body, has),
  status: 201,
});
const remove = (target: string, has: object = {}): Row => ({ method: 'DELETE', target, has });
const put = (target: string, body: object, has: object = {}): Row => ({
  ...post(target, body, has),
  method: 'PUT',
});

/** Verbs on one secret; each is called on a secret by id and on one by name. */
const VERBS: Readonly<Record<string, Omit<Row, 'target'>>> = {
  '': { method: 'GET', has: { id: uuid, metadata: { team: { 'on call': true } }, usage: text } },
  value: { method: 'GET', has: { kind: 'text', value: 'not-a-secret-3', version: 3 } },
  versions: {
    method: 'GET',
    has: { versions: some({ is_current: true, created_by_user_id: uuid, deleted_at: null }) },
  },
  audit: { method: 'GET', has: { entries: some({ action: 'secrets.write', success: true }) } },
  rotate: {
    method: 'POST',
    body: { new_value: 'not-a-secret-4' },
    has: { version: 4, last_rotated_at: time, warnings: [] },
  },
  rollback: { method: 'POST', body: { version: 1 }, has: { version: 4 } },
  retire: { method: 'POST', has: { retired_version: 2, previous_version: null } },
  verify: { method: 'POST', body: { candidate: 'not-a-secret-3' }, has: { matches: true } },
  rename: { method: 'POST', body: { to: 'renamed/' }, has: { secrets: some({ version: 3 }) } },
  move: { method: 'POST', body: { to_environment: 'staging' }, has: { secrets: some({}) } },
  copy: { method: 'POST', body: { to: 'copied/' }, has: { secrets: some({ version: 1 }) } },
  undelete: { method: 'POST', has: { version: 3, is_active: true } },
  destroy: {
    method: 'POST',
    body: { versions: [1] },
    has: { versions: [1], destroyed_at: time, layout_removed: false },
  },
};

const CHANGES: Readonly<Record<string, Omit<Row, 'target'>>> = {
  PATCH: {
    method: 'PATCH',
    body: { tags: ['db'], is_active: true, rotation_interval_days: 7 },
    has: { tags: ['db'], rotation_policy: 'every 7d', rotation_interval_days: 7, is_active: true },
  },
  DELETE: { method: 'DELETE', has: { version: 3, is_active: false } },
};

const onSecrets: readonly Row[] = [
  ...Object.entries(VERBS).flatMap(([verb, row]) => [
    { ...row, target: `${S}/{x/${verb}/id}${verb === '' ? '' : `/${verb}`}` },
    {
      ...row,
      target: `${P}/x/${verb}${verb === '' ? '' : '/'}name${verb === '' ? '' : `:${verb}`}`,
    },
  ]),
  ...Object.entries(CHANGES).flatMap(([name, row]) => [
    { ...row, target: `${S}/{x/${name}/id}` },
    { ...row, target: `${P}/x/${name}/name` },
  ]),
];

/** The names of the contract. */
const CREATED = {
  id: uuid,
  workspace_id: uuid,
  name: 'db/password',
  environment: 'production',
  secret_type: 'password',
  tags: ['main'],
  rotation_policy: 'auto_90_days',
  rotation_interval_days: 90,
  expires_at: '2040-01-01T00:00:00.000Z',
  is_active: true,
  version: 1,
  last_rotated_at: null,
  rotation_due_at: time,
  created_by_user_id: uuid,
  updated_by_user_id: uuid,
  created_at: time,
  updated_at: time,
};

const SECRETS: readonly Row[] = [
  made(
    S,
    {
      name: 'db/password',
      environment: 'production',
      secret_type: 'password',
      value: 'not-a-secret-1',
      description: 'of the main database',
      usage: 'the API',
      rotation_policy: 'auto',
      rotation_interval_days: 90,
      tags: ['main'],
      metadata: { team: 'ops' },
      access_policy: [],
      expires_at: '2040-01-01T00:00:00Z',
    },
    CREATED,
  ),
  made(S, { name: 'in/development', value: 'v' }, { environment: 'development' }),
  put(`${P}/db/fields`, { value: { user: 'ada', key: { $base64: 'AAEC' } } }, { created: true }),
  get(`${P}/db/fields:value`, { fields: { user: 'ada', key: { $base64: 'AAEC' } } }),
  get(`${P}/db/fields:value?field=user&version=1`, { value: 'ada' }),
  get(`${S}?environment=production&type=password&tag=main&search=PASS&limit=1&offset=0`, {
    secrets: [CREATED],
  }),
  get(`${S}?environment=production&limit=1&offset=1`, { secrets: [{ name: 'db/password' }] }),
  get(`${S}/search?text=pass&is_active=true`, { secrets: [{ ...CREATED, owner_name: null }] }),
  get(`${S}/statistics`, { environments: some({ by_type: { generic: 1 }, without_owner: 1 }) }),
  get(`${S}/expiring?before=2041-01-01T00:00:00Z`, { secrets: [{ name: 'db/password' }] }),
  get(`${S}/rotation-due?days_ahead=91`, {
    secrets: [{ name: 'db/password', secret_type: 'password', rotation_due_at: time }],
  }),
  post(
    `${S}/batch-read`,
    { environment: 'production', names: ['db/password', 'db/none'] },
    {
      secrets: [
        { name: 'db/password', secret: { value: 'not-a-secret-1', secret_type: 'password' } },
        { name: 'db/none', error: { code: 'secret_not_found', message: text } },
      ],
    },
  ),
  get(`${S}/versions?name=db/password`, { name: 'db/password', versions: [{ version: 1 }] }),
  get(`${P}/db/password:audit?limit=1`, {
    entries: [
      {
        id: number,
        secret_id: uuid,
        action: 'secrets.read',
        user_id: uuid,
        ip_address: '127.0.0.1',
        user_agent: text,
        details: { path: 'db/password', outcome: 'ok' },
        success: true,
        created_at: time,
      },
    ],
  }),
  get(`${P}/db/password:effective-value`, { from: { kind: 'own', name: 'db/password' } }),
  get(`${S}/diff?environment=production&to_environment=staging`, {
    secrets: some({ name: 'db/fields', change: 'removed' }),
  }),
  get(`${S}/diff?environment=production&name=x/value/name&version=1&to_version=2&show=true`, {
    secrets: [
      { value_before: { value: 'not-a-secret-1' }, value_after: { value: 'not-a-secret-2' } },
    ],
  }),
  post(`${S}/generate`, { generator: 'password:24', secret_type: 'password' }, { value: text }),
  post(`${S}/generate`, { generator: 'ed25519' }, { fields: {}, entropy_bits: number }),
  post(
    `${S}/import`,
    {
      environment: 'testing',
      secrets: [{ name: 'A', value: 'v', secret_type: 'api_key' }],
      layout: JSON.stringify({ format: 1, text: 'A=v\n', paths: [] }),
    },
    { created: ['A'] },
  ),
  get(`${W}/environments/testing/layout`, { layout: text }),
  post(`${S}/undo`, { change: '{undo}' }, { secrets: [{ name: 'x/undo', steps: ['value'] }] }),
];

const imported = {
  environment: 'staging',
  folder: 'db',
  source: { environment: 'production', folder: 'db' },
};

const OTHERS: readonly Row[] = [
  put(`${P}/db/mine:personal-value`, { value: 'm' }, { revision: 1, name: 'db/mine' }),
  get(`${W}/personal-values`),
  remove(`${P}/db/mine:personal-value`, { revision: 1 }),
  made(ALL, { name: 'other' }, { id: uuid, name: 'other' }),
  get(ALL),
  remove(`${ALL}/other`, { name: 'other', secrets: 0 }),
  made(`${W}/environments`, { name: 'preview' }, { name: 'preview', is_protected: false }),
  get(`${W}/environments`),
  post(
    `${W}/environments/promote`,
    { from: 'production', to: 'preview', prefix: 'db/' },
    { added: ['db/fields', 'db/password'], without_value: [] },
  ),
  post(
    `${W}/environments/testing/rewind`,
    { since: new Date().toISOString(), dry_run: true },
    { secrets: [{ name: 'A', steps: ['delete'] }], lost: [] },
  ),
  get(`${W}/environments/production/values?only=db/password&only=db/fields`, {
    secrets: [{ name: 'db/fields' }, { value: 'not-a-secret-1' }],
    left_out: [],
  }),
  get(`${W}/environments/production/names`, { secrets: some({ name: 'db/fields' }) }),
  made(`${W}/imports`, imported, { source: { folder: 'db/' }, created_by_user_id: uuid }),
  get(`${W}/imports`),
  post(`${W}/imports/delete`, imported, { folder: 'db/' }),
  post('/api/secrets/admin/verify-checksums', {}, { finished: true, started_at: time }),
  get('/api/secrets/admin/jobs?limit=1'),
  // The whole of a folder, named in the body.
  ...['copy', 'move', 'rename'].map((verb) =>
    post(
      `${S}/${verb}`,
      { environment: 'production', name: `folder/${verb}/`, to: `to/${verb}/` },
      { secrets: [{ name: `to/${verb}/a`, from: { name: `folder/${verb}/a` } }] },
    ),
  ),
  get(`${W}/trash?environment=production`, {
    secrets: some({ name: 'x/DELETE/id', deleted_by_name: 'ada', purge_after: time }),
  }),
  post(`${W}/trash/purge`, { all: true }, { finished: true, shred_complete_after: time }),
];

const ROWS: readonly Row[] = [
  ...SECRETS,
  ...OTHERS.slice(0, -2),
  ...onSecrets,
  ...OTHERS.slice(-2),
];

const operations = everyOperation().filter(({ name }) => GROUPS.has(name.split('.')[0] ?? ''));
const answers: RestAnswer[] = [];
const ids = new Map<string, string>();
let server: AnswerServer;

/** A secret for each verb and address, so that none is in the way of another. */
async function makeSecrets({ owner }: AnswerServer): Promise<void> {
  const environment = 'production';
  const paths = [...Object.keys(VERBS), ...Object.keys(CHANGES)].flatMap((name) =>
    ['id', 'name'].map((by) => `x/${name === '' ? '' : `${name}/`}${by}`),
  );
  for (const path of paths) {
    const at = { environment, path };
    const metadata = { team: { 'on call': true } };
    await owner.secrets.write({ ...at, value: 'not-a-secret-1', usage: 'a test', metadata });
    await owner.secrets.write({ ...at, value: 'not-a-secret-2' });
    const { id } = await owner.secrets.rotate({ ...at, newValue: 'not-a-secret-3' });
    ids.set(path.replace(/^x\/id$/, 'x//id'), id);
    if (path.startsWith('x/undelete')) await owner.secrets.delete(at);
  }
  for (const verb of ['copy', 'move', 'rename']) {
    await owner.secrets.write({ environment, path: `folder/${verb}/a`, value: 'v' });
  }
  const undone = { environment, path: 'x/undo' };
  await owner.secrets.write({ ...undone, value: 'a' });
  // What is undone is told from what came before it by its time.
  await sleep(2);
  await owner.secrets.write({ ...undone, value: 'b' });
  const [entry] = (await owner.audit.query({ path: 'x/undo', limit: 1 })).entries;
  ids.set('undo', entry?.request ?? '');
}

/** With ids in place of what they are of. */
function filled(given: string): string {
  return given.replaceAll(/\{([\w/]+)\}/g, (_all, path: string) => ids.get(path) ?? path);
}

beforeAll(async () => {
  server = await startAnswerServer();
  await makeSecrets(server);
});
afterAll(() => server.close());

describe('over REST', () => {
  for (const [index, { method, target, body, status = 200, has = {} }] of ROWS.entries()) {
    it(`${index}: ${method} ${target} answers ${status}`, async () => {
      const given = body && (JSON.parse(filled(JSON.stringify(body))) as object);
      const answer = await server.send(method, filled(target), given);
      answers.push(answer);
      expect(answer).toMatchObject({ status, json: has });
      expect(server.faults()).toEqual([]);
    });
  }

  it('keys that are the caller’s own stay as they are', async () => {
    const metadata = { myTeam: { onCall: [{ Who: 'ada' }] } };
    const at = `${P}/db/own-keys`;
    await server.send('PUT', at, { value: { userName: 'ada' }, metadata });
    expect(await server.send('GET', at)).toMatchObject({ json: { metadata } });
    const answer = await server.send('GET', `${at}:value`);
    expect(answer).toMatchObject({ json: { fields: { userName: 'ada' } } });
    server.faults();
  });

  it('each operation is called, at each of its addresses', () => {
    const bindings = operations.flatMap(({ rest }) =>
      rest.map(({ method, path }) => `${method} ${path}`),
    );
    expect([...new Set(answers.map(({ route }) => route))].toSorted()).toEqual(bindings.toSorted());
  });

  it('each operation says what it answers, and where it is or that it is nowhere', () => {
    expect(operations.filter(({ output }) => output === undefined)).toEqual([]);
    const nowhere = operations.filter(({ rest }) => rest === undefined || rest.length === 0);
    expect(nowhere.map(({ name }) => name)).toEqual(NOWHERE);
    expect(nowhere.filter(({ rest }) => rest === undefined)).toEqual([]);
  });

  it('what changes something is not asked for with GET', () => {
    const reading = operations.filter(({ rest }) => rest.some(({ method }) => method === 'GET'));
    expect(reading.filter(({ mutates }) => mutates).map(({ name }) => name)).toEqual([]);
  });
});
