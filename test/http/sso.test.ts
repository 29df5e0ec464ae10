// A browser signs in at a provider and comes back to a real server.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { connect } from '../../src/client/client.ts';
import { totpCode, totpStep } from '../../src/crypto/totp.ts';
import { fromBase32 } from '../../src/lib/base32.ts';
import { CLIENT, startProvider, type SignInProvider } from '../../src/testing/sign-in-provider.ts';
import { startServed, type Answer, type Served } from './served.ts';

const bob = { preferred_username: 'bob' };
const FLOW = '__Host-strongroom-flow';
const SESSION = '__Host-strongroom';

let served: Served;
let provider: SignInProvider;

beforeAll(async () => {
  provider = await startProvider(Date.now);
  served = await startServed();
  const owner = served.owner();
  await owner.settings.write({ name: 'outbound_hosts', value: [provider.host] });
  await owner.settings.write({
    name: 'public_url',
    value: `http://localhost:${served.server.port}`,
  });
  await owner.sso.create({
    name: 'corp',
    issuer: provider.issuer,
    clientId: CLIENT.id,
    clientSecret: CLIENT.secret,
    createsUsers: true,
  });
});
afterAll(async () => {
  await served.close();
  await provider.close();
});

/** The cookies that an answer sets, with their attributes. */
function cookiesOf({ headers }: Answer): ReadonlyMap<string, string> {
  const set = headers['set-cookie'] ?? [];
  return new Map(set.map((each) => [each.slice(0, each.indexOf('=')), each]));
}

const valueOf = (answer: Answer, name: string): string =>
  /=([^;]*)/.exec(cookiesOf(answer).get(name) ?? '')?.[1] ?? '';

const begin = (headers: Record<string, string> = {}): Promise<Answer> =>
  served.ask('/auth/sso/begin?name=corp', { headers });

/** What the provider sends the browser back with. */
const brought = (begun: Answer, claims: object = bob): string =>
  new URLSearchParams({ ...provider.visit(begun.headers.location ?? '', claims) }).toString();

const comeBack = (query: string, flow: string): Promise<Answer> =>
  served.ask(`/auth/sso/return?${query}`, {
    headers: { cookie: `other=1; ${FLOW}=${flow}`, 'sec-fetch-site': 'cross-site' },
  });

const sendCode = (
  code: string,
  flow: string,
  headers: Record<string, string> = { 'sec-fetch-site': 'same-origin' },
): Promise<{ status: number; cookies: readonly string[]; body: string }> =>
  fetch(`http://127.0.0.1:${served.server.port}/auth/sso/second`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      cookie: `${FLOW}=${flow}`,
      ...headers,
    },
    body: `code=${code}`,
  }).then(async (answer) => ({
    status: answer.status,
    cookies: answer.headers.getSetCookie(),
    body: await answer.text(),
  }));

