// What somebody tries who has an account at a provider, and would have somebody else's rights here.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { totpCode, totpStep } from '../../crypto/totp.ts';
import { fromBase32 } from '../../lib/base32.ts';
import type { SecretValue } from '../../secret-value.ts';
import { allowPasskeys, makePasskey, ORIGIN } from '../../testing/passkeys.ts';
import {
  PASSWORD,
  remoteSession,
  signedInAs,
  userWithPassword,
} from '../../testing/remote-session.ts';
import { SoftwareAuthenticator } from '../../testing/software-authenticator.ts';
import { BOB, GROUPS, SECRET, startSso, type SsoVault } from '../../testing/sso-vault.ts';
import { storedRows, tamper } from '../../testing/temporary-vault.ts';

const refused = { code: 'unauthenticated' };
const stale = { code: 'reauth_required' };
const denied = { code: 'denied' };
const MINUTE = 60_000;

let sso: SsoVault;
let { place, parts, owner, make, inGroup, signIn, linked, as } = {} as SsoVault;

beforeEach(async () => {
  sso = await startSso();
  ({ place, parts, owner, make, inGroup, signIn, linked, as } = sso);
});
afterEach(() => sso.close());

const inviteOf = async (name: string): Promise<SecretValue> =>
  (await owner.users.invite({ name })).invite;

/** Sets a generator of codes up. */
async function withTotp(session: SecretValue | null): Promise<() => string> {
  const { auth } = as({ session });
  const { factor, secret } = await auth.enrollTotp({});
  const key = fromBase32(secret.reveal()) ?? new Uint8Array();
  const code = (): string => totpCode(key, totpStep(sso.now));
  await auth.confirmTotp({ factor, code: code() });
  sso.now += MINUTE;
  return code;
}

/** A group that denies what its members have elsewhere. */
async function contractors(): Promise<void> {
  await owner.groups.create({ name: 'contractors', wholeVault: true });
  const pattern = 'default/production/**';
  await owner.access.deny({ subject: 'group:contractors', can: ['read'], pattern });
}

const CONTRACTORS = { value: 'contractors', group: 'contractors' } as const;
const mayRead = (name: string): Promise<unknown> =>
  owner.access.grant({ subject: `user:${name}`, can: ['read', 'list'], pattern: 'default/**' });

describe('an invite that is used by way of a provider', () => {
  it.each(['a generator', 'a passkey'])(
    'A17 is no way around %s of its user, and is still good then',
    async (kind) => {
      await allowPasskeys(parts);
      await make({ mfaAmr: ['otp'], createsUsers: false });
      await userWithPassword(parts, 'victim');
      const session = await signedInAs(parts, 'victim');
      if (kind === 'a passkey') await makePasskey(parts, session);
      else await withTotp(session);
      const invite = await inviteOf('victim');
      for (const amr of [['otp'], []]) {
        await expect(signIn({ sub: 'thief', amr }, { invite })).rejects.toMatchObject(refused);
      }
      await expect(signIn({ sub: 'thief', amr: ['otp'] })).rejects.toMatchObject(refused);
      const { session: none, factors } = await remoteSession(parts).auth.acceptInvite({
        invite,
        password: PASSWORD,
      });
      expect({ none, isAsked: factors.length > 0 }).toEqual({ none: null, isAsked: true });
    },
  );

  it('A33 gives nobody a second account of whoever has one there already', async () => {
    await make({ createsUsers: false });
    await userWithPassword(parts, 'victim');
    await linked('victim', { sub: 'sub-of-victim' });
    const invite = await inviteOf('victim');
    for (const sub of ['thief', 'sub-of-thief']) {
      await expect(signIn({ sub }, { invite })).rejects.toMatchObject(refused);
      await expect(signIn({ sub })).rejects.toMatchObject(refused);
    }
    const victim = as(await signIn({ sub: 'sub-of-victim' }));
    expect((await victim.auth.whoAmI()).name).toBe('victim');
    const kinds = (await victim.auth.listFactors({})).map(({ kind }) => kind);
    expect(kinds.toSorted()).toEqual(['oidc', 'password']);
    // It is still good for a password.
    await remoteSession(parts).auth.acceptInvite({ invite, password: PASSWORD });
  });
});

