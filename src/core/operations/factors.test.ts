import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { totpCode, totpStep } from '../../crypto/totp.ts';
import { beginSession, isEnrolling, renewSession } from '../../domain/identities/sessions.ts';
import { fromBase32 } from '../../lib/base32.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import type { PrincipalRow } from '../../store/tables.ts';
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
  putRow,
  storedRows,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import { everyOperation } from '../every-operation.ts';
import { passwordQueue } from '../password-queue.ts';
import type { SecretValue } from '../../secret-value.ts';

let place: TemporaryVault;
let parts: OpenParts;
let now = 0;

const other = 'four grey geese over a pond';
const MINUTE = 60_000;
const UNKNOWN = '01890000-0000-7000-8000-000000000000';

beforeEach(async () => {
  now = Date.parse('2026-03-01T12:00:10Z');
  place = await makeTemporaryVault({ now: () => now });
  parts = await openParts(place, { now: () => now });
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'ok',
    (error: unknown) => String((error as { code?: unknown }).code),
  );

type Remote = ReturnType<typeof remoteSession>;
const as = (credential: SecretValue | null): Remote => remoteSession(parts, { credential });
const isOpen = (credential: SecretValue | null): Promise<string> =>
  codeOf(as(credential).auth.whoAmI());

interface Enrolled {
  readonly session: SecretValue;
  readonly factor: string;
  readonly code: (skew?: number) => string;
  readonly recoveryCodes: readonly SecretValue[];
}

async function enroll(by: SecretValue): Promise<Enrolled> {
  const { factor, secret, uri } = await as(by).auth.enrollTotp({ label: 'phone' });
  expect(uri.reveal()).toContain(`secret=${secret.reveal()}&issuer=Strongroom`);
  const bytes = fromBase32(secret.reveal()) ?? new Uint8Array();
  const code = (skew = 0): string => totpCode(bytes, totpStep(now) + skew);
  const { session, recoveryCodes } = await as(by).auth.confirmTotp({ factor, code: code() });
  now += 30_000;
  if (session === null) throw new TypeError('a session goes on');
  return { session, factor, code, recoveryCodes: recoveryCodes ?? [] };
}

/** What a session must not do that was stolen; inputs that would do for an owner. */
const SENSITIVE: Readonly<Record<string, (by: Remote) => Promise<unknown>>> = {
  'auth.changePassword': (by) => by.auth.changePassword({ current: PASSWORD, password: other }),
  'auth.enrollTotp': (by) => by.auth.enrollTotp(),
  'auth.enrollPasskey': (by) => by.auth.enrollPasskey(),
  'auth.removeFactor': (by) => by.auth.removeFactor({ factor: UNKNOWN }),
  'auth.renewRecoveryCodes': (by) => by.auth.renewRecoveryCodes(),
  'auth.confirmDevice': (by) => by.auth.confirmDevice({ code: 'BBBB-BBBB' }),
  'auth.beginSsoLink': (by) => by.auth.beginSsoLink({ name: 'none-such' }),
  'auth.finishSsoLink': (by) => by.auth.finishSsoLink({ challenge: 'x', state: 'x', code: 'x' }),
  'auth.denyDevice': (by) => by.auth.denyDevice({ code: 'BBBB-BBBB' }),
  'users.invite': (by) => by.users.invite({ name: OWNER }),
  'slots.add': (by) => by.slots.add({ slot: { kind: 'recovery' } }),
  'slots.confirm': (by) => by.slots.confirm({ slot: UNKNOWN, shares: [] }),
  'slots.remove': (by) => by.slots.remove({ slot: UNKNOWN }),
  'keys.beginRoot': (by) => by.keys.beginRoot({}),
  'keys.rotateRoot': (by) => by.keys.rotateRoot({}),
  'backups.create': (by) => by.backups.create({ proof: 'later' }),
  'backups.restoreParts': (by) =>
    by.backups.restoreParts({ environment: 'production', path: 'a', file: '/nowhere' }),
  'workspaces.delete': (by) => by.workspaces.delete({ name: 'none-such' }),
  'tokens.create': (by) => by.tokens.create({}),
};

describe('what takes a proof of just now', () => {
  it('A16 is tried for every operation that says so, and for making tokens', () => {
    const fresh = everyOperation().filter((operation) => operation.fresh === true);
    const tried = Object.keys(SENSITIVE).filter((name) => name !== 'tokens.create');
    expect(fresh.map(({ name }) => name).toSorted()).toEqual(tried.toSorted());
  });

  it('A16 is refused to a session that is older than five minutes, and not after proving more', async () => {
    await userWithPassword(parts, OWNER);
    const session = await signedInAs(parts, OWNER);
    now += 5 * MINUTE + 1;
    for (const [name, go] of Object.entries(SENSITIVE)) {
      expect([name, await codeOf(go(as(session)))]).toEqual([name, 'reauth_required']);
    }
    const renewed = await as(session).auth.reauthenticate({ password: PASSWORD });
    now += 5 * MINUTE;
    for (const [name, go] of Object.entries(SENSITIVE)) {
      if (name.startsWith('auth.change') || name.startsWith('keys.')) continue;
      expect([name, await codeOf(go(as(renewed.session)))]).not.toEqual([name, 'reauth_required']);
    }
  });

  it('A17 is refused to a session whose second factor was not given just now', async () => {
    await userWithPassword(parts, OWNER);
    const before = await signedInAs(parts, OWNER);
    const { session, code } = await enroll(await signedInAs(parts, OWNER));
    for (const [name, go] of Object.entries(SENSITIVE)) {
      expect([name, await codeOf(go(as(before)))]).toEqual([name, 'reauth_required']);
    }
    // Without a code nothing is hashed, and it is no attempt however often it is asked.
    const { begun } = passwordQueue;
    for (let count = 0; count < 7; count += 1) {
      expect(await codeOf(as(before).auth.reauthenticate({ password: PASSWORD }))).toBe(
        'mfa_required',
      );
    }
    expect(passwordQueue.begun).toBe(begun);
    const proven = await as(before).auth.reauthenticate({ password: PASSWORD, code: code() });
    expect(await codeOf(as(proven.session).tokens.create({}))).toBe('ok');
    now += 6 * MINUTE;
    expect(await codeOf(as(session).tokens.create({}))).toBe('reauth_required');
  });

  it('A16 is refused to tokens, whatever their owner may do; they make what goes with them alone', async () => {
    await userWithPassword(parts, OWNER);
    const { token } = await as(await signedInAs(parts, OWNER)).tokens.create({});
    for (const [name, go] of Object.entries(SENSITIVE)) {
      if (name === 'tokens.create') continue;
      expect([name, await codeOf(go(as(token)))]).toEqual([name, 'reauth_required']);
    }
    const { token: child } = await as(token).tokens.create({});
    expect(await isOpen(child)).toBe('ok');
    await as(token).tokens.revoke();
    expect(await isOpen(child)).toBe('unauthenticated');
  });

  it('is none of just now because the clock was set back', async () => {
    await userWithPassword(parts, OWNER);
    const session = await signedInAs(parts, OWNER);
    now -= 6 * MINUTE;
    expect(await codeOf(as(session).tokens.create({}))).toBe('reauth_required');
  });

  it('A68 does not become one of just now again by setting the clock back', async () => {
    let elapsed = 0;
    await parts.vault.close();
    parts = await openParts(place, { now: () => now, rateLimits: { clock: () => elapsed } });
    await userWithPassword(parts, 'bob');
    const bob = as(await signedInAs(parts, 'bob'));
    now += 12 * MINUTE;
    elapsed += 12 * MINUTE;
    expect(await codeOf(bob.tokens.create({}))).toBe('reauth_required');
    now -= 11 * MINUTE;
    expect(await codeOf(bob.tokens.create({}))).toBe('reauth_required');
  });

  it('is not asked for where the vault itself is', async () => {
    now += 60 * MINUTE;
    expect(await codeOf(parts.as(OWNER).tokens.create({}))).toBe('ok');
  });
});

describe('a session', () => {
  it('A13 has another credential after each proof, and those before open nothing', async () => {
    await userWithPassword(parts, 'bob');
    const first = await signedInAs(parts, 'bob');
    const { session: second, code } = await enroll(first);
    const { session: third } = await as(second).auth.reauthenticate({
      password: PASSWORD,
      code: code(),
    });
    expect([await isOpen(first), await isOpen(second), await isOpen(third)]).toEqual([
      'unauthenticated',
      'unauthenticated',
      'ok',
    ]);
    const ids = (await as(third).tokens.list()).filter(({ kind }) => kind === 'session');
    expect(ids).toHaveLength(1);
  });

  it('A63 never lives longer than it was to, however often it is proven anew', async () => {
    await userWithPassword(parts, 'bob');
    const begun = now;
    let session: SecretValue | null = await signedInAs(parts, 'bob');
    const end = begun + 720 * MINUTE;
    for (const before of [360 * MINUTE, 2000, 1001, 1000, 999, 500, 1]) {
      // Rest ends it too: it is used on the way.
      while (now + 50 * MINUTE < end - before) {
        now += 50 * MINUTE;
        expect(await isOpen(session)).toBe('ok');
      }
      now = end - before;
      const next: { session: SecretValue | null } = await as(session).auth.reauthenticate({
        password: PASSWORD,
      });
      session = next.session;
      const [summary] = await as(session).tokens.list();
      const current = (await as(session).auth.whoAmI()).credential;
      expect(Date.parse(current?.expiresAt ?? '')).toBe(end);
      expect(summary).toBeDefined();
    }
    now = end;
    expect(await isOpen(session)).toBe('unauthenticated');
  });

  it('A12 ends under all credentials that it ever had, also if their rows are put back', async () => {
    await userWithPassword(parts, 'bob');
    const had: (SecretValue | null)[] = [await signedInAs(parts, 'bob')];
    const rows: Record<string, unknown>[] = [];
    for (let round = 0; round < 10; round += 1) {
      rows.push(...tamper(place, (db) => storedRows(db, 'tokens')));
      const last = had.at(-1) ?? null;
      had.push((await as(last).auth.reauthenticate({ password: PASSWORD })).session);
    }
    await as(had.at(-1) ?? null).auth.signOut();
    await parts.vault.close();
    tamper(place, (db) => {
      for (const row of rows) putRow(db, 'tokens', row as never);
    });
    parts = await openParts(place, { now: () => now });
    for (const each of had) expect(await isOpen(each)).toBe('unauthenticated');
  });

  it('A65 ends at once when its user is disabled, removed, or signs out everywhere', async () => {
    const ends: Readonly<Record<string, (session: SecretValue) => Promise<unknown>>> = {
      disabled: () => parts.as(OWNER).users.disable({ name: 'disabled' }),
      removed: () => parts.as(OWNER).users.remove({ name: 'removed' }),
      everywhere: (session) => as(session).auth.signOut({ everywhere: true }),
    };
    for (const [name, end] of Object.entries(ends)) {
      await userWithPassword(parts, name);
      const [one, two] = [await signedInAs(parts, name), await signedInAs(parts, name)];
      const { token } = await as(one).tokens.create({});
      expect(await isOpen(token)).toBe('ok');
      await end(one);
      const left = [await isOpen(one), await isOpen(two), await isOpen(token)];
      expect([name, ...left]).toEqual([name, ...left.map(() => 'unauthenticated')]);
    }
  });

  it('A65 ends for others when the password is changed, and goes on for who did', async () => {
    await userWithPassword(parts, 'bob');
    const [one, two] = [await signedInAs(parts, 'bob'), await signedInAs(parts, 'bob')];
    const changed = await as(one).auth.changePassword({ current: PASSWORD, password: other });
    expect([await isOpen(one), await isOpen(two), await isOpen(changed.session)]).toEqual([
      'unauthenticated',
      'unauthenticated',
      'ok',
    ]);
    const signIn = (password: string): Promise<string> =>
      codeOf(remoteSession(parts).auth.signIn({ name: 'bob', password }));
    expect([await signIn(PASSWORD), await signIn(other)]).toEqual(['unauthenticated', 'ok']);
  });
});

describe('a password', () => {
  it('is held against the rules, and a bad choice is no wrong guess', async () => {
    await userWithPassword(parts, 'bob');
    const session = await signedInAs(parts, 'bob');
    for (let count = 0; count < 7; count += 1) {
      const given = { current: PASSWORD, password: 'bob-bob-bob-bob-bob' };
      expect(await codeOf(as(session).auth.changePassword(given))).toBe('too_weak');
    }
    await parts.as(OWNER).settings.write({ name: 'complexity', value: 'strong' });
    const plain = { current: PASSWORD, password: other };
    expect(await codeOf(as(session).auth.changePassword(plain))).toBe('too_weak');
    const strong = { current: PASSWORD, password: 'Four grey geese over 1 pond!' };
    expect(await codeOf(as(session).auth.changePassword(strong))).toBe('ok');
  });

  it('takes the one that there is', async () => {
    await userWithPassword(parts, 'bob');
    const session = await signedInAs(parts, 'bob');
    const given = { current: other, password: 'seven grey geese over a pond' };
    expect(await codeOf(as(session).auth.changePassword(given))).toBe('unauthenticated');
  });

  it('comes by an invite, which counts once, for three days, and until the next', async () => {
    const owner = parts.as(OWNER);
    await owner.users.create({ name: 'bob' });
    const [first, second] = [
      await owner.users.invite({ name: 'bob' }),
      await owner.users.invite({ name: 'bob' }),
    ];
    const accept = (invite: SecretValue): Promise<string> =>
      codeOf(remoteSession(parts).auth.acceptInvite({ invite, password: PASSWORD }));
    expect(await accept(first.invite)).toBe('unauthenticated');
    const row = tamper(place, (db) => storedRows(db, 'tokens')).find(({ id }) => id === second.id);
    expect(await accept(second.invite)).toBe('ok');
    expect(await accept(second.invite)).toBe('unauthenticated');
    tamper(place, (db) => putRow(db, 'tokens', row ?? {}));
    expect(await accept(second.invite)).toBe('unauthenticated');
    const overtaken = await owner.users.invite({ name: 'bob' });
    await as(await signedInAs(parts, 'bob')).auth.enrollTotp();
    expect(await accept(overtaken.invite)).toBe('unauthenticated');
    const third = await owner.users.invite({ name: 'bob' });
    now += 3 * 24 * 60 * MINUTE;
    expect(await accept(third.invite)).toBe('unauthenticated');
    const short = await owner.users.invite({ name: 'bob', ttl: '1h' });
    now += 60 * MINUTE;
    expect(await accept(short.invite)).toBe('unauthenticated');
    for (const ttl of ['4d', '0s', 'a week']) {
      expect(await codeOf(owner.users.invite({ name: 'bob', ttl }))).toBe('invalid_input');
    }
  });

  it('by an invite does not do away with a second factor', async () => {
    await userWithPassword(parts, 'bob');
    await enroll(await signedInAs(parts, 'bob'));
    const { invite } = await parts.as(OWNER).users.invite({ name: 'bob' });
    const accepted = await remoteSession(parts).auth.acceptInvite({ invite, password: other });
    expect(accepted).toMatchObject({ session: null, factors: ['totp', 'recovery'] });
  });

  it('is not invited to by whoever has not all rights that it would give', async () => {
    const owner = parts.as(OWNER);
    await owner.users.create({ name: 'keeper' });
    await owner.roles.assign({ name: 'admin', member: 'user:keeper', wholeVault: true });
    const invited = codeOf(parts.as('keeper').users.invite({ name: OWNER }));
    expect(await invited).toBe('escalation_refused');
  });
});

describe('a second factor', () => {
  it('counts for nothing until it is confirmed', async () => {
    await userWithPassword(parts, 'bob');
    const session = await signedInAs(parts, 'bob');
    const { factor } = await as(session).auth.enrollTotp();
    expect((await as(session).auth.whoAmI()).secondFactors).toEqual([]);
    expect(await codeOf(as(session).auth.confirmTotp({ factor, code: 'none' }))).toBe(
      'unauthenticated',
    );
    expect(await signedInAs(parts, 'bob')).toBeDefined();
  });

  it('is taken away with its recovery codes, and what was given out ends', async () => {
    await userWithPassword(parts, 'bob');
    const { session, factor, code } = await enroll(await signedInAs(parts, 'bob'));
    const elsewhere = await signedInAs(parts, 'bob', { code });
    const removed = await as(session).auth.removeFactor({ factor });
    expect([await isOpen(elsewhere), await isOpen(removed.session)]).toEqual([
      'unauthenticated',
      'ok',
    ]);
    const left = await as(removed.session).auth.listFactors();
    expect(left.map(({ kind }) => kind)).toEqual(['password']);
  });

  it('is taken away for who lost it by whoever has their rights, and by nobody else', async () => {
    await userWithPassword(parts, 'bob');
    const { factor } = await enroll(await signedInAs(parts, 'bob'));
    await parts.as(OWNER).users.create({ name: 'eve' });
    const subject = 'user:bob';
    expect(await codeOf(parts.as('eve').auth.removeFactor({ factor, subject }))).toBe('denied');
    expect(await codeOf(parts.as('eve').auth.listFactors({ subject }))).toBe('denied');
    expect(await codeOf(parts.as('eve').auth.removeFactor({ factor }))).toBe('factor_not_found');
    expect(await codeOf(parts.as(OWNER).auth.removeFactor({ factor, subject }))).toBe('ok');
    expect(await signedInAs(parts, 'bob')).toBeDefined();
  });

  it('has recovery codes that are renewed as a whole', async () => {
    await userWithPassword(parts, 'bob');
    const { session, recoveryCodes } = await enroll(await signedInAs(parts, 'bob'));
    const renewed = await as(session).auth.renewRecoveryCodes();
    const use = async (code: SecretValue | undefined): Promise<string> => {
      const { auth } = remoteSession(parts);
      const { challenge } = await auth.signIn({ name: 'bob', password: PASSWORD });
      return codeOf(auth.useRecoveryCode({ challenge: challenge ?? '', code: code ?? '' }));
    };
    expect(await use(recoveryCodes[0])).toBe('unauthenticated');
    expect(await use(renewed.recoveryCodes[0])).toBe('ok');
    const factors = await as(renewed.session).auth.listFactors();
    expect(factors.find(({ kind }) => kind === 'recovery')).toMatchObject({ left: 9 });
  });

  it('A13 leaves the limits in place that a session has besides', async () => {
    const { id } = await parts.as(OWNER).users.create({ name: 'bob' });
    const limits = canonicalJson({ can: ['read'], conditions: { cidr: ['192.0.2.0/24'] } });
    const rows = await parts.write(async (work) => {
      const principal = { id, generation: 0 } as PrincipalRow;
      const from = { principal, restoreId: '', carrier: 'bearer', client: null } as const;
      const within = { limits, method_id: null, method_generation: 0 };
      const given = { ...from, authenticatedAt: work.now, mfaAt: null, within };
      const times = { maxMs: 60 * MINUTE, idleMs: 60 * MINUTE };
      const begun = await beginSession(work, given, { ...times, mustEnroll: true });
      const proven = { principal, authenticatedAt: work.now, mfaAt: null };
      const again = await renewSession(work, begun.row, proven);
      const free = await renewSession(work, again.row, { ...proven, mfaAt: work.now });
      return [begun, again, free].map(({ row }) => row);
    });
    const enrolling = canonicalJson({ can: [], conditions: { cidr: ['192.0.2.0/24'] } });
    expect(rows.map((row) => [isEnrolling(row), row.limits])).toEqual([
      [true, enrolling],
      [true, enrolling],
      [false, limits],
    ]);
  });

  it('is due before anything else of whoever has a role that asks for it', async () => {
    const owner = parts.as(OWNER);
    await userWithPassword(parts, 'bob');
    await owner.groups.create({ name: 'ops', wholeVault: true });
    await owner.groups.add({ name: 'ops', member: 'user:bob', wholeVault: true });
    await owner.roles.assign({ name: 'admin', member: 'group:ops', wholeVault: true });
    await owner.settings.write({ name: 'mfa_roles', value: ['admin', 'owner'] });
    const { auth } = remoteSession(parts);
    const signedIn = await auth.signIn({ name: 'bob', password: PASSWORD });
    expect(signedIn).toMatchObject({ mustEnroll: true });
    const bob = as(signedIn.session);
    expect(await codeOf(bob.users.list())).toBe('mfa_required');
    expect(await codeOf(bob.backups.create({ proof: 'later' }))).toBe('mfa_required');
    const { token } = await bob.tokens.create({});
    expect(await codeOf(as(token).users.list())).toBe('denied');
    if (signedIn.session === null) throw new TypeError('a session was given');
    const { session } = await enroll(signedIn.session);
    expect(await codeOf(as(session).users.list())).toBe('ok');
    expect(await as(session).auth.whoAmI()).toMatchObject({ mustEnroll: false });
  });

  it('is due from the next call on of a session that was there before the role asked for it', async () => {
    const owner = parts.as(OWNER);
    await userWithPassword(parts, 'bob');
    await owner.roles.assign({ name: 'admin', member: 'user:bob', wholeVault: true });
    const { session: early } = await remoteSession(parts).auth.signIn({
      name: 'bob',
      password: PASSWORD,
    });
    if (early === null) throw new TypeError('a session was given');
    const bob = as(early);
    expect(await codeOf(bob.users.list())).toBe('ok');
    await owner.settings.write({ name: 'mfa_roles', value: ['admin'] });
    expect(await codeOf(bob.users.list())).toBe('mfa_required');
    expect(await codeOf(bob.backups.create({ proof: 'later' }))).toBe('mfa_required');
    expect(await bob.auth.whoAmI()).toMatchObject({ mustEnroll: true });
    // A credential that it gives out has no more rights than it has.
    const { token } = await bob.tokens.create({});
    expect(await codeOf(as(token).users.list())).toBe('denied');
    const { session } = await enroll(early);
    expect(await codeOf(as(session).users.list())).toBe('ok');
    // Whoever has no such role goes on as before.
    await userWithPassword(parts, 'carol');
    const carol = await remoteSession(parts).auth.signIn({ name: 'carol', password: PASSWORD });
    expect(carol.mustEnroll).toBe(false);
    expect(await as(carol.session).auth.whoAmI()).toMatchObject({ mustEnroll: false });
  });
});
