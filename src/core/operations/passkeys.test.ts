import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { CborValue, Faults } from '../../testing/software-authenticator.ts';
import { SoftwareAuthenticator } from '../../testing/software-authenticator.ts';
import { allowPasskeys, makePasskey, ORIGIN } from '../../testing/passkeys.ts';
import { remoteSession, signedInAs, userWithPassword } from '../../testing/remote-session.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { SecretValue } from '../../secret-value.ts';

let place: TemporaryVault;
let parts: OpenParts;
let now = 0;

const MINUTE = 60_000;

beforeEach(async () => {
  now = Date.parse('2026-03-01T12:00:10Z');
  place = await makeTemporaryVault({ now: () => now });
  parts = await openParts(place, { now: () => now });
  await allowPasskeys(parts);
  await userWithPassword(parts, 'bob');
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

type Remote = ReturnType<typeof remoteSession>;
const as = (credential: SecretValue | null): Remote => remoteSession(parts, { credential });

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'ok',
    (error: unknown) => String((error as { code?: unknown }).code),
  );

const kindsOf = async (session: SecretValue): Promise<readonly string[]> =>
  (await as(session).auth.listFactors()).map(({ kind }) => kind);

/** How it ends to make a passkey with something wrong about it. */
async function madeWith(session: SecretValue, faults: Faults): Promise<string> {
  return codeOf(makePasskey(parts, session, { faults }));
}

describe('a new passkey', () => {
  it.each(['ES256', 'EdDSA', 'RS256'] as const)(
    'of %s counts as a second factor, with recovery codes for the first',
    async (algorithm) => {
      const before = await signedInAs(parts, 'bob');
      const made = await makePasskey(parts, before, { algorithm });
      expect(made.recoveryCodes).toHaveLength(10);
      expect(await codeOf(as(before).auth.whoAmI())).toBe('unauthenticated');
      const { secondFactors } = await as(made.session).auth.whoAmI();
      expect(secondFactors).toEqual(['passkey', 'recovery']);
      const second = await makePasskey(parts, made.session);
      expect(second.recoveryCodes).toBeNull();
      expect(await kindsOf(second.session)).toEqual(['password', 'passkey', 'recovery', 'passkey']);
    },
  );

  it('is asked for by what browsers take, and names whom it is for by an id', async () => {
    const { options } = await as(await signedInAs(parts, 'bob')).auth.enrollPasskey();
    expect(options).toMatchObject({
      rp: { id: 'vault.example', name: 'Strongroom' },
      user: { name: 'bob', displayName: 'bob' },
      attestation: 'none',
      excludeCredentials: [],
      authenticatorSelection: { residentKey: 'preferred', userVerification: 'preferred' },
    });
    expect(options.pubKeyCredParams.map(({ alg }) => alg)).toEqual([-7, -8, -257]);
    expect(Buffer.from(options.challenge, 'base64url')).toHaveLength(32);
    expect(Buffer.from(options.user.id, 'base64url')).toHaveLength(16);
  });

  it('is not asked of an authenticator that has one already', async () => {
    const { session, authenticator } = await makePasskey(parts, await signedInAs(parts, 'bob'));
    const { options } = await as(session).auth.enrollPasskey();
    expect(options.excludeCredentials).toEqual([
      { id: authenticator.id, type: 'public-key', transports: ['internal'] },
    ]);
  });

  const x5c = new Map<string, CborValue>([
    ['alg', -7],
    ['sig', new Uint8Array(70)],
    ['x5c', [new Uint8Array(300)]],
  ]);
  it.each<readonly [string, Faults]>([
    ['of another origin', { origin: 'https://evil.example' }],
    ['of a name below ours', { origin: 'https://a.vault.example' }],
    ['of plain HTTP', { origin: 'http://vault.example' }],
    ['for another site', { rpId: 'evil.example' }],
    ['of another kind', { type: 'webauthn.get' }],
    ['for another challenge', { challenge: Buffer.alloc(32).toString('base64url') }],
    ['within a page of somebody else', { clientData: { crossOrigin: true } }],
    ['below a page of somebody else', { clientData: { topOrigin: 'https://evil.example' } }],
    ['without anybody being there', { present: false }],
    ['that is kept elsewhere but cannot be', { backedUp: true }],
    ['with a certificate to look up', { format: 'packed', statement: x5c }],
    ['of an attestation that we did not ask for', { format: 'tpm', statement: x5c }],
  ])('%s is refused', async (_, faults) => {
    const session = await signedInAs(parts, 'bob');
    expect(await madeWith(session, faults)).toBe('unauthenticated');
    expect(await kindsOf(session)).toEqual(['password']);
  });

  it.each(['ES384', 'P384AsES256', 'RS1024'] as const)('of %s is refused', async (algorithm) => {
    const session = await signedInAs(parts, 'bob');
    const made = codeOf(makePasskey(parts, session, { algorithm }));
    expect(await made).toBe('unauthenticated');
  });

  it('may vouch for itself, rightly', async () => {
    const session = await signedInAs(parts, 'bob');
    const sig = new Map<string, CborValue>([
      ['alg', -7],
      ['sig', new Uint8Array(70)],
    ]);
    expect(await madeWith(session, { format: 'packed', statement: sig })).toBe('unauthenticated');
    expect(await madeWith(session, { format: 'packed' })).toBe('ok');
  });

  it('is refused if it is somebody’s already, also the own', async () => {
    await userWithPassword(parts, 'eve');
    const { authenticator, session } = await makePasskey(parts, await signedInAs(parts, 'bob'));
    const { id } = authenticator;
    expect(await madeWith(await signedInAs(parts, 'eve'), { id })).toBe('unauthenticated');
    expect(await madeWith(session, { id })).toBe('unauthenticated');
  });

  it('is refused under another name than its own', async () => {
    const session = await signedInAs(parts, 'bob');
    const { challenge, options } = await as(session).auth.enrollPasskey();
    const made = new SoftwareAuthenticator({ origin: ORIGIN }).create(options);
    const id = Buffer.alloc(16, 7).toString('base64url');
    const credential = { ...made, id, rawId: id };
    const finished = as(session).auth.confirmPasskey({ challenge, credential });
    expect(await codeOf(finished)).toBe('unauthenticated');
  });

  it('is one of ten at most', async () => {
    let session = await signedInAs(parts, 'bob');
    for (let count = 0; count < 10; count += 1) {
      if (count === 9) {
        // What was begun before the tenth is not finished after it.
        const late = await as(session).auth.enrollPasskey();
        ({ session } = await makePasskey(parts, session));
        const { challenge, options } = late;
        const credential = new SoftwareAuthenticator({ origin: ORIGIN }).create(options);
        const finished = as(session).auth.confirmPasskey({ challenge, credential });
        expect(await codeOf(finished)).toBe('invalid_input');
      } else ({ session } = await makePasskey(parts, session));
    }
    expect(await codeOf(as(session).auth.enrollPasskey())).toBe('invalid_input');
  });

  it('A14 A64 comes of one beginning once, however many ask at once', async () => {
    const session = await signedInAs(parts, 'bob');
    const { challenge, options } = await as(session).auth.enrollPasskey();
    const all = await Promise.all(
      Array.from({ length: 50 }, () => {
        const credential = new SoftwareAuthenticator({ origin: ORIGIN }).create(options);
        return codeOf(as(session).auth.confirmPasskey({ challenge, credential }));
      }),
    );
    expect(all.filter((code) => code === 'ok')).toHaveLength(1);
    expect(all.filter((code) => code === 'unauthenticated')).toHaveLength(49);
  });

  it('A14 comes of one beginning once, also in the session as it goes on', async () => {
    const before = await signedInAs(parts, 'bob');
    const { challenge, options } = await as(before).auth.enrollPasskey();
    const make = (session: SecretValue | null) =>
      as(session).auth.confirmPasskey({
        challenge,
        credential: new SoftwareAuthenticator({ origin: ORIGIN }).create(options),
      });
    const { session } = await make(before);
    expect(await codeOf(make(session))).toBe('unauthenticated');
  });

  it('is finished within ten minutes, in the session in which it was begun, for the same site', async () => {
    await userWithPassword(parts, 'eve');
    const session = await signedInAs(parts, 'bob');
    const elsewhere = await signedInAs(parts, 'bob');
    const begin = async (): Promise<(by: SecretValue) => Promise<string>> => {
      const { challenge, options } = await as(session).auth.enrollPasskey();
      const credential = new SoftwareAuthenticator({ origin: ORIGIN }).create(options);
      return (by) => codeOf(as(by).auth.confirmPasskey({ challenge, credential }));
    };
    const finish = await begin();
    expect(await finish(elsewhere)).toBe('unauthenticated');
    expect(await finish(await signedInAs(parts, 'eve'))).toBe('unauthenticated');
    await allowPasskeys(parts, 'https://other.example');
    expect(await finish(session)).toBe('unauthenticated');
    await allowPasskeys(parts);
    const late = await begin();
    now += 10 * MINUTE;
    expect(await late(session)).toBe('unauthenticated');
    now -= 1;
    expect(await finish(session)).toBe('ok');
  });

  it('sets free whoever has to have a second factor', async () => {
    await parts.as(OWNER).settings.write({ name: 'mfa_roles', value: ['owner'] });
    await userWithPassword(parts, OWNER);
    const { session, mustEnroll } = await remoteSession(parts).auth.signIn({
      name: OWNER,
      password: 'seven quiet herons by the weir',
    });
    expect(mustEnroll).toBe(true);
    if (session === null) throw new TypeError('a session for that was given');
    const made = await makePasskey(parts, session);
    expect(await codeOf(as(made.session).workspaces.list())).toBe('ok');
  });
});

describe('the site that passkeys are for', () => {
  it.each([
    ['is not set', null],
    ['has an address for a name', 'https://192.0.2.7'],
    ['has an address of IPv6 for a name', 'https://[2001:db8::7]:8200'],
    ['is this machine by its address', 'http://127.0.0.1:8200'],
  ])('that %s is said in one way', async (_, value) => {
    await parts.as(OWNER).settings.write({ name: 'public_url', value });
    const session = await signedInAs(parts, 'bob');
    expect(await codeOf(as(session).auth.enrollPasskey())).toBe('not_configured');
    expect(await codeOf(remoteSession(parts).auth.beginPasskey({}))).toBe('not_configured');
  });

  it.each([
    'vault.example',
    'http://vault.example',
    'https://vault.example/',
    'https://vault.example/a',
    'https://ada@vault.example',
    'https://VAULT.example',
    'https://vault.example:443',
    'ftp://vault.example',
    'http://localhost.example',
    '',
    7,
  ])('is not %s', async (value) => {
    const set = parts.as(OWNER).settings.write({ name: 'public_url', value });
    expect(await codeOf(set)).toBe('invalid_input');
  });

  it('is this machine without TLS, by its name', async () => {
    await allowPasskeys(parts, 'http://localhost:8200');
    const { options } = await remoteSession(parts).auth.beginPasskey({});
    expect(options.rpId).toBe('localhost');
  });
});
