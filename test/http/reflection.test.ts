// What clients send comes back as data or not at all: nothing that a browser would run, in no answer.

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { temporaryDirectory } from '../../src/testing/temporary-vault.ts';
import { startServed, type Answer, type AskOptions, type Served } from './served.ts';

const SECRETS = '/api/secrets/workspaces/default/secrets';

let served: Served;
beforeAll(async () => {
  served = await startServed();
});
afterAll(() => served.close());

const TAGS = ['script', 'img src=x onerror', 'svg/onload', 'iframe srcdoc', 'body onload', 'math'];
const WRAPS: readonly ((tag: string) => string)[] = [
  (tag) => `<${tag}=alert(1)>`,
  (tag) => `"><${tag}>alert(1)</script>`,
  (tag) => `'-alert(1)-'<${tag}`,
  (tag) => `</title><${tag} `,
  (tag) => `{{7*7}}<${tag}>`,
  (tag) => `javascript:alert('<${tag}>')`,
];
const PAYLOADS = TAGS.flatMap((tag) => WRAPS.map((wrap) => wrap(tag)));

/** Where somebody may put it, each with an answer of another kind. */
const PLACES: readonly ((payload: string) => AskOptions & { readonly target: string })[] = [
  (payload) => ({ target: `/${encodeURIComponent(payload)}` }),
  (payload) => ({ target: `/api/${encodeURIComponent(payload)}?${encodeURIComponent(payload)}=1` }),
  (payload) => ({ target: `${SECRETS}?tag=${encodeURIComponent(payload)}`, token: served.token }),
  (payload) => ({
    target: `${SECRETS}?cursor=${encodeURIComponent(payload)}`,
    token: served.token,
  }),
  (payload) => ({ target: SECRETS, token: served.token, json: { name: payload, value: 'v' } }),
  (payload) => ({ target: SECRETS, token: served.token, json: { [payload]: payload } }),
  (payload) => ({
    target: '/api/secrets/workspaces/x/secrets'.replace('x', encodeURIComponent(payload)),
    token: served.token,
  }),
  (payload) => ({ target: '/api/auth/sign-in', json: { name: payload, password: payload } }),
  (payload) => ({ target: '/api/sys/unseal', json: { passphrase: payload } }),
  (payload) => ({
    target: `${SECRETS}/by-name/production/a:value?error_description=${encodeURIComponent(payload)}`,
    token: served.token,
  }),
  (payload) => ({
    target: '/health/live',
    headers: { Referer: encodeURI(payload), 'User-Agent': encodeURI(payload) },
  }),
];
const PAGES = ['/health/live', '/health/ready', '/metrics', '/api/openapi.json', '/', '/api', '/x'];

function expectInert({ headers, body }: Answer, where: string): void {
  const type = headers['content-type'];
  const isData =
    type === undefined || /^(?:application\/(?:problem\+)?json|text\/plain)/.test(type);
  expect(isData, `${where}: ${type}`).toBe(true);
  expect(headers['x-content-type-options'], where).toBe('nosniff');
  expect(headers['content-security-policy'], where).toMatch(
    /default-src 'none'.*frame-ancestors 'none'/,
  );
  expect(headers['cache-control'], where).toContain('no-store');
  expect(headers['referrer-policy'], where).toBe('no-referrer');
  expect(headers['access-control-allow-origin'], where).toBeUndefined();
  // Text that is no JSON is read as it stands.
  if (body !== '' && !/json/.test(type ?? '')) expect(body, where).not.toMatch(/<\w/);
}

describe('A50 what would be run in a browser', () => {
  it('A50 comes back as data that no browser runs, from wherever it was put', async () => {
    expect(PAYLOADS.length * PLACES.length).toBeGreaterThan(200);
    for (const payload of PAYLOADS) {
      for (const place of PLACES) {
        const { target, ...options } = place(payload);
        const answer = await served.ask(target, options);
        expect(answer.status, target).toBeLessThan(500);
        expectInert(answer, target);
      }
    }
  }, 60_000);

  it('A50 is kept out of pages as well, by what goes with each of them', async () => {
    for (const target of PAGES) {
      expectInert(await served.ask(target, { token: served.token }), target);
      expectInert(await served.ask(target, { method: 'OPTIONS' }), `OPTIONS ${target}`);
    }
  });

  it('A50 is stored and given back as what it is', async () => {
    const value = '<script>alert(1)</script>';
    const json = { name: 'stored', value, description: value, tags: ['a'] };
    const made = await served.ask(SECRETS, { token: served.token, json });
    expect(made.status).toBe(201);
    const read = await served.ask(`${SECRETS}/by-name/development/stored:value`, {
      token: served.token,
    });
    expectInert(read, 'a value');
    expect((JSON.parse(read.body) as { readonly value: string }).value).toBe(value);
    const raw = await served.ask(`${SECRETS}/by-name/development/stored:value`, {
      token: served.token,
      headers: { Accept: 'application/octet-stream' },
    });
    expect([raw.headers['content-type'], raw.headers['x-content-type-options']]).toEqual([
      'application/octet-stream',
      'nosniff',
    ]);
  });
});

describe('A87 where security events go', () => {
  it('A87 is where it was said at the last start, and nowhere that was said before', async () => {
    const [root, logs] = [temporaryDirectory(), temporaryDirectory()];
    const files = ['first.jsonl', 'second.jsonl', 'third.jsonl'].map((name) => join(logs, name));
    const [first = '', second = '', third = ''] = files;
    const linesOf = (file: string): number => {
      try {
        return readFileSync(file, 'utf8').split('\n').filter(Boolean).length;
      } catch {
        return 0;
      }
    };
    const deny = async (server: Served): Promise<void> => {
      expect((await server.ask(SECRETS)).status).toBe(401);
      await sleep(50);
      await server.close();
    };
    const slots = { root: join(root, 'a') };
    await deny(await startServed({ ...slots, securityEvents: [first, second] }));
    expect(files.map(linesOf)).toEqual([1, 1, 0]);
    await deny(await startServed({ root: join(root, 'b'), securityEvents: [third] }));
    expect(files.map(linesOf)).toEqual([1, 1, 1]);
    await deny(await startServed({ root: join(root, 'c') }));
    expect(files.map(linesOf)).toEqual([1, 1, 1]);
    // One that cannot be opened is no reason to go without it.
    const nowhere = join(root, 'none', 'such', 'events.jsonl');
    await expect(
      startServed({ root: join(root, 'd'), securityEvents: [first, nowhere] }),
    ).rejects.toThrow();
    for (const each of [root, logs]) rmSync(each, { recursive: true, force: true });
  });
});