describe('groups that deny', () => {
  it('A33 are not shed by a token that does not say whose groups they are', async () => {
    await contractors();
    await make({ groups: [CONTRACTORS] });
    const first = as(await signIn({ ...BOB, groups: ['contractors'] }));
    await mayRead('bob');
    await expect(first.secrets.read(SECRET)).rejects.toMatchObject(denied);
    const many = [...Array.from({ length: 1000 }, (_, at) => `g${at}`), 'contractors'];
    for (const groups of [undefined, null, 7, {}, many]) {
      await expect(signIn({ ...BOB, groups })).rejects.toMatchObject(refused);
      const sub = 'sub-of-eve';
      const eve = { sub, preferred_username: 'eve', groups };
      await expect(signIn(eve)).rejects.toMatchObject(refused);
    }
    await expect(first.secrets.read(SECRET)).rejects.toMatchObject(denied);
    const names = (await owner.users.list()).principals.map(({ name }) => name);
    expect(names).not.toContain('eve');
    await as(await signIn({ ...BOB, groups: [] })).secrets.read(SECRET);
    await as(await signIn({ ...BOB, groups: 'other' })).secrets.read(SECRET);
  });

  it('A33 that only allow are left without the claim', async () => {
    await inGroup();
    await make({ groups: GROUPS });
    const first = as(await signIn({ ...BOB, groups: ['Ops Team'] }));
    await first.secrets.read(SECRET);
    await signIn(BOB);
    await expect(first.secrets.read(SECRET)).rejects.toMatchObject(denied);
  });

  it('A33 are not shed by unlinking the account, nor by an invite', async () => {
    await contractors();
    await make({ groups: [CONTRACTORS] });
    await userWithPassword(parts, 'bob');
    await mayRead('bob');
    const { factor } = (await linked('bob', { sub: 'x' })) as { readonly factor: string };
    await signIn({ sub: 'x', groups: ['contractors'] });
    const session = await signedInAs(parts, 'bob');
    await expect(as({ session }).auth.removeFactor({ factor })).rejects.toMatchObject({
      code: 'escalation_refused',
    });
    const invite = await inviteOf('bob');
    const accepted = await remoteSession(parts).auth.acceptInvite({ invite, password: PASSWORD });
    await expect(as(accepted).secrets.read(SECRET)).rejects.toMatchObject(denied);
  });
});

describe('an account that is taken away', () => {
  it('A33 takes along the groups that it gave, and no others', async () => {
    await inGroup();
    await make({ createsUsers: false, groups: GROUPS });
    await make({ name: 'other', createsUsers: false, groups: GROUPS });
    await userWithPassword(parts, 'bob');
    await userWithPassword(parts, 'carol');
    const { factor } = (await linked('bob', { sub: 'x' })) as { readonly factor: string };
    await linked('carol', { sub: 'y' });
    await signIn({ sub: 'x', groups: ['Ops Team'] });
    await signIn({ sub: 'y', groups: ['Ops Team'] });
    await as({ session: await signedInAs(parts, 'bob') }).secrets.read(SECRET);
    await owner.auth.removeFactor({ factor, subject: 'user:bob' });
    const again = as({ session: await signedInAs(parts, 'bob') });
    await expect(again.secrets.read(SECRET)).rejects.toMatchObject(denied);
    await as({ session: await signedInAs(parts, 'carol') }).secrets.read(SECRET);
  });

  it('A33 is every one that was linked before an invite was accepted', async () => {
    await inGroup();
    await make({ groups: GROUPS });
    const claims = { sub: 'squatter', preferred_username: 'alice', groups: ['Ops Team'] };
    const before = as(await signIn(claims));
    const invite = await inviteOf('alice');
    const alice = as(await remoteSession(parts).auth.acceptInvite({ invite, password: PASSWORD }));
    await expect(alice.secrets.read(SECRET)).rejects.toMatchObject(denied);
    await expect(before.auth.whoAmI()).rejects.toMatchObject(refused);
    await expect(signIn(claims)).rejects.toMatchObject(refused);
    const kinds = (await alice.auth.listFactors({})).map(({ kind }) => kind);
    expect(kinds).toEqual(['password']);
  });
});

