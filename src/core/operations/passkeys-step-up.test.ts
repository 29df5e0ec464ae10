import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { allowPasskeys, makePasskey, type HeldPasskey } from '../../testing/passkeys.ts';
import {
  PASSWORD,
  remoteSession,
  signedInAs,
  userWithPassword,
} from '../../testing/remote-session.ts';
import type { Faults } from '../../testing/software-authenticator.ts';
import {
  makeTemporaryVault,
  openParts,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { SecretValue } from '../../secret-value.ts';

let place: TemporaryVault;
let parts: OpenParts;
let now = 0;
let bob: HeldPasskey;

const MINUTE = 60_000;

beforeEach(async () => {
  now = Date.parse('2026-03-01T12:00:10Z');
  place = await makeTemporaryVault({ now: () => now });
  parts = await openParts(place, { now: () => now });
  await allowPasskeys(parts);
  await userWithPassword(parts, 'bob');
  bob = await makePasskey(parts, await signedInAs(parts, 'bob'));
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

const as = (credential: SecretValue | null): ReturnType<typeof remoteSession> =>
  remoteSession(parts, { credential });

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'ok',
    (error: unknown) => String((error as { code?: unknown }).code),
  );

async function prove(
  { authenticator, session }: HeldPasskey,
  { password, ...faults }: Faults & { readonly password?: string } = {},
): Promise<SecretValue | null> {
  const { auth } = as(session);
  const { challenge, options } = await auth.beginReauthentication();
  const credential = authenticator.get(options, faults);
  return (await auth.reauthenticatePasskey({ challenge, credential, password })).session;
}

describe('proving once more by a passkey', () => {
  it('A13 A16 makes a session one of just now, under another credential', async () => {
    now += 6 * MINUTE;
    expect(await codeOf(as(bob.session).tokens.create({}))).toBe('reauth_required');
    const session = await prove(bob);
    expect(await codeOf(as(bob.session).auth.whoAmI())).toBe('unauthenticated');
    expect(await codeOf(as(session).tokens.create({}))).toBe('ok');
  });

  it('asks for one of the own passkeys, verified if all are', async () => {
    const { options } = await as(bob.session).auth.beginReauthentication();
    expect(options.allowCredentials.map(({ id }) => id)).toEqual([bob.authenticator.id]);
    expect(options.userVerification).toBe('required');
    const weak = await makePasskey(parts, bob.session, { verifies: false });
    const both = await as(weak.session).auth.beginReauthentication();
    expect(both.options.userVerification).toBe('preferred');
    expect(both.options.allowCredentials).toHaveLength(2);
  });

  it('takes the password too with one that does not make sure who is there', async () => {
    const weak = await makePasskey(parts, bob.session, { verifies: false });
    expect(await codeOf(prove(weak))).toBe('unauthenticated');
    expect(await codeOf(prove(weak, { verified: true }))).toBe('unauthenticated');
    const password = 'four grey geese over a pond';
    expect(await codeOf(prove(weak, { password }))).toBe('unauthenticated');
    now += 6 * MINUTE;
    const session = await prove(weak, { password: PASSWORD });
    expect(await codeOf(as(session).tokens.create({}))).toBe('ok');
  });

  it.each<readonly [string, Faults]>([
    ['another origin', { origin: 'https://evil.example' }],
    ['a signature that is wrong', { forged: true }],
    ['another user', { userHandle: Buffer.alloc(16).toString('base64url') }],
    ['nobody verified', { verified: false }],
    ['a counter that went back', { counter: 1 }],
  ])('with %s is refused', async (_, faults) => {
    expect(await codeOf(prove(bob, faults))).toBe('unauthenticated');
    expect(await codeOf(as(bob.session).auth.whoAmI())).toBe('ok');
  });

  it('takes no passkey and no challenge of somebody else, or of another session', async () => {
    await userWithPassword(parts, 'eve');
    const eve = await makePasskey(parts, await signedInAs(parts, 'eve'));
    const { authenticator } = eve;
    const theirs = { ...bob, authenticator };
    expect(await codeOf(prove(theirs))).toBe('unauthenticated');
    const { challenge, options } = await as(bob.session).auth.beginReauthentication();
    const credential = bob.authenticator.get(options);
    const alone = await as(null).auth.beginPasskey({});
    const elsewhere = await as(null).auth.verifyPasskey({
      challenge: alone.challenge,
      credential: bob.authenticator.get(alone.options),
    });
    for (const session of [eve.session, elsewhere.session]) {
      const given = { challenge, credential };
      expect(await codeOf(as(session).auth.reauthenticatePasskey(given))).toBe('unauthenticated');
    }
    const other = await as(null).auth.beginPasskey({});
    const given = {
      challenge: other.challenge,
      credential: bob.authenticator.get(other.options),
    };
    expect(await codeOf(as(bob.session).auth.reauthenticatePasskey(given))).toBe('unauthenticated');
  });

  it('A14 counts once, however many ask at once', async () => {
    const { auth } = as(bob.session);
    const { challenge, options } = await auth.beginReauthentication();
    const credential = bob.authenticator.get(options);
    const all = await Promise.all(
      Array.from({ length: 50 }, () =>
        codeOf(as(bob.session).auth.reauthenticatePasskey({ challenge, credential })),
      ),
    );
    expect(all.filter((code) => code === 'ok')).toHaveLength(1);
    expect(all.filter((code) => code === 'unauthenticated')).toHaveLength(49);
  });

  it('A14 counts once, also in the session as it goes on', async () => {
    const { challenge, options } = await as(bob.session).auth.beginReauthentication();
    const give = (session: SecretValue | null) => {
      const credential = bob.authenticator.get(options);
      return as(session).auth.reauthenticatePasskey({ challenge, credential });
    };
    const { session } = await give(bob.session);
    expect(await codeOf(give(session))).toBe('unauthenticated');
  });

  it('is nothing for a token, nor for whoever has no passkey', async () => {
    const { token } = await as(bob.session).tokens.create({});
    expect(await codeOf(as(token).auth.beginReauthentication())).toBe('reauth_required');
    await userWithPassword(parts, 'eve');
    const session = await signedInAs(parts, 'eve');
    expect(await codeOf(as(session).auth.beginReauthentication())).toBe('factor_not_found');
  });
});
