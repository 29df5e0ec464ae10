import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { allowPasskeys, makePasskey, type HeldPasskey } from '../../testing/passkeys.ts';
import {
  PASSWORD,
  remoteSession,
  signedInAs,
  userWithPassword,
} from '../../testing/remote-session.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { SecretValue } from '../../secret-value.ts';
import type { Caller } from '../item.ts';
import type { Operation } from '../operation.ts';
import { confirmPasskey } from './passkeys.ts';
import { verifyPasskey } from './passkeys-sign-in.ts';

let place: TemporaryVault;
let parts: OpenParts;
let bob: HeldPasskey;

beforeEach(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
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
const anyone = (): ReturnType<typeof remoteSession> => as(null);

/** Calls an operation, and lets something happen after it was prepared and before it is applied. */
async function during<I, O, P>(
  operation: Operation<I, O, P>,
  input: I,
  { by, meanwhile }: { readonly by?: SecretValue; readonly meanwhile: () => Promise<unknown> },
): Promise<string> {
  const { prepare } = operation;
  const slow: Operation<I, O, P> = {
    ...operation,
    prepare: async (given, services) => {
      const proof = (await prepare?.(given, services)) as P;
      await meanwhile();
      return proof;
    },
  };
  const caller: Caller = {
    context: { principal: '', ip: '192.0.2.1', userAgent: 'a test' },
    face: 'rest',
    credential: by?.reveal(),
  };
  return parts.vault.call(slow, caller, input).then(
    () => 'ok',
    (error: unknown) => String((error as { code?: unknown }).code),
  );
}

const meanwhile: Readonly<Record<string, () => Promise<unknown>>> = {
  'the site was set to another': () => allowPasskeys(parts, 'https://other.example'),
  'the passkey was taken away': () => as(bob.session).auth.removeFactor({ factor: bob.factor }),
  'its user was disabled': () => parts.as(OWNER).users.disable({ name: 'bob' }),
  'it was used elsewhere': async () => {
    const { challenge, options } = await anyone().auth.beginPasskey({});
    const credential = bob.authenticator.get(options);
    await anyone().auth.verifyPasskey({ challenge, credential });
  },
};

describe('what was looked at before it counts', () => {
  it.each(Object.entries(meanwhile))('signs nobody in if %s', async (_, happens) => {
    const { challenge, options } = await anyone().auth.beginPasskey({});
    const input = { challenge, credential: bob.authenticator.get(options) };
    expect(await during(verifyPasskey, input, { meanwhile: happens })).toBe('unauthenticated');
  });

  it('signs in if nothing did', async () => {
    const { challenge, options } = await anyone().auth.beginPasskey({});
    const input = { challenge, credential: bob.authenticator.get(options) };
    expect(await during(verifyPasskey, input, { meanwhile: () => Promise.resolve() })).toBe('ok');
  });

  it('signs nobody in if another challenge was asked for, or its password was changed', async () => {
    const begin = async (): ReturnType<ReturnType<typeof anyone>['auth']['beginPasskey']> => {
      const { challenge } = await anyone().auth.signIn({ name: 'bob', password: PASSWORD });
      return anyone().auth.beginPasskey({ challenge: challenge ?? '' });
    };
    const first = await begin();
    const { challenge } = first;
    const input = { challenge, credential: bob.authenticator.get(first.options) };
    const again = (): Promise<unknown> => anyone().auth.beginPasskey({ challenge });
    expect(await during(verifyPasskey, input, { meanwhile: again })).toBe('unauthenticated');
    const second = await begin();
    const other = {
      challenge: second.challenge,
      credential: bob.authenticator.get(second.options),
    };
    const change = (): Promise<unknown> =>
      as(bob.session).auth.changePassword({
        current: PASSWORD,
        password: 'four grey geese over a pond',
      });
    expect(await during(verifyPasskey, other, { meanwhile: change })).toBe('unauthenticated');
  });

  it('signs nobody in by a passkey that became another meanwhile', async () => {
    const weak = await makePasskey(parts, bob.session, { verifies: false, counts: false });
    const { challenge, options } = await anyone().auth.beginPasskey({});
    const credential = weak.authenticator.get(options, { verified: true });
    const raise = async (): Promise<unknown> => {
      const first = await anyone().auth.signIn({ name: 'bob', password: PASSWORD });
      const begun = await anyone().auth.beginPasskey({ challenge: first.challenge ?? '' });
      const used = weak.authenticator.get(begun.options, { verified: true });
      return anyone().auth.verifyPasskey({ challenge: begun.challenge, credential: used });
    };
    const input = { challenge, credential };
    expect(await during(verifyPasskey, input, { meanwhile: raise })).toBe('unauthenticated');
  });

  it('keeps no passkey if the site was set to another', async () => {
    const { challenge, options } = await as(bob.session).auth.enrollPasskey();
    const { authenticator } = bob;
    const id = Buffer.alloc(16, 7).toString('base64url');
    const input = { challenge, credential: authenticator.create(options, { id }) };
    const move = (): Promise<unknown> => allowPasskeys(parts, 'https://other.example');
    const given = { by: bob.session, meanwhile: move };
    expect(await during(confirmPasskey, input, given)).toBe('unauthenticated');
    await allowPasskeys(parts);
    const still = { by: bob.session, meanwhile: () => Promise.resolve() };
    expect(await during(confirmPasskey, input, still)).toBe('ok');
  });
});