describe('when somebody signed in at the provider', () => {
  it.each([undefined, 'now', null, -1, -1e12, 1e300, Infinity, 2 ** 53, 4e9])(
    'A16 is not known by %s, so it is no proof of just now',
    async (auth_time) => {
      await make({ mfaAmr: ['otp'] });
      const session = as(await signIn({ ...BOB, auth_time, amr: ['otp'] }));
      await session.auth.whoAmI();
      await expect(session.auth.enrollTotp({})).rejects.toMatchObject(stale);
      const rows = tamper(place, (db) => storedRows(db, 'tokens'));
      const times = rows.flatMap((row) => [row['authenticated_at'], row['mfa_at']]);
      expect(new Set(times)).toEqual(new Set([0, null]));
    },
  );

  it('A16 is a whole second', async () => {
    await make();
    const auth_time = sso.now / 1000 + 0.4321;
    await as(await signIn({ ...BOB, auth_time })).auth.enrollTotp({});
  });

  it('A16 stays unknown after a second factor, here or there', async () => {
    await make({ mfaAmr: ['otp'] });
    const code = await withTotp((await signIn()).session);
    const unsaid = { ...BOB, auth_time: undefined };
    const { challenge } = await signIn(unsaid);
    const given = { challenge: challenge ?? '', code: code() };
    const here = as(await remoteSession(parts).auth.verifyTotp(given));
    const there = as(await signIn({ ...unsaid, amr: ['otp'] }));
    for (const session of [here, there]) {
      expect(await session.auth.whoAmI()).toMatchObject({ credential: { mfa: true } });
      await expect(session.auth.renewRecoveryCodes({})).rejects.toMatchObject(stale);
    }
  });

  it('A16 is long over for what a workspace asks of how recent it is', async () => {
    await make();
    const at = Math.floor(sso.now / 1000);
    const [unsaid, said] = [
      as(await signIn({ ...BOB, auth_time: undefined })),
      as(await signIn({ ...BOB, auth_time: at })),
    ];
    await mayRead('bob');
    await unsaid.secrets.read(SECRET);
    await owner.settings.write({
      name: 'session_timeout_minutes',
      value: 30,
      workspace: 'default',
    });
    await said.secrets.read(SECRET);
    await expect(unsaid.secrets.read(SECRET)).rejects.toMatchObject(stale);
  });
});

describe('a second factor that was begun before there was one', () => {
  it('A17 takes the one that came meanwhile: a passkey', async () => {
    await allowPasskeys(parts);
    await userWithPassword(parts, 'bob');
    const thief = remoteSession(parts, { credential: await signedInAs(parts, 'bob') });
    const begun = await thief.auth.enrollPasskey();
    sso.now += MINUTE;
    await makePasskey(parts, await signedInAs(parts, 'bob'));
    sso.now += MINUTE;
    const made = new SoftwareAuthenticator({ origin: ORIGIN }).create(begun.options);
    const given = { challenge: begun.challenge, credential: made };
    await expect(thief.auth.confirmPasskey(given)).rejects.toMatchObject(stale);
  });

  it('A17 takes the one that came meanwhile: a generator', async () => {
    await allowPasskeys(parts);
    await userWithPassword(parts, 'bob');
    const thief = remoteSession(parts, { credential: await signedInAs(parts, 'bob') });
    const { factor, secret } = await thief.auth.enrollTotp({});
    const key = fromBase32(secret.reveal()) ?? new Uint8Array();
    sso.now += MINUTE;
    const { session } = await makePasskey(parts, await signedInAs(parts, 'bob'));
    const code = totpCode(key, totpStep(sso.now));
    await expect(thief.auth.confirmTotp({ factor, code })).rejects.toMatchObject(stale);
    await as({ session }).auth.confirmTotp({ factor, code });
  });
});
