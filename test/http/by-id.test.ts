import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startTestServer, type TestServer } from '../../src/testing/http-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const production = { environment: 'production' };

async function answer(
  target: string,
  token = server.ownerToken,
): Promise<{ readonly status: number; readonly body: string }> {
  const response = await fetch(`${server.address}/api/secrets/workspaces/${target}`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  return { status: response.status, body: await response.text() };
}

/** A token of a new machine that has some rights at a pattern. */
async function tokenWith(
  name: string,
  can: readonly ('read' | 'list')[],
  pattern: string,
): Promise<string> {
  await server.owner.machines.create({ name });
  await server.owner.access.grant({ subject: `machine:${name}`, can, pattern });
  const { token } = await server.owner.tokens.create({ subject: `machine:${name}` });
  return token.reveal();
}

describe('a secret by its id', () => {
  it('is found in its workspace, by the name or the id of that', async () => {
    const { id, workspaceId } = await describeNew('by/id', 'value-1');
    for (const workspace of ['default', workspaceId]) {
      const { status, body } = await answer(`${workspace}/secrets/${id}/value`);
      expect([status, (JSON.parse(body) as { readonly value?: string }).value]).toEqual([
        200,
        'value-1',
      ]);
    }
  });

  it('is not the one that has its name now', async () => {
    const { id } = await describeNew('again', 'the old one');
    await server.owner.secrets.delete({ ...production, path: 'again' });
    await server.owner.secrets.write({ ...production, path: 'again', value: 'MARKER-new' });
    const { status, body } = await answer(`default/secrets/${id}/value`);
    expect(status).toBe(404);
    expect(body).not.toContain('MARKER');
  });

  it('A35 of another workspace is not there, and that is on record', async () => {
    await server.owner.workspaces.create({ name: 'tenant-b' });
    await server.owner.secrets.write({
      workspace: 'tenant-b',
      ...production,
      path: 'theirs',
      value: 'MARKER-b',
    });
    const { id } = await server.owner.secrets.describe({
      workspace: 'tenant-b',
      ...production,
      path: 'theirs',
    });
    for (const target of [`default/secrets/${id}`, `default/secrets/${id}/value`]) {
      const { status, body } = await answer(target);
      expect(status).toBe(404);
      expect(body).not.toMatch(/MARKER|theirs|tenant-b/);
    }
    const { entries } = await server.owner.audit.query({ outcome: 'failed', limit: 5 });
    expect(entries[0]).toMatchObject({ action: 'secrets.read', reason: 'secret_not_found' });
  });

  it('A35 is not there for whoever may not know of it, who is on record as denied', async () => {
    const { id } = await describeNew('hidden/one', 'MARKER-h');
    const token = await tokenWith('outsider', ['read', 'list'], 'default/staging/**');
    const { status, body } = await answer(`default/secrets/${id}/value`, token);
    expect(status).toBe(404);
    expect(body).not.toMatch(/MARKER|hidden/);
    const { entries } = await server.owner.audit.query({ outcome: 'denied', limit: 1 });
    expect(entries[0]).toMatchObject({ actor_name: 'outsider', path: 'hidden/one' });
    // Whoever may list it is told what right is missing.
    const lister = await tokenWith('lister', ['list'], 'default/production/**');
    expect(await answer(`default/secrets/${id}/value`, lister)).toMatchObject({ status: 403 });
  });

  it.each([
    ['PATCH', '', { value: 'changed' }],
    ['POST', '/rotate', { new_value: 'rotated' }],
    ['POST', '/rollback', { version: 1 }],
    ['POST', '/verify', { candidate: 'second' }],
    ['POST', '/copy', { to: 'copied' }],
    ['POST', '/rename', { to: 'renamed' }],
    ['POST', '/move', { to_environment: 'staging' }],
    ['DELETE', '', undefined],
    ['POST', '/undelete', undefined],
    ['POST', '/destroy', undefined],
  ])('answers a repeated %s %s under its key as the first time', async (method, verb, body) => {
    const path = `once/${method.toLowerCase()}${verb.replace('/', '-')}`;
    const { id } = await describeNew(path, 'first');
    await server.owner.secrets.write({ ...production, path, value: 'second' });
    const { versions } = await server.owner.secrets.history({ ...production, path });
    if (verb === '/undelete') await server.owner.secrets.delete({ ...production, path });
    const fit = verb === '/destroy' ? { versions: versions.map(({ version }) => version) } : body;
    const given = verb === '/copy' || verb === '/rename' ? { to: `${path}-next` } : fit;
    const ask = (key: string, what: unknown = given): Promise<Response> =>
      fetch(`${server.address}/api/secrets/workspaces/default/secrets/${id}${verb}`, {
        method,
        headers: {
          Authorization: `Bearer ${server.ownerToken}`,
          'Content-Type': 'application/json',
          'Idempotency-Key': key,
        },
        ...(what === undefined ? {} : { body: JSON.stringify(what) }),
      });
    const first = await ask(`key of ${path}`);
    const said = await first.text();
    expect([first.status, said]).toEqual([
      expect.toSatisfy((status: number) => status < 300),
      said,
    ]);
    const again = await ask(`key of ${path}`);
    expect([again.status, await again.text()]).toEqual([first.status, said]);
    const { entries } = await server.owner.audit.query({ limit: 1 });
    expect(entries[0]).toMatchObject({ outcome: 'ok', secret_id: id });
  });

  it('is known to whoever may list it, also where they may not read its record', async () => {
    const { id } = await describeNew('known', 'v');
    const token = await tokenWith('one-lister', ['list'], 'default/production/known');
    const log = await answer(`default/secrets/${id}/audit`, token);
    expect([log.status, log.body]).toEqual([403, expect.stringContaining('"denied"')]);
    const { id: other } = await describeNew('unknown', 'v');
    expect((await answer(`default/secrets/${other}/audit`, token)).status).toBe(404);
    // Nor does a right to the record alone tell of a secret that may not be listed.
    const reader = await tokenWith('log-reader', ['read'], 'sys/audit/default');
    expect((await answer(`default/secrets/${other}/value`, reader)).status).toBe(404);
  });

  it('A36 is told by no fault of what is asked to whoever may not list it', async () => {
    const { id } = await describeNew('hidden-from-faults', 'v');
    const token = await tokenWith('elsewhere', ['read', 'list'], 'default/production/own');
    const ask = async (
      which: string,
      [method, verb, body]: readonly string[],
    ): Promise<unknown> => {
      const answer = await fetch(
        `${server.address}/api/secrets/workspaces/default/secrets/${which}${verb}`,
        {
          method: method ?? '',
          headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
          ...(body === undefined ? {} : { body }),
        },
      );
      const { code, detail } = (await answer.json()) as Record<string, unknown>;
      return [answer.status, code, detail];
    };
    const none = '00000000-0000-7000-8000-000000000000';
    for (const asked of [
      ['PATCH', '', '{"bogus":1}'],
      ['POST', '/rotate', '{"x":1}'],
      ['GET', '/value?version=abc'],
      ['POST', '/rename', '{}'],
      ['POST', '/verify', '{}'],
      ['POST', '/rollback', '{"version":-1}'],
    ]) {
      const [hidden, missing] = [await ask(id, asked), await ask(none, asked)];
      expect([asked, hidden]).toEqual([asked, missing]);
      expect(hidden).toEqual([404, 'secret_not_found', expect.any(String)]);
    }
  });

  it('takes a key once for one secret, whatever that is called', async () => {
    const [one, other] = [await describeNew('key/one', 'a'), await describeNew('key/other', 'b')];
    const change = (id: string, value: string): Promise<Response> =>
      fetch(`${server.address}/api/secrets/workspaces/default/secrets/${id}`, {
        method: 'PATCH',
        headers: {
          Authorization: `Bearer ${server.ownerToken}`,
          'Content-Type': 'application/json',
          'Idempotency-Key': 'of one secret',
        },
        body: JSON.stringify({ value }),
      });
    expect((await change(one.id, 'x')).status).toBe(200);
    await server.owner.secrets.rename({ ...production, path: 'key/one', to: 'key/renamed' });
    expect((await change(one.id, 'x')).status).toBe(200);
    expect((await change(one.id, 'y')).status).toBe(422);
    expect((await change(other.id, 'x')).status).toBe(422);
    const { versions } = await server.owner.secrets.history({ ...production, path: 'key/renamed' });
    expect(versions.length).toBe(2);
  });

  it('is none that is no id', async () => {
    for (const id of ['1', 'x', '00000000-0000-7000-8000-000000000000', "'or'1'='1"]) {
      expect((await answer(`default/secrets/${encodeURI(id)}`)).status).toBe(404);
    }
  });
});

async function describeNew(
  path: string,
  value: string,
): Promise<{ readonly id: string; readonly workspaceId: string }> {
  await server.owner.secrets.write({ ...production, path, value });
  return server.owner.secrets.describe({ ...production, path });
}
