import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { totpCode, totpStep } from '../../crypto/totp.ts';
import { fromBase32 } from '../../lib/base32.ts';
import {
  PASSWORD,
  remoteSession,
  signedInAs,
  userWithPassword,
} from '../../testing/remote-session.ts';
import { CLIENT } from '../../testing/sign-in-provider.ts';
import { OWNER, storedRows, tamper } from '../../testing/temporary-vault.ts';
import { BOB, GROUPS, NAME, SECRET, startSso, type SsoVault } from '../../testing/sso-vault.ts';

const name = NAME;
const refused = { code: 'unauthenticated' };

let sso: SsoVault;
let { place, parts, owner, provider, make, inGroup, begin, finish, signIn, linked, as } =
  {} as SsoVault;

beforeEach(async () => {
  sso = await startSso();
  ({ place, parts, owner, provider, make, inGroup, begin, finish, signIn, linked, as } = sso);
});
afterEach(() => sso.close());

describe('A33 who somebody is', () => {
  it('is never told by a name or a mail address', async () => {
    await userWithPassword(parts, 'carol');
    await make();
    const claims = { sub: 'x', preferred_username: 'carol', email: 'carol', email_verified: true };
    await expect(signIn(claims)).rejects.toMatchObject(refused);
    await owner.sso.update({ name, nameClaim: 'email' });
    await expect(signIn(claims)).rejects.toMatchObject(refused);
    const other = { ...claims, email: 'dora@corp.example', email_verified: false };
    await expect(signIn(other)).rejects.toMatchObject(refused);
    const who = await as(await signIn({ ...other, email_verified: true })).auth.whoAmI();
    expect(who.name).toBe('dora@corp.example');
  });

  it('A32 is no name that means more elsewhere', async () => {
    await make();
    for (const preferred_username of [
      'root',
      'Root',
      'ROOT ',
      'ｒｏｏｔ',
      'system',
      'sys',
      '',
      7,
    ]) {
      await expect(signIn({ preferred_username })).rejects.toMatchObject(refused);
    }
  });

  it('is nobody of before: a user who was removed comes back as a new one', async () => {
    await inGroup();
    await make();
    const before = await as(await signIn()).auth.whoAmI();
    await owner.groups.add({ name: 'ops', wholeVault: true, member: 'user:bob' });
    await owner.users.remove({ name: 'bob' });
    const again = as(await signIn());
    expect((await again.auth.whoAmI()).id).not.toBe(before.id);
    await expect(again.secrets.read(SECRET)).rejects.toMatchObject({ code: 'denied' });
  });

  it('is the same account at one provider only', async () => {
    await make();
    const first = await as(await signIn()).auth.whoAmI();
    await make({ name: 'other' });
    const { challenge, address } = await begin({ name: 'other' });
    const back = provider.visit(address, { preferred_username: 'bob2' });
    const second = await as(await finish({ challenge, ...back })).auth.whoAmI();
    expect(second.id).not.toBe(first.id);
  });

  it('is what a factor says that is there: a row that is put back opens nothing', async () => {
    await make();
    await signIn();
    const rows = tamper(place, (db) => storedRows(db, 'factors'));
    const [factor] = await owner.auth.listFactors({ subject: 'user:bob' });
    await owner.auth.removeFactor({ subject: 'user:bob', factor: factor?.id ?? '' });
    tamper(place, (db) => {
      for (const row of rows) {
        const columns = Object.keys(row);
        db.prepare(
          `INSERT INTO factors (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
        ).run(...Object.values(row));
      }
    });
    await expect(signIn()).rejects.toMatchObject({ code: 'integrity_error' });
  });
});

describe('groups that a provider says', () => {
  it('A33 are joined and left at each sign-in, and those that a person gave stay', async () => {
    await inGroup();
    await owner.groups.create({ name: 'readers', wholeVault: true });
    await make({ groups: GROUPS });
    const inside = as(await signIn({ ...BOB, groups: ['Ops Team', 'more', 7] }));
    await inside.secrets.read(SECRET);
    await owner.groups.add({ name: 'readers', wholeVault: true, member: 'user:bob' });
    const outside = as(await signIn({ ...BOB, groups: ['ops team', 'Ops'] }));
    await expect(outside.secrets.read(SECRET)).rejects.toMatchObject({ code: 'denied' });
    await expect(inside.secrets.read(SECRET)).rejects.toMatchObject({ code: 'denied' });
    const { members } = await owner.groups.describe({ name: 'readers', wholeVault: true });
    expect(members).toEqual([{ subject: 'user:bob', workspace: null }]);
    const actions = ['auth.ssoJoined', 'auth.ssoLeft'];
    for (const action of actions) {
      const [entry] = (await owner.audit.query({ action })).entries;
      expect(entry).toMatchObject({ detail: 'group:ops' });
    }
  });

  it('are none of those that a person put them into', async () => {
    await inGroup();
    await make({ groups: GROUPS });
    await signIn(BOB);
    await owner.groups.add({ name: 'ops', wholeVault: true, member: 'user:bob' });
    await signIn({ ...BOB, groups: ['Ops Team'] });
    await as(await signIn(BOB)).secrets.read(SECRET);
  });

  it('are left when the way is disabled, or maps them no more', async () => {
    await inGroup();
    await userWithPassword(parts, 'carol');
    await make({ groups: GROUPS });
    await linked('carol', { sub: 'sub-of-carol' });
    await signIn({ sub: 'sub-of-carol', groups: 'Ops Team' });
    const carol = as({ session: await signedInAs(parts, 'carol') });
    await carol.secrets.read(SECRET);
    await owner.sso.update({ name, groups: [] });
    await expect(carol.secrets.read(SECRET)).rejects.toMatchObject({ code: 'denied' });
    await owner.sso.update({ name, groups: GROUPS });
    await signIn({ sub: 'sub-of-carol', groups: ['Ops Team'] });
    await carol.secrets.read(SECRET);
    await owner.methods.disable({ kind: 'oidc', name });
    await expect(carol.secrets.read(SECRET)).rejects.toMatchObject({ code: 'denied' });
  });

  it('A32 are groups that are there, by their plain names', async () => {
    for (const group of ['root', 'Root', 'ROOT ', 'ｒｏｏｔ', 'system']) {
      await expect(make({ groups: [{ value: 'a', group }] })).rejects.toMatchObject({
        code: 'reserved_name',
      });
    }
    for (const group of ['owner', 'none']) {
      await expect(make({ groups: [{ value: 'a', group }] })).rejects.toMatchObject({
        code: 'subject_not_found',
      });
    }
  });

  it('are none with rights that whoever makes the way does not have', async () => {
    await inGroup();
    await owner.users.create({ name: 'keeper' });
    await owner.access.grant({
      subject: 'user:keeper',
      can: ['admin', 'read'],
      pattern: 'sys/access',
    });
    await owner.groups.create({ name: 'powerless', wholeVault: true });
    const keeper = parts.as('keeper');
    const given = { name, issuer: provider.issuer, clientId: CLIENT.id };
    await expect(keeper.sso.create({ ...given, groups: GROUPS })).rejects.toMatchObject({
      code: 'escalation_refused',
    });
    await keeper.sso.create({ ...given, groups: [{ value: 'a', group: 'powerless' }] });
    await expect(keeper.sso.update({ name, groups: GROUPS })).rejects.toMatchObject({
      code: 'escalation_refused',
    });
    await owner.sso.update({ name, groups: GROUPS });
    await keeper.methods.disable({ kind: 'oidc', name });
    await expect(keeper.methods.enable({ kind: 'oidc', name })).rejects.toMatchObject({
      code: 'escalation_refused',
    });
  });

  it('are not weakened for whoever has more rights than whoever changes the way', async () => {
    await owner.users.create({ name: 'keeper' });
    await owner.access.grant({
      subject: 'user:keeper',
      can: ['admin', 'read'],
      pattern: 'sys/access',
    });
    await userWithPassword(parts, OWNER);
    await make();
    await linked(OWNER, { sub: 'sub-of-ada' });
    await expect(parts.as('keeper').sso.update({ name, mfaAmr: ['pwd'] })).rejects.toMatchObject({
      code: 'escalation_refused',
    });
  });
});

describe('linking an account', () => {
  it('takes a user who is signed in just now, and their account signs them in then', async () => {
    await userWithPassword(parts, 'carol');
    await make({ createsUsers: false });
    const session = await signedInAs(parts, 'carol');
    const { auth } = remoteSession(parts, { credential: session });
    sso.now += 6 * 60_000;
    await expect(auth.beginSsoLink({ name, port: 45_678 })).rejects.toMatchObject({
      code: 'reauth_required',
    });
    sso.now -= 6 * 60_000;
    expect(await linked('carol', { sub: 'sub-of-carol' })).toMatchObject({ name });
    const who = await as(await signIn({ sub: 'sub-of-carol' })).auth.whoAmI();
    expect(who.name).toBe('carol');
    await expect(linked('carol', { sub: 'another' })).rejects.toMatchObject({
      code: 'invalid_input',
    });
    await userWithPassword(parts, 'eve');
    await expect(linked('eve', { sub: 'sub-of-carol' })).rejects.toMatchObject({
      code: 'invalid_input',
    });
  });

  it('A10 is refused while wrong guesses at the user are waited for', async () => {
    await userWithPassword(parts, 'carol');
    await make();
    const session = await signedInAs(parts, 'carol');
    const { auth } = remoteSession(parts, { credential: session });
    const begun = await auth.beginSsoLink({ name, port: 45_678 });
    for (let i = 0; i < 7; i += 1) {
      const guess = { name: 'carol', password: 'eight quiet herons by the weir' };
      await expect(remoteSession(parts).auth.signIn(guess)).rejects.toMatchObject(refused);
    }
    await expect(auth.beginSsoLink({ name, port: 45_678 })).rejects.toMatchObject(refused);
    const back = provider.visit(begun.address, { sub: 'sub-of-carol' });
    await expect(auth.finishSsoLink({ challenge: begun.challenge, ...back })).rejects.toMatchObject(
      refused,
    );
  });

  it('is done by an invite too, once', async () => {
    await owner.users.create({ name: 'dave' });
    await make({ createsUsers: false });
    const { invite } = await owner.users.invite({ name: 'dave' });
    const claims = { sub: 'sub-of-dave', preferred_username: 'whoever' };
    const signedIn = await signIn(claims, { invite });
    expect((await as(signedIn).auth.whoAmI()).name).toBe('dave');
    await expect(signIn({ sub: 'another' }, { invite })).rejects.toMatchObject(refused);
    expect((await as(await signIn(claims)).auth.whoAmI()).name).toBe('dave');
    await expect(
      remoteSession(parts).auth.acceptInvite({ invite, password: PASSWORD }),
    ).rejects.toMatchObject(refused);
  });
});

describe('a second factor', () => {
  async function withTotp(): Promise<() => string> {
    const session = as(await signIn());
    const { factor, secret } = await session.auth.enrollTotp({});
    const key = fromBase32(secret.reveal()) ?? new Uint8Array();
    const code = (): string => totpCode(key, totpStep(sso.now));
    await session.auth.confirmTotp({ factor, code: code() });
    sso.now += 60_000;
    return code;
  }

  it('is asked for after a provider as after a password, and the session is of the way', async () => {
    await make();
    const code = await withTotp();
    const first = await signIn({ ...BOB, amr: ['mfa', 'otp'] });
    expect(first).toMatchObject({ session: null, factors: ['totp', 'recovery'] });
    const second = await remoteSession(parts).auth.verifyTotp({
      challenge: first.challenge ?? '',
      code: code(),
    });
    const session = as(second);
    expect(await session.auth.whoAmI()).toMatchObject({ credential: { mfa: true } });
    await owner.methods.disable({ kind: 'oidc', name });
    await expect(session.auth.whoAmI()).rejects.toMatchObject(refused);
  });

  it('of the provider counts if the way says so and the token proves it', async () => {
    await make({ mfaAmr: ['otp'], mfaAcr: ['urn:gold'] });
    await withTotp();
    expect((await signIn({ ...BOB, amr: ['pwd', 'otp'] })).session).not.toBeNull();
    expect((await signIn({ ...BOB, acr: 'urn:gold' })).session).not.toBeNull();
    expect((await signIn({ ...BOB, acr: 'urn:silver', amr: ['pwd'] })).session).toBeNull();
    const { address } = await begin();
    expect(new URL(address).searchParams.get('acr_values')).toBe('urn:gold');
  });

  it('that a role forces has to be set up, unless the provider proved one', async () => {
    await inGroup();
    await owner.roles.create({ name: 'strict', wholeVault: true });
    await owner.roles.assign({ name: 'strict', wholeVault: true, member: 'group:ops' });
    await owner.settings.write({ name: 'mfa_roles', value: ['strict'] });
    await make({ groups: GROUPS, mfaAmr: ['otp'] });
    const claims = { ...BOB, groups: ['Ops Team'] };
    const held = await signIn(claims);
    expect(held.mustEnroll).toBe(true);
    await expect(as(held).secrets.read(SECRET)).rejects.toMatchObject({ code: 'mfa_required' });
    const free = await signIn({ ...claims, amr: ['otp'] });
    expect(free.mustEnroll).toBe(false);
    await as(free).secrets.read(SECRET);
  });
});
