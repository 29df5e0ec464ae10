// In which order a request is looked at, and what a refusal calls what it is about.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startServed, type Served } from './served.ts';

const SECRETS = '/api/secrets/workspaces/default/secrets';
const NAMED = `${SECRETS}/by-name/production/db/password`;

let served: Served;
beforeAll(async () => {
  served = await startServed();
  const at = { environment: 'production', path: 'db/password' };
  await served.owner().secrets.write({ ...at, value: 'v' });
});
afterAll(() => served.close());

interface Problem {
  readonly code: string;
  readonly detail: string;
  readonly details: Readonly<Record<string, unknown>>;
}
const problemOf = (body: string): Problem => JSON.parse(body) as Problem;

describe('A57 the order in which a request is looked at', () => {
  it('A57 is size, then the limit of the address, then who calls, then what they send', async () => {
    const limited = await startServed({ rateLimits: { address: { perSecond: 0.01, burst: 6 } } });
    const { token } = limited;
    const codeOf = async (options: object, target = SECRETS): Promise<string> => {
      const { status, body } = await limited.ask(target, options);
      return `${status} ${body === '' ? '' : problemOf(body).code}`;
    };
    const bad = { headers: { Authorization: 'Basic eDp5' } };
    const tooLarge = { headers: { 'X-Filler': 'x'.repeat(20_000) } };
    // While there is room, each is refused for what is wrong with it.
    expect(await codeOf(bad)).toBe('401 unauthenticated');
    expect(await codeOf({ headers: { 'X-HTTP-Method-Override': 'GET' } })).toBe(
      '400 invalid_request',
    );
    expect(await codeOf({}, `${SECRETS}?token=x`)).toBe('400 invalid_request');
    expect(await codeOf({}, '/api/%00')).toBe('400 invalid_request');
    expect(await codeOf({ method: 'POST', json: [[[]]] })).toBe('401 unauthenticated');
    expect(await codeOf({ token, method: 'POST', json: [[[]]] })).toBe('400 invalid_input');
    // All of those were counted: the next is one too many, whatever else is wrong with it.
    for (const options of [bad, { token }, {}, { token, json: [[[]]] }]) {
      expect(await codeOf(options)).toBe('429 rate_limited');
    }
    expect(await codeOf({}, '/api/%00')).toBe('429 rate_limited');
    expect(await codeOf({}, `${SECRETS}?token=x`)).toBe('429 rate_limited');
    expect((await limited.ask(SECRETS, bad)).headers['retry-after']).toMatch(/^\d+$/);
    // Its size is looked at before all that.
    expect((await limited.ask(SECRETS, tooLarge)).status).toBe(413);
    const { entries } = await limited.owner().audit.query({ action: 'requests.admit' });
    expect(entries[0]).toMatchObject({ outcome: 'denied', reason: 'rate_limited' });
    await limited.close();
  });

  it('a verify that is one too many says when to come back', async () => {
    const { token } = served;
    const verify = (): ReturnType<Served['ask']> =>
      served.ask(`${NAMED}:verify`, { token, json: { candidate: 'x' } });
    for (let tries = 0; tries < 5; tries += 1) expect((await verify()).status).toBe(200);
    const { status, headers, body } = await verify();
    const seconds = Number(headers['retry-after']);
    expect([status, seconds > 0]).toEqual([429, true]);
    // In the document it is called as all members are.
    expect((JSON.parse(body) as { details: object }).details).toEqual({ retry_after: seconds });
  });
});

describe('a refusal of an input', () => {
  it.each([
    ['PATCH', NAMED, { rotation_interval_days: 'x' }, 'rotation_interval_days'],
    ['PATCH', NAMED, { is_active: 1 }, 'is_active'],
    ['PATCH', NAMED, { access_policy: [{ subject: 1, can: [] }] }, 'access_policy.0.subject'],
    ['PATCH', NAMED, { secret_type: 'x' }, 'secret_type'],
    ['POST', `${SECRETS}/import`, { secrets: [{ name: 1, value: 'v' }] }, 'secrets.0.name'],
    ['GET', `${SECRETS}/rotation-due?days_ahead=-1`, undefined, 'days_ahead'],
  ])('of %s %s names the member as it is called there', async (method, target, json, member) => {
    const { status, body } = await served.ask(target, { token: served.token, method, json });
    const { code, detail, details } = problemOf(body);
    expect(status).toBe(400);
    expect([code, details['member']]).toEqual(['invalid_input', member]);
    expect(detail).toContain(`the input's ${member} `);
  });
});
