// Sessions of browsers over a real server: what goes into cookies, and what pages of other sites cannot do.

import { rmSync } from 'node:fs';
import { request as requestHttps } from 'node:https';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { totpCode, totpStep } from '../../src/crypto/totp.ts';
import { fromBase32 } from '../../src/lib/base32.ts';
import { temporaryDirectory } from '../../src/testing/temporary-vault.ts';
import { makeCertificate } from './certificates.ts';
import { startServed, type Answer, type AskOptions, type Served } from './served.ts';

const PASSWORD = 'seven quiet herons by the weir';
const OWN = { 'X-Strongroom': '1', 'Sec-Fetch-Site': 'same-origin' };
const ATTRIBUTES = /; Path=\/; HttpOnly; Secure; SameSite=Strict; Max-Age=\d+$/;
const ACTING = '/api/auth/who-am-i';

let served: Served;
let host: string;

beforeAll(async () => {
  served = await startServed();
  host = `127.0.0.1:${served.server.port}`;
  for (const name of ['bob', 'eve']) {
    await served.owner().users.create({ name });
    const { invite } = await served.owner().users.invite({ name });
    const json = { invite: invite.reveal(), password: PASSWORD };
    await served.ask('/api/auth/accept-invite', { json });
  }
});
afterAll(async () => {
  await served.close();
});

/** The cookies that an answer sets, by name: what stands before the attributes. */
function cookiesOf({ headers }: Answer): Readonly<Record<string, string>> {
  const set = (headers['set-cookie'] ?? []).map((each) => {
    const [name = '', value = ''] = each.replace(/;.*$/, '').split(/=(.*)/);
    return [name, value];
  });
  return Object.fromEntries(set) as Readonly<Record<string, string>>;
}

function sessionOf(answer: Answer): string {
  return cookiesOf(answer)['__Host-strongroom'] ?? '';
}

function bodyOf({ body }: Answer): Readonly<Record<string, unknown>> {
  return JSON.parse(body) as Readonly<Record<string, unknown>>;
}

const signIn = (name: string, headers: object = OWN, more: object = {}): Promise<Answer> =>
  served.ask('/api/auth/sign-in', {
    json: { name, password: PASSWORD, carrier: 'cookie', ...more },
    headers: { ...headers },
  });

/** Asks with a session as a cookie, as a page of the server does. */
const as = (session: string, target: string, options: AskOptions = {}): Promise<Answer> =>
  served.ask(target, {
    ...options,
    headers: { ...OWN, Cookie: `__Host-strongroom=${session}`, ...options.headers },
  });

