import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { allowPasskeys, makePasskey, ORIGIN, type HeldPasskey } from '../../testing/passkeys.ts';
import {
  PASSWORD,
  remoteSession,
  signedInAs,
  userWithPassword,
} from '../../testing/remote-session.ts';
import type { Faults, SoftwareAuthenticator } from '../../testing/software-authenticator.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  storedRows,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { SecretValue } from '../../secret-value.ts';
import type { SignedIn } from './signed-in.ts';

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

type Remote = ReturnType<typeof remoteSession>;
const as = (credential: SecretValue | null): Remote => remoteSession(parts, { credential });
const anyone = (): Remote => remoteSession(parts);

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'ok',
    (error: unknown) => String((error as { code?: unknown }).code),
  );

it('A56 sign-ins by a passkey alone that are under way are bounded, and nobody is kept out', async () => {
  const pending = () =>
    tamper(place, (db) => storedRows(db, 'tokens')).filter((row) => row['kind'] === 'challenge');
  const from = (ip: string): Remote => remoteSession(parts, { ip });
  const before = pending().length;
  const first = await from('2001:db8::1').auth.beginPasskey({});
  const other = await from('192.0.2.9').auth.beginPasskey({});
  for (let at = 0; at < 110; at += 1) await from(`2001:db8::${at}`).auth.beginPasskey({});
  expect(pending()).toHaveLength(before + 101);
  const finish = async ({ challenge, options }: typeof first): Promise<string> => {
    const credential = bob.authenticator.get(options);
    return codeOf(anyone().auth.verifyPasskey({ challenge, credential }));
  };
  expect([await finish(first), await finish(other)]).toEqual(['unauthenticated', 'ok']);
  now += 11 * MINUTE;
  await anyone().auth.beginPasskey({});
  expect(pending().length).toBeLessThan(before + 64);
});

/** Signs in with nothing but a passkey. */
async function alone(authenticator: SoftwareAuthenticator, faults: Faults = {}): Promise<SignedIn> {
  const { challenge, options } = await anyone().auth.beginPasskey({});
  const credential = authenticator.get(options, faults);
  return anyone().auth.verifyPasskey({ challenge, credential });
}

/** The same after a password. */
async function second(
  authenticator: SoftwareAuthenticator,
  { name = 'bob', ...faults }: Faults & { readonly name?: string } = {},
): Promise<SignedIn> {
  const first = await anyone().auth.signIn({ name, password: PASSWORD });
  const { challenge, options } = await anyone().auth.beginPasskey({
    challenge: first.challenge ?? '',
  });
  const credential = authenticator.get(options, faults);
  return anyone().auth.verifyPasskey({ challenge, credential });
}

const lastEntry = async (action: string) =>
  (await parts.as(OWNER).audit.query({ action, limit: 1 })).entries[0];

