import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  startAnswerServer,
  type AnswerServer,
  type RestAnswer,
} from '../../testing/every-answer.ts';
import { tamper } from '../../testing/temporary-vault.ts';

const P = '/api/secrets/workspaces/default/secrets/by-name/production';
const BYTES = { Accept: 'application/octet-stream' };

let server: AnswerServer;
let made = 0;
beforeAll(async () => {
  server = await startAnswerServer();
});
afterAll(() => server.close());

/** A secret of two versions, and a way to ask for it. */
async function secret(): Promise<{
  readonly path: string;
  readonly at: string;
  get(verb: string, headers?: Readonly<Record<string, string>>): Promise<RestAnswer>;
  tag(verb: string, headers?: Readonly<Record<string, string>>): Promise<string>;
}> {
  made += 1;
  const path = `tags/${made}`;
  const at = `${P}/${path}`;
  await server.owner.secrets.write({ environment: 'production', path, value: 'a' });
  await server.owner.secrets.write({ environment: 'production', path, value: 'not-a-secret' });
  const get = (verb: string, headers = {}): Promise<RestAnswer> =>
    server.send('GET', `${at}${verb}`, undefined, headers);
  const tag = async (verb: string, headers = {}): Promise<string> =>
    (await get(verb, headers)).headers.get('ETag') ?? '';
  return { path, at, get, tag };
}

async function newest(path: string): Promise<object | undefined> {
  return (await server.owner.audit.query({ path, limit: 1 })).entries[0];
}

describe('the tag of a value', () => {
  it('stands in the head alone, and says the same each time', async () => {
    const { get } = await secret();
    const first = await get(':value');
    expect(first.headers.get('ETag')).toMatch(/^"[\w-]{22}"$/);
    expect(first.text).not.toContain('etag');
    expect((await get(':value')).headers.get('ETag')).toBe(first.headers.get('ETag'));
  });

  it('is another for each secret, version, field and representation', async () => {
    const [one, two] = [await secret(), await secret()];
    await server.owner.secrets.write({
      environment: 'production',
      path: two.path,
      value: { a: 'x', b: 'x' },
      replace: true,
    });
    const tags = [
      await one.tag(':value'),
      await one.tag(':value?version=1'),
      await one.tag(':value', BYTES),
      await one.tag(''),
      await two.tag(':value'),
      await two.tag(':value?field=a'),
      await two.tag(':value?field=b'),
    ];
    expect(tags.every((tag) => tag !== '')).toBe(true);
    expect(new Set(tags).size).toBe(tags.length);
    expect(await one.tag(':value?version=2')).toBe(tags[0]);
  });

  it('gives 304 without a body to who has it, on record as a read', async () => {
    const { path, get, tag } = await secret();
    const known = await tag(':value');
    await server.owner.secrets.describe({ environment: 'production', path });
    for (const given of [known, `"other", ${known}`]) {
      const answer = await get(':value', { 'If-None-Match': given });
      expect(answer).toMatchObject({ status: 304, text: '' });
      expect(answer.headers.get('ETag')).toBe(known);
      const read = { action: 'secrets.read', outcome: 'ok', version: 2, path };
      expect(await newest(path)).toMatchObject(read);
    }
    expect(server.faults()).toEqual([]);
  });

  it('decrypts nothing for it', async () => {
    const { path, get, tag } = await secret();
    const known = await tag(':value');
    tamper(server.place, (db) => {
      db.prepare(
        `UPDATE versions SET envelope = zeroblob(64)
         WHERE version = 2 AND secret_id = (SELECT id FROM secrets WHERE path = ?)`,
      ).run(path);
    });
    expect((await get(':value', { 'If-None-Match': known })).status).toBe(304);
    expect((await get(':value')).json).toMatchObject({ code: 'integrity_error' });
  });

  it('does not help with a version that was destroyed', async () => {
    const { path, get, tag } = await secret();
    const known = await tag(':value?version=1');
    await server.owner.secrets.destroy({ environment: 'production', path, versions: [1] });
    // A value that is gone is not given as one that the caller has.
    const answer = await get(':value?version=1', { 'If-None-Match': known });
    expect(answer).toMatchObject({ status: 404, json: { code: 'secret_deleted' } });
  });

  it('is no longer that of a new version, nor one of anything else', async () => {
    const { path, get, tag } = await secret();
    const known = await tag(':value');
    expect((await get(':value', { ...BYTES, 'If-None-Match': known })).status).toBe(200);
    expect((await get('', { 'If-None-Match': known })).status).toBe(200);
    await server.owner.secrets.write({ environment: 'production', path, value: 'c' });
    const answer = await get(':value', { 'If-None-Match': known });
    expect(answer).toMatchObject({ status: 200, json: { value: 'c', version: 3 } });
  });

  it('does not help who may not have the value: inactive, deleted, gone', async () => {
    const { path, get, tag } = await secret();
    const at = { environment: 'production', path };
    const headers = { 'If-None-Match': await tag(':value') };
    await server.owner.secrets.update({ ...at, active: false });
    expect((await get(':value', headers)).json).toMatchObject({ code: 'secret_inactive' });
    await server.owner.secrets.update({ ...at, active: true });
    expect((await get(':value', headers)).status).toBe(304);
    await server.owner.secrets.delete(at);
    expect((await get(':value', headers)).json).toMatchObject({ code: 'secret_deleted' });
  });

  it('is not there for a moment of the past', async () => {
    const { get } = await secret();
    const at = encodeURIComponent(new Date().toISOString());
    const answer = await get(`:value?at=${at}`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('ETag')).toBeNull();
  });
});