describe('a session of a browser', () => {
  it('is in a cookie that no script sees, and not in the body', async () => {
    const answer = await signIn('bob');
    expect(answer.status).toBe(200);
    const set = answer.headers['set-cookie'] ?? [];
    expect(set).toHaveLength(2);
    expect(set[0]).toMatch(/^__Host-strongroom=sr_session_[\w-]{50}; Path=/);
    expect(set[1]).toMatch(/^__Host-strongroom-known=sr_known_[\w-]{50}; Path=.*Max-Age=7776000$/);
    for (const each of set) expect(each).toMatch(ATTRIBUTES);
    const seconds = Number(/Max-Age=(\d+)/.exec(set[0] ?? '')?.[1]);
    expect(seconds).toBeGreaterThan(12 * 3600 - 60);
    expect(seconds).toBeLessThanOrEqual(12 * 3600);
    expect(answer.body).not.toContain('sr_');
    expect(bodyOf(answer)).toMatchObject({
      session: null,
      known: null,
      carrier: 'cookie',
      id: expect.stringMatching(/^[\da-f-]{36}$/) as string,
      expires_at: expect.any(String) as string,
    });
    expect(bodyOf(await as(sessionOf(answer), ACTING))).toMatchObject({ name: 'bob' });
  });

  it('opens nothing as a bearer token, and a bearer token nothing as a cookie', async () => {
    const session = sessionOf(await signIn('bob'));
    expect((await served.ask(ACTING, { token: session })).status).toBe(401);
    expect((await as(served.token, ACTING)).status).toBe(401);
  });

  it('is refused twice, beside another credential, and by any other name', async () => {
    const session = sessionOf(await signIn('bob'));
    const pair = `__Host-strongroom=${session}`;
    const ask = (headers: object): Promise<Answer> =>
      served.ask(ACTING, { headers: { ...OWN, ...headers } });
    expect((await ask({ Cookie: `${pair}; ${pair}` })).status).toBe(400);
    expect((await ask({ Cookie: pair, Authorization: `Bearer ${served.token}` })).status).toBe(400);
    expect((await ask({ Cookie: `strongroom=${session}` })).status).toBe(401);
    expect((await ask({ Cookie: `__host-strongroom=${session}` })).status).toBe(401);
    expect((await ask({ Cookie: `theme=dark; ${pair}; other="a=b"` })).status).toBe(200);
  });

  it('A51 is forgotten by the browser when it signs out, and when it is over', async () => {
    const session = sessionOf(await signIn('bob'));
    const out = await as(session, '/api/auth/sign-out', { json: {} });
    expect(out.status).toBe(200);
    expect(out.headers['clear-site-data']).toBe('"cache", "storage"');
    const cleared = ['__Host-strongroom=; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=0'];
    expect(out.headers['set-cookie']).toEqual(cleared);
    const over = await as(session, ACTING);
    expect([over.status, over.headers['set-cookie']]).toEqual([401, cleared]);
    const nonsense = await as('nonsense', ACTING);
    expect([nonsense.status, nonsense.headers['set-cookie']]).toEqual([401, cleared]);
  });

  it('stays in the browser after a wrong password', async () => {
    const session = sessionOf(await signIn('bob'));
    const json = { password: 'eight quiet herons by the weir' };
    const wrong = await as(session, '/api/auth/reauthenticate', { json });
    expect([wrong.status, wrong.headers['set-cookie']]).toEqual([401, undefined]);
    expect((await as(session, ACTING)).status).toBe(200);
  });

  it('stays in the browser after a link that is none', async () => {
    const session = sessionOf(await signIn('bob'));
    const json = { challenge: 'none', state: 'none', code: 'none' };
    const answer = await as(session, '/api/auth/sso/link/finish', { json });
    expect([answer.status, answer.headers['set-cookie']]).toEqual([401, undefined]);
    expect((await as(session, ACTING)).status).toBe(200);
  });

  it('A13 is another one after each step, and those before open nothing', async () => {
    const before = sessionOf(await signIn('eve'));
    const first = sessionOf(
      await served.ask('/api/auth/sign-in', {
        json: { name: 'eve', password: PASSWORD, carrier: 'cookie' },
        headers: { ...OWN, Cookie: `__Host-strongroom=${before}` },
      }),
    );
    // What a browser brought to its sign-in ends there: nobody else goes on with it.
    expect((await as(before, ACTING)).status).toBe(401);
    const again = await as(first, '/api/auth/reauthenticate', { json: { password: PASSWORD } });
    expect(bodyOf(again)).toMatchObject({ session: null, carrier: 'cookie' });
    const second = sessionOf(again);
    const enrolled = bodyOf(await as(second, '/api/auth/factors/totp', { json: {} }));
    const secret = fromBase32(String(enrolled['secret'])) ?? new Uint8Array();
    const step = totpStep(Date.now());
    const confirmed = await as(second, '/api/auth/factors/totp/confirm', {
      json: { factor: enrolled['factor'], code: totpCode(secret, step) },
    });
    const third = sessionOf(confirmed);
    expect(confirmed.body).not.toContain('sr_session');
    const challenged = await signIn('eve');
    expect(cookiesOf(challenged)).toEqual({});
    const { challenge } = bodyOf(challenged);
    const code = totpCode(secret, totpStep(Date.now()) + 1);
    const fourth = sessionOf(
      await served.ask('/api/auth/verify-totp', { json: { challenge, code }, headers: OWN }),
    );
    const changed = await as(fourth, '/api/auth/change-password', {
      json: { current: PASSWORD, password: 'nine loud herons by the weir' },
    });
    const fifth = sessionOf(changed);
    const all = [before, first, second, third, fourth, fifth];
    expect(all.every((each) => each.startsWith('sr_session_'))).toBe(true);
    expect(new Set(all).size).toBe(all.length);
    for (const old of all.slice(0, -1)) expect((await as(old, ACTING)).status).toBe(401);
    expect((await as(fifth, ACTING)).status).toBe(200);
  });

  it('is known again by its other cookie, which pages do not see', async () => {
    const known = cookiesOf(await signIn('bob'))['__Host-strongroom-known'] ?? '';
    const again = await signIn('bob', { ...OWN, Cookie: `__Host-strongroom-known=${known}` });
    expect(Object.keys(cookiesOf(again))).toEqual(['__Host-strongroom']);
    const other = await served.ask('/api/auth/sign-in', {
      json: { name: 'bob', password: PASSWORD },
      headers: { Cookie: `__Host-strongroom-known=${known}` },
    });
    // Without the header of our pages the cookie says nothing.
    expect(bodyOf(other)['known']).toMatch(/^sr_known_/);
  });
});

