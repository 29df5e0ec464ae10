import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { remoteSession, signedInAs, userWithPassword } from '../../testing/remote-session.ts';
import { CLIENT } from '../../testing/sign-in-provider.ts';
import { OWNER, storedRows, tamper } from '../../testing/temporary-vault.ts';
import type { FinishSsoInput, SsoBegun } from './sso.ts';
import { BOB, NAME, startSso, type SsoVault } from '../../testing/sso-vault.ts';

const name = NAME;
const refused = { code: 'unauthenticated' };

let sso: SsoVault;
let { place, parts, owner, provider, make, begin, finish, signIn, as } = {} as SsoVault;

beforeEach(async () => {
  sso = await startSso();
  ({ place, parts, owner, provider, make, begin, finish, signIn, as } = sso);
});
afterEach(() => sso.close());

describe('signing in by way of a provider', () => {
  it('sends people there with PKCE, state and nonce, and lets in who comes back', async () => {
    await make();
    expect(await remoteSession(parts).auth.ways()).toEqual({ sso: [name] });
    const begun = await begin();
    const sent = new URL(begun.address);
    expect(`${sent.origin}${sent.pathname}`).toBe(`${provider.issuer}/authorize`);
    expect(Object.fromEntries(sent.searchParams)).toEqual({
      tenant: '1',
      response_type: 'code',
      client_id: CLIENT.id,
      redirect_uri: 'http://127.0.0.1:45678/callback',
      scope: 'openid profile email',
      state: begun.state,
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    });
    expect(begun.address).not.toContain(begun.challenge.reveal());
    const signedIn = await finish({
      challenge: begun.challenge,
      ...provider.visit(begun.address, BOB),
    });
    const who = await as(signedIn).auth.whoAmI();
    expect(who).toMatchObject({ kind: 'user', name: 'bob', roles: [], mustEnroll: false });
    const [entry] = (await owner.audit.query({ action: 'auth.finishSso' })).entries;
    expect(entry).toMatchObject({ actor_name: 'bob', outcome: 'ok' });
    expect(provider.asked[0]?.form).not.toHaveProperty('client_secret');
  });

  it('knows somebody again, whatever they are called by then', async () => {
    await make();
    const first = await as(await signIn()).auth.whoAmI();
    const second = await as(await signIn({ preferred_username: 'robert' })).auth.whoAmI();
    expect(second).toEqual({ ...first, credential: second.credential });
  });

  it('gives the secret in the form where the provider takes it nowhere else', async () => {
    provider.document['token_endpoint_auth_methods_supported'] = ['client_secret_post'];
    await make();
    await signIn();
    expect(provider.asked[0]).toMatchObject({
      authorization: undefined,
      form: { client_secret: CLIENT.secret },
    });
  });

  it('keeps the secret of the client in no answer, and encrypted', async () => {
    await make();
    const shown = JSON.stringify(await owner.methods.list({ kind: 'oidc' }));
    const stored = tamper(place, (db) => storedRows(db, 'auth_methods'));
    expect(shown).not.toContain('a secret');
    expect(stored.map((row) => Buffer.from(row['secret'] as Uint8Array).length > 100)).toEqual([
      true,
    ]);
    expect(JSON.stringify(stored)).not.toContain('a secret');
    const { entries } = await owner.audit.query({});
    expect(JSON.stringify(entries)).not.toContain('a secret');
  });

  it('works with another secret, and not with the one before', async () => {
    await make({ clientSecret: 'an older one' });
    await expect(signIn()).rejects.toMatchObject(refused);
    await owner.sso.update({ name, clientSecret: CLIENT.secret });
    await signIn();
  });

  it('comes back to the server itself at its public address alone', async () => {
    await make();
    const browser = { port: undefined };
    await expect(begin(browser)).rejects.toMatchObject({ code: 'not_configured' });
    await owner.settings.write({ name: 'public_url', value: 'https://vault.example' });
    expect((await begin(browser)).redirect).toBe('https://vault.example/auth/sso/return');
  });

  it('ends what it gave when it is disabled, narrowed or removed', async () => {
    await make({ mfaAmr: ['otp', 'hwk'] });
    const one = as(await signIn());
    await owner.sso.update({ name, mfaAmr: ['hwk'] });
    await expect(one.auth.whoAmI()).rejects.toMatchObject(refused);
    const two = as(await signIn());
    await owner.sso.update({ name, scopes: ['profile', 'groups'] });
    await two.auth.whoAmI();
    const under = await begin();
    await owner.methods.disable({ kind: 'oidc', name });
    await expect(two.auth.whoAmI()).rejects.toMatchObject(refused);
    const back = provider.visit(under.address, BOB);
    await expect(finish({ challenge: under.challenge, ...back })).rejects.toMatchObject(refused);
    expect(await remoteSession(parts).auth.ways()).toEqual({ sso: [] });
    await expect(begin()).rejects.toMatchObject({ code: 'method_not_found' });
    await owner.methods.enable({ kind: 'oidc', name });
    const three = as(await signIn());
    await owner.methods.remove({ kind: 'oidc', name });
    await expect(three.auth.whoAmI()).rejects.toMatchObject(refused);
    expect(await owner.auth.listFactors({ subject: 'user:bob' })).toEqual([]);
  });

  it('lives no longer than the way lets it', async () => {
    await make({ sessionTtl: '10m' });
    const session = as(await signIn());
    sso.now += 11 * 60_000;
    await expect(session.auth.whoAmI()).rejects.toMatchObject(refused);
  });

  it('refuses whoever was disabled, and whoever nobody knows where no users are made', async () => {
    await make();
    await signIn();
    await owner.users.disable({ name: 'bob' });
    await expect(signIn()).rejects.toMatchObject(refused);
    await owner.sso.update({ name, createsUsers: false });
    await expect(signIn({ sub: 'another', preferred_username: 'eve' })).rejects.toMatchObject(
      refused,
    );
    expect((await owner.users.list()).principals.map((each) => each.name)).toEqual([OWNER, 'bob']);
  });

  it('asks anew when it is asked to, and holds the provider to it', async () => {
    await make();
    const { challenge, address } = await begin({ fresh: true });
    expect(new URL(address).searchParams.get('prompt')).toBe('login');
    const seconds = Math.floor(sso.now / 1000);
    const stale = { ...BOB, auth_time: seconds - 600 };
    const old = provider.visit(address, stale);
    await expect(finish({ challenge, ...old })).rejects.toMatchObject(refused);
    const again = await begin({ fresh: true });
    const fresh = { ...BOB, auth_time: seconds };
    const signedIn = await finish({
      challenge: again.challenge,
      ...provider.visit(again.address, fresh),
    });
    await as(signedIn).auth.enrollTotp({});
    await expect(as(await signIn(stale)).auth.enrollTotp({})).rejects.toMatchObject({
      code: 'reauth_required',
    });
  });

  it('A56 bounds how many are under way from one address', async () => {
    await make();
    const elsewhere = await begin({}, { ip: '198.51.100.7' });
    sso.now += 1;
    const first = await begin();
    sso.now += 1;
    const second = await begin();
    for (let i = 2; i < 20; i += 1) await begin();
    // Nobody is kept out: the first of the same address goes.
    const last = await begin();
    const back = ({ challenge, address }: SsoBegun): Promise<unknown> =>
      finish({ challenge, ...provider.visit(address, BOB) });
    await expect(back(first)).rejects.toMatchObject(refused);
    for (const good of [second, last, elsewhere]) await back(good);
  });
});