describe('the tag of a description', () => {
  it('gives 304, until anything of it is changed', async () => {
    const { path, get, tag } = await secret();
    const known = await tag('');
    const answer = await get('', { 'If-None-Match': known });
    expect(answer).toMatchObject({ status: 304, text: '' });
    expect(await newest(path)).toMatchObject({ action: 'secrets.describe', outcome: 'ok' });
    await server.owner.secrets.update({ environment: 'production', path, tags: ['new'] });
    expect((await get('', { 'If-None-Match': known })).json).toMatchObject({ tags: ['new'] });
  });
});

describe('If-Match', () => {
  const changes = [
    ['PATCH', '', { value: 'c' }],
    ['PUT', '', { value: 'c' }],
    ['POST', ':rotate', { new_value: 'c' }],
    ['DELETE', '', undefined],
  ] as const;

  it('is refused where it would not be looked at', async () => {
    const { at, tag } = await secret();
    const headers = { 'If-Match': await tag(':value') };
    for (const [verb, body] of [
      [':rollback', { version: 1 }],
      [':rename', { to: 'elsewhere' }],
      [':retire', undefined],
    ] as const) {
      const answer = await server.send('POST', `${at}${verb}`, body, headers);
      expect(answer).toMatchObject({ status: 400, json: { code: 'invalid_request' } });
    }
  });

  it.each(changes)('lets %s%s through with the tag of the value', async (method, verb, body) => {
    for (const from of [[':value'], [':value', BYTES], ['']] as const) {
      const { at, tag } = await secret();
      const headers = { 'If-Match': await tag(from[0], from[1]) };
      const answer = await server.send(method, `${at}${verb}`, body, headers);
      expect(answer.status).toBe(200);
    }
  });

  it.each(changes)('keeps %s%s from another secret than that', async (method, verb, body) => {
    const { at, path, tag } = await secret();
    const headers = { 'If-Match': await tag(':value') };
    await server.owner.secrets.write({ environment: 'production', path, value: 'b' });
    const answer = await server.send(method, `${at}${verb}`, body, headers);
    expect(answer).toMatchObject({ status: 412, json: { code: 'cas_mismatch' } });
    const now = await server.owner.secrets.describe({ environment: 'production', path });
    expect(now).toMatchObject({ version: 3 });
  });

  it('is not fulfilled by any tag where there is no secret', async () => {
    const answer = await server.send('PUT', `${P}/tags/none`, { value: 'c' }, { 'If-Match': '*' });
    expect(answer).toMatchObject({ status: 412, json: { code: 'cas_mismatch' } });
    const { at } = await secret();
    expect((await server.send('PUT', at, { value: 'c' }, { 'If-Match': '*' })).status).toBe(200);
  });

  it('alone is nothing to change', async () => {
    const { at, tag } = await secret();
    const answer = await server.send('PATCH', at, {}, { 'If-Match': await tag(':value') });
    expect(answer).toMatchObject({ status: 400, json: { code: 'invalid_input' } });
  });
});

it('what stands in the head is no member of a query or a body', async () => {
  const { at, get } = await secret();
  for (const name of ['if_none_match', 'ifNoneMatch', 'representation']) {
    expect((await get(`:value?${name}=x`)).status).toBe(400);
  }
  const answer = await server.send('PATCH', at, { value: 'c', if_match: 'x' });
  expect(answer.status).toBe(400);
});

it('a program in the same process pays for no tag that it does not ask for', async () => {
  const { path } = await secret();
  const at = { environment: 'production', path };
  expect(await server.owner.secrets.read(at)).not.toHaveProperty('etag');
  expect(await server.owner.secrets.describe(at)).not.toHaveProperty('etag');
  const { etag = '' } = await server.owner.secrets.read({ ...at, ifNoneMatch: '' });
  const answer = await server.owner.secrets.read({ ...at, ifNoneMatch: etag });
  expect(answer).toEqual({ unchanged: true, etag });
});