/** Makes a user with time-based codes; gives what makes the next one. */
async function enrolled(name: string): Promise<() => string> {
  await served.owner().users.create({ name });
  const { invite } = await served.owner().users.invite({ name });
  const json = { invite: invite.reveal(), password: PASSWORD };
  const { session: token } = bodyOf(await served.ask('/api/auth/accept-invite', { json }));
  const asked = { token: String(token) };
  const made = bodyOf(await served.ask('/api/auth/factors/totp', { ...asked, json: {} }));
  const secret = fromBase32(String(made['secret'])) ?? new Uint8Array();
  const code = (skew = 0): string => totpCode(secret, totpStep(Date.now()) + skew);
  const confirmed = await served.ask('/api/auth/factors/totp/confirm', {
    ...asked,
    json: { factor: made['factor'], code: code() },
  });
  expect(confirmed.status).toBe(200);
  return () => code(1);
}

/** What a page of another site, or none at all, may send along with the cookie. */
const FOREIGN: readonly (readonly [what: string, headers: Readonly<Record<string, string>>])[] = [
  ['nothing', {}],
  ['the header alone', { 'X-Strongroom': '1' }],
  ['another value of it', { ...OWN, 'X-Strongroom': 'true' }],
  ['the browser’s word alone', { 'Sec-Fetch-Site': 'same-origin' }],
  ['the origin alone', { Origin: 'http://HOST' }],
  ...['cross-site', 'same-site', 'none', 'Same-Origin', 'same-origin, cross-site', ''].map(
    (site) => [`a page of ${site}`, { ...OWN, 'Sec-Fetch-Site': site }] as const,
  ),
  ...['null', 'https://evil.example', 'http://sub.HOST', 'http://HOST.evil.example', ''].map(
    (origin) => [`an old browser at ${origin}`, { 'X-Strongroom': '1', Origin: origin }] as const,
  ),
  [
    'an origin that the browser contradicts',
    { 'X-Strongroom': '1', 'Sec-Fetch-Site': 'cross-site', Origin: 'http://HOST' },
  ],
];

const withHost = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, value.replace('HOST', host)]),
  );

describe('A49 a page of another site', () => {
  it.each(FOREIGN)('with %s gets nothing and does nothing with a cookie', async (_what, given) => {
    const session = sessionOf(await signIn('bob'));
    const headers = { ...withHost(given), Cookie: `__Host-strongroom=${session}` };
    const body = (type: string): object => ({ ...headers, 'Content-Type': type });
    const asked = [
      await served.ask(ACTING, { headers }),
      await served.ask('/api/secrets/workspaces/default/secrets/statistics', { headers }),
      await served.ask('/api/nothing-here', { headers }),
      await served.ask('/api/sys/unseal', { headers, method: 'POST' }),
      await served.ask('/api/auth/sign-out', { headers, json: {} }),
      await served.ask('/api/auth/tokens/current', { headers, method: 'DELETE' }),
      ...(await Promise.all(
        ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'].map(
          (type) =>
            served.ask('/api/auth/sign-out', {
              method: 'POST',
              headers: { ...(body(type) as Record<string, string>), 'Content-Length': '0' },
            }),
        ),
      )),
    ];
    for (const answer of asked) {
      expect(answer.status).toBe(403);
      expect(bodyOf(answer)).toMatchObject({ code: 'cross_site' });
      expect(answer.headers['set-cookie']).toBeUndefined();
    }
    expect((await as(session, ACTING)).status).toBe(200);
  });

  it.each(FOREIGN)('with %s signs nobody in', async (_what, given) => {
    const { id: before } = bodyOf(await signIn('bob'));
    const answer = await signIn('bob', withHost(given));
    expect([answer.status, bodyOf(answer)['code']]).toEqual([403, 'cross_site']);
    expect(answer.headers['set-cookie']).toBeUndefined();
    expect(before).toEqual(expect.any(String));
  });

  it('cannot have the second step of a sign-in give it a cookie', async () => {
    const second = await enrolled('fay');
    const { challenge } = bodyOf(await signIn('fay'));
    const json = { challenge, code: second() };
    const answer = await served.ask('/api/auth/verify-totp', { json });
    expect(bodyOf(answer)).toMatchObject({ status: 403, code: 'cross_site' });
    expect(answer.headers['set-cookie']).toBeUndefined();
    expect(answer.body).not.toContain('sr_');
  });

  it('cannot have an invite give it a cookie', async () => {
    const { invite } = await served.owner().users.invite({ name: 'bob' });
    const json = { invite: invite.reveal(), password: PASSWORD, carrier: 'cookie' };
    const stranger = await served.ask('/api/auth/accept-invite', { json });
    expect(bodyOf(stranger)).toMatchObject({ status: 403, code: 'cross_site' });
    const own = await served.ask('/api/auth/accept-invite', { json, headers: OWN });
    expect(sessionOf(own)).toMatch(/^sr_session_/);
  });

  it('is not what an old browser says is a page of this server', async () => {
    const headers = { 'X-Strongroom': '1', Origin: `http://${host}` };
    const signedIn = await signIn('bob', headers);
    expect(signedIn.status).toBe(200);
    const session = sessionOf(signedIn);
    const own = { ...headers, Cookie: `__Host-strongroom=${session}` };
    expect((await served.ask(ACTING, { headers: own })).status).toBe(200);
    // Behind a proxy that speaks TLS the page is at https, and never at http.
    const proxied = { ...own, Host: 'secrets.example', Origin: 'https://secrets.example' };
    expect((await served.ask(ACTING, { headers: proxied })).status).toBe(200);
    const clear = { ...proxied, Origin: 'http://secrets.example' };
    expect((await served.ask(ACTING, { headers: clear })).status).toBe(403);
  });

  it('changes nothing with GET, whatever it sends', async () => {
    const session = sessionOf(await signIn('bob'));
    for (const target of ['/api/auth/sign-out', '/api/auth/tokens/current', '/api/auth/sign-in']) {
      expect((await as(session, target)).status).toBe(405);
      const overridden = await as(session, target, {
        headers: { 'X-HTTP-Method-Override': 'POST' },
      });
      expect(overridden.status).toBe(400);
    }
    expect((await as(session, ACTING)).status).toBe(200);
  });

  it('may be opened from a link: pages that anyone sees need no word of the browser', async () => {
    const session = sessionOf(await signIn('bob'));
    const headers = { Cookie: `__Host-strongroom=${session}`, 'Sec-Fetch-Site': 'cross-site' };
    for (const page of ['/health/live', '/api/openapi.json', '/api/sys/seal-status']) {
      expect((await served.ask(page, { headers })).status).toBe(200);
    }
    // And act as nobody.
    expect((await served.ask('/metrics', { headers })).status).toBe(401);
  });
});