describe('A14 what comes back from a provider', () => {
  it('is taken once, however many bring it at once', async () => {
    await make();
    const { challenge, address } = await begin();
    const back = provider.visit(address, BOB);
    const tries = Array.from({ length: 50 }, () => finish({ challenge, ...back }));
    const ended = await Promise.allSettled(tries);
    expect(ended.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(provider.asked).toHaveLength(1);
    await expect(finish({ challenge, ...back })).rejects.toMatchObject(refused);
  });

  it('is of one sign-in: no state, code or nonce does for another', async () => {
    await make();
    const [one, two] = [await begin(), await begin()];
    const [first, second] = [provider.visit(one.address, BOB), provider.visit(two.address, BOB)];
    await expect(
      finish({ challenge: one.challenge, ...first, state: second.state }),
    ).rejects.toMatchObject(refused);
    await expect(
      finish({ challenge: one.challenge, ...first, code: second.code }),
    ).rejects.toMatchObject(refused);
    provider.token = (claims) =>
      provider.sign({ ...claims, nonce: new URL(one.address).searchParams.get('nonce') });
    const third = await begin();
    const back = provider.visit(third.address, BOB);
    await expect(finish({ challenge: third.challenge, ...back })).rejects.toMatchObject(refused);
  });

  it('is too late after ten minutes', async () => {
    await make();
    const { challenge, address } = await begin();
    const back = provider.visit(address, BOB);
    sso.now += 10 * 60_000;
    await expect(finish({ challenge, ...back })).rejects.toMatchObject(refused);
  });
});

describe('A15 a part that is missing', () => {
  it.each(['challenge', 'state', 'code'] as const)('of %s signs nobody in', async (missing) => {
    await make();
    const { challenge, address } = await begin();
    const back = { challenge, ...provider.visit(address, BOB) };
    await expect(finish({ ...back, [missing]: '' })).rejects.toMatchObject(refused);
    const { [missing]: _, ...rest } = back;
    await expect(finish(rest as FinishSsoInput)).rejects.toMatchObject({ code: 'invalid_input' });
  });

  it('of a challenge is not made up by one of another kind', async () => {
    await make();
    await userWithPassword(parts, OWNER);
    const user = as({ session: await signedInAs(parts, OWNER) });
    const link = await user.auth.beginSsoLink({ name, port: 45_678 });
    const back = provider.visit(link.address, BOB);
    await expect(finish({ challenge: link.challenge, ...back })).rejects.toMatchObject(refused);
    const { auth } = remoteSession(parts);
    const given = { challenge: link.challenge, code: '000000' };
    await expect(auth.verifyTotp(given)).rejects.toMatchObject(refused);
    const sso = await begin();
    const brought = provider.visit(sso.address, BOB);
    await expect(
      user.auth.finishSsoLink({ challenge: sso.challenge, ...brought }),
    ).rejects.toMatchObject(refused);
  });
});

describe('A25 a sign-in that somebody else began', () => {
  it('gives nobody a session who has code and state alone', async () => {
    await make();
    const begun = await begin();
    const back = provider.visit(begun.address, BOB);
    const other = await begin();
    await expect(finish({ challenge: other.challenge, ...back })).rejects.toMatchObject(refused);
    const { challenge } = begun;
    await finish({ challenge, ...back });
  });

  it('links nobody else’s account', async () => {
    await make();
    await userWithPassword(parts, OWNER);
    await userWithPassword(parts, 'eve');
    const eve = as({ session: await signedInAs(parts, 'eve') });
    const mine = as({ session: await signedInAs(parts, OWNER) });
    const { challenge, address } = await eve.auth.beginSsoLink({ name, port: 45_678 });
    const back = provider.visit(address, { sub: 'sub-of-ada' });
    await expect(mine.auth.finishSsoLink({ challenge, ...back })).rejects.toMatchObject(refused);
  });
});
