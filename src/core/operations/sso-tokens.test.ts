import { createHmac } from 'node:crypto';

import { generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { sha2 } from '../../crypto/hash.ts';
import { toBase64Url } from '../../lib/base64.ts';
import { utf8 } from '../../lib/bytes.ts';
import { CLIENT, type SignInProvider } from '../../testing/sign-in-provider.ts';
import { BOB, startSso, type SsoVault } from '../../testing/sso-vault.ts';

const refused = { code: 'unauthenticated' };

let sso: SsoVault;
let { provider, make, signIn } = {} as SsoVault;

beforeEach(async () => {
  sso = await startSso();
  ({ provider, make, signIn } = sso);
});
afterEach(() => sso.close());

describe('an ID token', () => {
  /** Signs in with tokens that must all be refused alike. */
  async function answersTo(tokens: Readonly<Record<string, SignInProvider['token']>>) {
    const found: Record<string, unknown> = {};
    for (const [about, token] of Object.entries(tokens)) {
      provider.token = token;
      found[about] = await signIn().then(
        () => 'let in',
        (error: unknown) => `${(error as { code: string }).code}: ${(error as Error).message}`,
      );
    }
    return found;
  }

  const all = (tokens: object): object =>
    Object.fromEntries(
      Object.keys(tokens).map((each) => [
        each,
        'unauthenticated: what was given to sign in was not accepted',
      ]),
    );

  const signed = (more: object, header: object = {}): SignInProvider['token'] => {
    return (claims) => provider.sign({ ...claims, ...more }, header);
  };

  it('A21 is for this client alone', async () => {
    await make();
    const tokens = {
      missing: signed({ aud: undefined }),
      other: signed({ aud: 'other' }),
      longer: signed({ aud: `${CLIENT.id}2` }),
      upper: signed({ aud: CLIENT.id.toUpperCase() }),
      several: signed({ aud: [CLIENT.id, 'other'] }),
      none: signed({ aud: [] }),
      nested: signed({ aud: [[CLIENT.id]] }),
      number: signed({ aud: 7 }),
      party: signed({ azp: 'other' }),
    };
    expect(await answersTo(tokens)).toEqual(all(tokens));
    provider.token = signed({ aud: [CLIENT.id], azp: CLIENT.id });
    await signIn();
  });

  it('A22 is signed by the issuer’s key, with an algorithm of the list', async () => {
    await make();
    const json = (value: unknown): string => toBase64Url(utf8(JSON.stringify(value)));
    const other = await generateKeyPair('RS256');
    const raw =
      (header: object, signature: (input: string) => string): SignInProvider['token'] =>
      async (claims) => {
        const seconds = Math.floor(sso.now / 1000);
        const said = { iss: provider.issuer, iat: seconds, exp: seconds + 300, ...claims };
        const input = `${json(header)}.${json(said)}`;
        return `${input}.${signature(input)}`;
      };
    const mac = (input: string): string =>
      createHmac('sha256', CLIENT.secret).update(input).digest('base64url');
    const tokens = {
      none: raw({ alg: 'none' }, () => ''),
      unsigned: raw({ alg: 'RS256', kid: 'one' }, () => ''),
      shared: raw({ alg: 'HS256', kid: 'one' }, mac),
      unlisted: signed({}, { alg: 'PS256' }),
      jku: signed({}, { jku: 'https://evil.example/keys' }),
      jwk: signed({}, { jwk: { kty: 'RSA' } }),
      crit: signed({}, { crit: ['exp'], exp: 1 }),
      kid: signed({}, { kid: '../../etc/passwd' }),
      stranger: (claims: object) =>
        new SignJWT({ iss: provider.issuer, iat: Math.floor(sso.now / 1000), ...claims })
          .setProtectedHeader({ alg: 'RS256', kid: 'one' })
          .setExpirationTime(Math.floor(sso.now / 1000) + 300)
          .sign(other.privateKey),
    };
    const { unlisted: _, ...listed } = tokens;
    expect(await answersTo(listed)).toEqual(all(listed));
  });

  it('is of this issuer, this moment, this sign-in, and the access token beside it', async () => {
    await make();
    const seconds = Math.floor(sso.now / 1000);
    const half = (text: string): string => toBase64Url(sha2(256, text).subarray(0, 16));
    const tokens = {
      issuer: signed({ iss: 'https://other.example' }),
      over: signed({ exp: seconds - 60 }),
      ahead: signed({ nbf: seconds + 60 }),
      'made later': signed({ iat: seconds + 120 }),
      'without nonce': signed({ nonce: undefined }),
      'another nonce': signed({ nonce: 'a'.repeat(43) }),
      'no subject': signed({ sub: undefined }),
      'an empty subject': signed({ sub: '' }),
      'a long subject': signed({ sub: 'a'.repeat(256) }),
      'a list of subjects': signed({ sub: ['sub-of-bob'] }),
      'another access token': signed({ at_hash: half('another') }),
      'a strange hash': signed({ at_hash: 7 }),
    };
    expect(await answersTo(tokens)).toEqual(all(tokens));
    provider.token = signed({ at_hash: half('an-access-token') });
    await signIn();
  });

  it('has to be there: an answer without one, or that is none, signs nobody in', async () => {
    await make();
    for (const answer of [{}, [], 'text', null, { id_token: 7 }, { access_token: 'a' }]) {
      provider.answer = () => answer;
      const back = signIn();
      if (answer === null) provider.answer = () => ({ id_token: null });
      await expect(back).rejects.toMatchObject(refused);
    }
  });

  it('comes with the issuer’s name where the provider says so, against mix-ups (RFC 9207)', async () => {
    await make();
    await expect(signIn(BOB, { iss: 'https://other.example' })).rejects.toMatchObject(refused);
    await signIn(BOB, { iss: undefined });
    provider.document['authorization_response_iss_parameter_supported'] = true;
    sso.now += 11 * 60_000;
    await expect(signIn(BOB, { iss: undefined })).rejects.toMatchObject(refused);
    await signIn();
  });
});

describe('A52 what is asked of a provider', () => {
  it('is asked of no other host, nor of a document of another issuer', async () => {
    const wrong: readonly (readonly [string, unknown])[] = [
      ['issuer', 'https://other.example'],
      ['token_endpoint', 'http://169.254.169.254/token'],
      ['token_endpoint', 'https://127.0.0.1:1/token'],
      ['authorization_endpoint', 'javascript:alert(1)'],
      ['code_challenge_methods_supported', ['plain']],
      ['jwks_uri', undefined],
    ];
    await make();
    for (const [member, value] of wrong) {
      sso.now += 11 * 60_000;
      const before = provider.document[member];
      provider.document[member] = value ?? null;
      await expect(signIn()).rejects.toMatchObject({ code: 'unreachable' });
      if (before === undefined) delete provider.document[member];
    }
    sso.now += 11 * 60_000;
    await signIn();
    await expect(make({ name: 'plain', issuer: 'http://idp.example' })).rejects.toMatchObject({
      code: 'invalid_input',
    });
  });
});