describe('a passkey that stands alone', () => {
  it.each(['ES256', 'EdDSA', 'RS256'] as const)(
    'of %s signs in, and counts as two factors',
    async (algorithm) => {
      await userWithPassword(parts, 'eve');
      const eve = await makePasskey(parts, await signedInAs(parts, 'eve'), { algorithm });
      const { session, known, challenge, mustEnroll } = await alone(eve.authenticator);
      expect([challenge, mustEnroll]).toEqual([null, false]);
      expect(known).not.toBeNull();
      expect((await as(session).auth.whoAmI()).name).toBe('eve');
      expect(await codeOf(as(session).tokens.create({}))).toBe('ok');
    },
  );

  it('A10 is begun without a name, and says nothing about anybody', async () => {
    const { options } = await anyone().auth.beginPasskey({});
    expect(options).toEqual({
      challenge: expect.stringMatching(/^[\w-]{43}$/) as string,
      timeout: 10 * MINUTE,
      rpId: 'vault.example',
      allowCredentials: [],
      userVerification: 'required',
    });
    const named = anyone().auth.beginPasskey({ name: 'bob' } as object);
    expect(await codeOf(named)).toBe('invalid_input');
  });

  it('leads to a session for whoever asked: a browser, or another', async () => {
    const { challenge, options } = await anyone().auth.beginPasskey({ carrier: 'cookie' });
    const credential = bob.authenticator.get(options);
    const { session } = await anyone().auth.verifyPasskey({ challenge, credential });
    expect(await codeOf(as(session).auth.whoAmI())).toBe('unauthenticated');
    const browser = remoteSession(parts, { credential: session, carrier: 'cookie' });
    expect(await codeOf(browser.auth.whoAmI())).toBe('ok');
  });

  it('is not stopped by wrong guesses at the password', async () => {
    for (let count = 0; count < 10; count += 1) {
      await codeOf(anyone().auth.signIn({ name: 'bob', password: 'not it at all, is it' }));
    }
    expect(await codeOf(anyone().auth.signIn({ name: 'bob', password: PASSWORD }))).toBe(
      'unauthenticated',
    );
    expect(await codeOf(alone(bob.authenticator))).toBe('ok');
  });

  it('that does not make sure who is there is a second factor alone', async () => {
    await userWithPassword(parts, 'eve');
    const session = await signedInAs(parts, 'eve');
    const { authenticator } = await makePasskey(parts, session, { verifies: false });
    expect(await codeOf(alone(authenticator))).toBe('unauthenticated');
    // Whoever found it may have set a PIN on it.
    expect(await codeOf(alone(authenticator, { verified: true }))).toBe('unauthenticated');
    expect(await codeOf(second(authenticator, { name: 'eve' }))).toBe('ok');
    expect(await codeOf(second(authenticator, { name: 'eve', verified: true }))).toBe('ok');
    expect(await codeOf(alone(authenticator))).toBe('unauthenticated');
    expect(await codeOf(alone(authenticator, { verified: true }))).toBe('ok');
  });
});

describe('a passkey as the second factor', () => {
  it('is asked for by name, and takes nobody else’s', async () => {
    await userWithPassword(parts, 'eve');
    const eve = await makePasskey(parts, await signedInAs(parts, 'eve'));
    const first = await anyone().auth.signIn({ name: 'bob', password: PASSWORD });
    expect(first).toMatchObject({ session: null, factors: ['passkey', 'recovery'] });
    const { options } = await anyone().auth.beginPasskey({ challenge: first.challenge ?? '' });
    expect(options.allowCredentials.map(({ id }) => id)).toEqual([bob.authenticator.id]);
    expect(options.userVerification).toBe('preferred');
    expect(await codeOf(second(eve.authenticator))).toBe('unauthenticated');
    const { id } = bob.authenticator;
    expect(await codeOf(second(eve.authenticator, { id }))).toBe('unauthenticated');
    const { session } = await second(bob.authenticator, { userHandle: null });
    expect((await as(session).auth.whoAmI()).name).toBe('bob');
    expect(await codeOf(as(session).tokens.create({}))).toBe('ok');
  });

  it('needs no verification beside the password', async () => {
    expect(await codeOf(second(bob.authenticator, { verified: false }))).toBe('ok');
  });

  it('is not begun for whoever has none, nor with what leads elsewhere', async () => {
    await userWithPassword(parts, 'eve');
    const { challenge: own } = await anyone().auth.beginPasskey({});
    const { challenge: enroll } = await as(bob.session).auth.enrollPasskey();
    for (const challenge of ['none', '', own, enroll, bob.session]) {
      expect(await codeOf(anyone().auth.beginPasskey({ challenge }))).toBe('unauthenticated');
    }
  });

  it('leaves codes as they were: a challenge is good for either', async () => {
    const first = await anyone().auth.signIn({ name: 'bob', password: PASSWORD });
    const challenge = first.challenge ?? '';
    await anyone().auth.beginPasskey({ challenge });
    const code = bob.recoveryCodes?.[0] ?? '';
    expect(await codeOf(anyone().auth.useRecoveryCode({ challenge, code }))).toBe('ok');
    expect(await codeOf(anyone().auth.beginPasskey({ challenge }))).toBe('unauthenticated');
  });

  it('that was begun again takes the last answer alone', async () => {
    const { challenge } = await anyone().auth.signIn({ name: 'bob', password: PASSWORD });
    const begin = () => anyone().auth.beginPasskey({ challenge: challenge ?? '' });
    const old = bob.authenticator.get((await begin()).options);
    const { options } = await begin();
    const verify = (credential: typeof old): Promise<string> =>
      codeOf(anyone().auth.verifyPasskey({ challenge: challenge ?? '', credential }));
    expect(await verify(old)).toBe('unauthenticated');
    expect(await verify(bob.authenticator.get(options))).toBe('ok');
  });
});