describe('a browser', () => {
  it('is sent to the provider, comes back, and has a session that is a cookie', async () => {
    const begun = await begin({ 'sec-fetch-site': 'same-origin' });
    expect(begun.status).toBe(303);
    expect(cookiesOf(begun).get(FLOW)).toMatch(
      /^__Host-strongroom-flow=sr_challenge_[\w-]+; Path=\/; HttpOnly; Secure; SameSite=Lax; Max-Age=600$/,
    );
    expect(new URL(begun.headers.location ?? '').searchParams.get('redirect_uri')).toBe(
      `http://localhost:${served.server.port}/auth/sso/return`,
    );
    const back = await comeBack(brought(begun), valueOf(begun, FLOW));
    expect(back.status).toBe(200);
    expect(back.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(back.headers['content-security-policy']).toContain("default-src 'none'");
    expect(back.headers['cache-control']).toContain('no-store');
    expect(cookiesOf(back).get(FLOW)).toContain('Max-Age=0');
    expect(cookiesOf(back).get(SESSION)).toMatch(/HttpOnly; Secure; SameSite=Strict/);
    const own = { cookie: `${SESSION}=${valueOf(back, SESSION)}`, 'x-strongroom': '1' };
    const headers = { ...own, 'sec-fetch-site': 'same-origin' };
    const who = await served.ask('/api/auth/who-am-i', { headers });
    expect(JSON.parse(who.body)).toMatchObject({ name: 'bob' });
    const asBearer = await served.ask('/api/auth/who-am-i', { token: valueOf(back, SESSION) });
    expect(asBearer.status).toBe(401);
  });

  it('A25 that did not begin it gets nothing, whatever it was sent', async () => {
    const [one, two] = [await begin(), await begin()];
    const query = brought(one);
    const without = await served.ask(`/auth/sso/return?${query}`);
    const other = await comeBack(query, valueOf(two, FLOW));
    const doubled = await comeBack(query, `${valueOf(one, FLOW)}; ${FLOW}=${valueOf(two, FLOW)}`);
    const expected = [403, 403, 400];
    for (const [at, answer] of [without, other, doubled].entries()) {
      expect(answer.status).toBe(expected[at]);
      expect(cookiesOf(answer).has(SESSION)).toBe(false);
    }
    expect((await comeBack(query, valueOf(one, FLOW))).status).toBe(200);
    expect((await comeBack(query, valueOf(one, FLOW))).status).toBe(403);
  });

  it('A13 ends the session that it had, once it is somebody else’s', async () => {
    const signIn = async (claims: object, more = ''): Promise<Answer> => {
      const begun = await begin();
      return served.ask(`/auth/sso/return?${brought(begun, claims)}`, {
        headers: { cookie: `${FLOW}=${valueOf(begun, FLOW)}${more}` },
      });
    };
    const statusOf = async (session: string): Promise<number> => {
      const own = { cookie: `${SESSION}=${session}`, 'x-strongroom': '1' };
      const headers = { ...own, 'sec-fetch-site': 'same-origin' };
      return (await served.ask('/api/auth/who-am-i', { headers })).status;
    };
    const first = valueOf(await signIn(bob), SESSION);
    const failed = await served.ask('/auth/sso/return?state=a&code=b', {
      headers: { cookie: `${FLOW}=sr_challenge_a; ${SESSION}=${first}` },
    });
    expect([failed.status, await statusOf(first)]).toEqual([403, 200]);
    const dora = { sub: 'sub-of-dora', preferred_username: 'dora' };
    const back = await signIn(dora, `; ${SESSION}=${first}`);
    const second = valueOf(back, SESSION);
    expect([await statusOf(first), await statusOf(second)]).toEqual([401, 200]);
    const none = await signIn(bob, `; ${SESSION}=nothing`);
    expect(none.status).toBe(200);
  });

  it('A16 asks the provider anew where a page says `fresh`', async () => {
    const begun = await served.ask('/auth/sso/begin?name=corp&fresh=true');
    expect(new URL(begun.headers.location ?? '').searchParams.get('max_age')).toBe('0');
    const other = await begin();
    expect(new URL(other.headers.location ?? '').searchParams.has('max_age')).toBe(false);
  });

  it('is sent nowhere by a page of another site', async () => {
    for (const site of ['cross-site', 'same-site']) {
      const answer = await begin({ 'sec-fetch-site': site });
      expect({ status: answer.status, body: JSON.parse(answer.body) }).toMatchObject({
        status: 403,
        body: { code: 'cross_site' },
      });
      expect(cookiesOf(answer).size).toBe(0);
    }
  });

  it('A50 A84 is shown nothing that the provider or an address says', async () => {
    const begun = await begin();
    const words = encodeURIComponent('<script>alert(1)</script>');
    const queries = [
      `error=access_denied&error_description=${words}&state=${words}`,
      `error=${words}&state=${words}&code=${words}`,
      `state=${words}&code=${words}&iss=${words}`,
      'state=&code=',
    ];
    for (const query of queries) {
      const answer = await comeBack(query, valueOf(begun, FLOW));
      expect(answer.status).toBe(403);
      expect(answer.body).not.toContain('script');
    }
    const twice = await comeBack('state=a&state=b&code=c', valueOf(begun, FLOW));
    expect(twice.status).toBe(400);
    expect(served.lines.join('\n')).not.toMatch(/script|sr_challenge|code-\d/);
  });

  it('is asked for the second factor of whoever has one', async () => {
    const eve = { sub: 'sub-of-eve', preferred_username: 'eve' };
    const first = await begin();
    const back = await comeBack(brought(first, eve), valueOf(first, FLOW));
    const session = valueOf(back, SESSION);
    const own = { cookie: `${SESSION}=${session}`, 'x-strongroom': '1' };
    const headers = { ...own, 'sec-fetch-site': 'same-origin' };
    const post = async (target: string, json: object): Promise<Record<string, string>> =>
      JSON.parse((await served.ask(target, { headers, json })).body) as Record<string, string>;
    const enrolled = await post('/api/auth/factors/totp', {});
    const key = fromBase32(enrolled['secret'] ?? '') ?? new Uint8Array();
    const { factor } = enrolled;
    const present = totpCode(key, totpStep(Date.now()));
    await post('/api/auth/factors/totp/confirm', { factor, code: present });

    const begun = await begin();
    const asked = await comeBack(brought(begun, eve), valueOf(begun, FLOW));
    expect(asked.status).toBe(200);
    expect(asked.body).toContain('<form method="post" action="/auth/sso/second">');
    expect(cookiesOf(asked).get(SESSION)).toContain('Max-Age=0');
    const flow = valueOf(asked, FLOW);
    const code = totpCode(key, totpStep(Date.now()) + 1);
    for (const site of ['cross-site', 'same-site', 'none']) {
      expect((await sendCode(code, flow, { 'sec-fetch-site': site })).status).toBe(403);
    }
    expect((await sendCode(code, flow, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await sendCode('abc', flow)).status).toBe(403);
    // A11: a browser that is known says so, and is not made known once more.
    const known = valueOf(back, '__Host-strongroom-known');
    const done = await sendCode(code, `${flow}; __Host-strongroom-known=${known}`);
    expect(done.status).toBe(200);
    expect(done.cookies.some((each) => each.includes('sr_known_'))).toBe(false);
    expect(done.cookies.join('\n')).toMatch(/__Host-strongroom=sr_session_/);
    expect((await sendCode(code, flow)).status).toBe(403);
  });

  it('begins nothing while there is no such provider', async () => {
    expect((await served.ask('/auth/sso/begin?name=none')).status).toBe(404);
    expect((await served.ask('/auth/sso/begin')).status).toBe(404);
    expect((await served.ask('/auth/sso/second?')).status).toBe(404);
    const { auth } = connect({ address: `http://127.0.0.1:${served.server.port}` });
    expect(await auth.ways()).toEqual({ sso: ['corp'] });
  });
});