describe('A48 another origin', () => {
  const origins = (): readonly string[] => [
    'null',
    'https://evil.example',
    `http://sub.${host}`,
    `http://${host}.evil.example`,
    `https://${host}`,
    `http://${host}`,
  ];

  it('is never told that it may read anything', async () => {
    const session = sessionOf(await signIn('bob'));
    for (const Origin of origins()) {
      const preflight = {
        Origin,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'x-strongroom,authorization,content-type',
        'Access-Control-Request-Private-Network': 'true',
      };
      const answers = [
        await served.ask('/api/auth/sign-in', { method: 'OPTIONS', headers: preflight }),
        await served.ask(ACTING, { headers: { Origin }, token: served.token }),
        await served.ask(ACTING, { headers: { Origin } }),
        await as(session, ACTING, { headers: { Origin } }),
        await served.ask('/health/live', { headers: { Origin } }),
        await served.ask('/api/openapi.json', { headers: { Origin } }),
      ];
      expect(answers[0]?.status).toBe(405);
      for (const { headers } of answers) {
        const told = Object.keys(headers).filter((name) => name.startsWith('access-control'));
        expect(told).toEqual([]);
        expect(headers['cross-origin-resource-policy']).toBe('same-origin');
      }
    }
  });
});

describe('answers', () => {
  it('bind browsers to TLS where they came over TLS, and only there', async () => {
    const plain = await served.ask('/health/live');
    expect(plain.headers['strict-transport-security']).toBeUndefined();
    const directory = temporaryDirectory();
    const overTls = await startServed({ tls: makeCertificate(directory, 'localhost') });
    try {
      for (const path of ['/health/live', '/nowhere', ACTING]) {
        const found = await new Promise((resolve, reject) => {
          const options = { port: overTls.server.port, path, agent: false };
          // The certificate is the one just made, signed by itself.
          requestHttps({ ...options, rejectUnauthorized: false }, (answer) => {
            answer.resume();
            resolve(answer.headers['strict-transport-security']);
          })
            .on('error', reject)
            .end();
        });
        expect(found).toBe('max-age=31536000');
      }
      const { port } = overTls.server;
      // The certificate is the one just made, signed by itself.
      const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
      const asked = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\n';
      socket.write(`${asked}\r\n`.repeat(3) + `${asked}Connection: close\r\n\r\n`);
      const told = await text(socket);
      expect(told.match(/^HTTP\/1\.1 200/gm)).toHaveLength(4);
      expect(told.match(/^Strict-Transport-Security: /gm)).toHaveLength(4);
    } finally {
      await overTls.close();
      rmSync(directory, { recursive: true, force: true });
    }
  });

  it('with bearer sessions set no cookie, and have the session in the body', async () => {
    const answer = await served.ask('/api/auth/sign-in', {
      json: { name: 'bob', password: PASSWORD },
    });
    expect(bodyOf(answer)).toMatchObject({ carrier: 'bearer' });
    expect(bodyOf(answer)['session']).toMatch(/^sr_session_/);
    expect(answer.headers['set-cookie']).toBeUndefined();
  });
});