describe('a sign-in by passkey', () => {
  const faults: Readonly<Record<string, Faults>> = {
    'an unknown credential': { id: Buffer.alloc(16, 7).toString('base64url') },
    'another origin': { origin: 'https://evil.example' },
    'another port': { origin: 'https://vault.example:8443' },
    'another site': { rpId: 'evil.example' },
    'another challenge': { challenge: Buffer.alloc(32).toString('base64url') },
    'another kind': { type: 'webauthn.create' },
    'a page of somebody else around it': { clientData: { crossOrigin: true } },
    'nobody there': { present: false },
    'another user': { userHandle: Buffer.alloc(16).toString('base64url') },
    'a signature that is wrong': { forged: true },
    'a key that can be kept elsewhere now': { backupEligible: true },
    'a key that is kept elsewhere but cannot be': { backedUp: true },
  };

  it.each(Object.entries(faults))('with %s is refused, as all others', async (_, fault) => {
    expect(await codeOf(alone(bob.authenticator, fault))).toBe('unauthenticated');
    expect(await codeOf(second(bob.authenticator, fault))).toBe('unauthenticated');
    expect(await codeOf(alone(bob.authenticator))).toBe('ok');
  });

  it('that does not say whose it is, or who was there, is refused alone', async () => {
    expect(await codeOf(alone(bob.authenticator, { userHandle: null }))).toBe('unauthenticated');
    expect(await codeOf(alone(bob.authenticator, { verified: false }))).toBe('unauthenticated');
  });

  it('is told the same in every case', async () => {
    const told = async (fault: Faults): Promise<string> => {
      try {
        await alone(bob.authenticator, fault);
      } catch (error) {
        const { message, hint } = error as Error & { hint?: string };
        return `${message} ${hint}`;
      }
      throw new TypeError('it is refused');
    };
    const all = await Promise.all([...Object.values(faults), { verified: false }].map(told));
    expect(new Set(all).size).toBe(1);
  });

  it('A14 A64 takes an answer once, however many bring it at once', async () => {
    const { challenge, options } = await anyone().auth.beginPasskey({});
    const credential = bob.authenticator.get(options);
    const verify = (): Promise<string> =>
      codeOf(anyone().auth.verifyPasskey({ challenge, credential }));
    const all = await Promise.all(Array.from({ length: 50 }, verify));
    expect(all.filter((code) => code === 'ok')).toHaveLength(1);
    expect(all.filter((code) => code === 'unauthenticated')).toHaveLength(49);
    expect(await verify()).toBe('unauthenticated');
  });

  it('A14 takes a challenge once, whatever counter the answers have', async () => {
    const still = await makePasskey(parts, bob.session, { counts: false });
    const { challenge, options } = await anyone().auth.beginPasskey({});
    const all = await Promise.all(
      Array.from({ length: 50 }, () => {
        const credential = still.authenticator.get(options);
        return codeOf(anyone().auth.verifyPasskey({ challenge, credential }));
      }),
    );
    expect(all.filter((code) => code === 'ok')).toHaveLength(1);
  });

  it('takes the answer to one challenge with no other', async () => {
    const [one, two] = [await anyone().auth.beginPasskey({}), await anyone().auth.beginPasskey({})];
    const credential = bob.authenticator.get(one.options);
    const { challenge } = two;
    expect(await codeOf(anyone().auth.verifyPasskey({ challenge, credential }))).toBe(
      'unauthenticated',
    );
  });

  it('takes no challenge that is over, or of another step', async () => {
    const { auth } = anyone();
    const { challenge, options } = await auth.beginPasskey({});
    const late = { challenge, credential: bob.authenticator.get(options) };
    now += 10 * MINUTE;
    expect(await codeOf(auth.verifyPasskey(late))).toBe('unauthenticated');
    const again = await as((await alone(bob.authenticator)).session).auth.beginReauthentication();
    const enroll = await as((await alone(bob.authenticator)).session).auth.enrollPasskey();
    const { challenge: plain } = await auth.signIn({ name: 'bob', password: PASSWORD });
    for (const other of [again.challenge, enroll.challenge, plain ?? '', bob.session, 'none']) {
      const credential = bob.authenticator.get(again.options);
      const given = { challenge: other, credential };
      expect(await codeOf(auth.verifyPasskey(given))).toBe('unauthenticated');
    }
    const own = await auth.beginPasskey({});
    const code = bob.recoveryCodes?.[0] ?? '';
    for (const other of [own.challenge, again.challenge, enroll.challenge]) {
      expect(await codeOf(auth.useRecoveryCode({ challenge: other, code }))).toBe(
        'unauthenticated',
      );
    }
  });

  it('is over with the passkey, its user, and the site', async () => {
    await allowPasskeys(parts, 'https://other.example');
    expect(await codeOf(alone(bob.authenticator, { origin: ORIGIN }))).toBe('unauthenticated');
    await allowPasskeys(parts);
    await parts.as(OWNER).users.disable({ name: 'bob' });
    expect(await codeOf(alone(bob.authenticator))).toBe('unauthenticated');
    await parts.as(OWNER).users.enable({ name: 'bob' });
    const { session } = await alone(bob.authenticator);
    const { challenge, options } = await anyone().auth.beginPasskey({});
    const credential = bob.authenticator.get(options);
    await as(session).auth.removeFactor({ factor: bob.factor });
    expect(await codeOf(anyone().auth.verifyPasskey({ challenge, credential }))).toBe(
      'unauthenticated',
    );
    expect(await codeOf(alone(bob.authenticator))).toBe('unauthenticated');
    const { session: left } = await anyone().auth.signIn({ name: 'bob', password: PASSWORD });
    expect(left).not.toBeNull();
  });

  it('of a key that was copied is refused, and on record', async () => {
    expect(await codeOf(alone(bob.authenticator, { counter: 40 }))).toBe('ok');
    for (const counter of [40, 39, 1, 0]) {
      expect(await codeOf(alone(bob.authenticator, { counter }))).toBe('unauthenticated');
      expect(await lastEntry('auth.verifyPasskey')).toMatchObject({
        outcome: 'denied',
        reason: 'unauthenticated',
        detail: 'the counter of a passkey went back',
      });
    }
    expect(await codeOf(alone(bob.authenticator, { counter: 41 }))).toBe('ok');
  });

  it('by one that does not count is taken each time', async () => {
    const { authenticator } = await makePasskey(parts, bob.session, { counts: false });
    for (let round = 0; round < 3; round += 1) {
      expect(await codeOf(alone(authenticator))).toBe('ok');
    }
    expect(await codeOf(alone(authenticator, { counter: 5 }))).toBe('ok');
    expect(await codeOf(alone(authenticator))).toBe('unauthenticated');
  });

  it('notes that a key is kept elsewhere from now on', async () => {
    const faults = { backupEligible: true };
    const { authenticator } = await makePasskey(parts, bob.session, { faults });
    await alone(authenticator, { backupEligible: true, backedUp: true });
    const stored = tamper(place, (db) => storedRows(db, 'factors'));
    const row = stored.find(({ lookup }) => lookup === authenticator.id);
    expect(JSON.parse(String(row?.['data']))).toMatchObject({ backed_up: true });
    expect(await codeOf(alone(authenticator, { backupEligible: true }))).toBe('ok');
  });

  it('is on record as of whoever it was, without what it was done with', async () => {
    const { challenge, options } = await anyone().auth.beginPasskey({});
    const credential = bob.authenticator.get(options);
    await anyone().auth.verifyPasskey({ challenge, credential });
    const { outcome, actor_name: actor } = { ...(await lastEntry('auth.verifyPasskey')) };
    expect([outcome, actor]).toEqual(['ok', 'bob']);
    const { entries } = await parts.as(OWNER).audit.query({ limit: 100 });
    const text = JSON.stringify(entries);
    for (const each of [challenge.reveal(), options.challenge, credential.response.signature]) {
      expect(text).not.toContain(each);
    }
  });
});
