import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { totpCode, totpStep } from '../../crypto/totp.ts';
import { fromBase32 } from '../../lib/base32.ts';
import type { SecretValue } from '../../secret-value.ts';
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
import type { DeviceBegun } from './device.ts';

const MINUTE = 60_000;

let place: TemporaryVault;
let parts: OpenParts;
let now = 0;
let bob: SecretValue;

beforeEach(async () => {
  now = Date.parse('2026-03-01T12:00:00Z');
  place = await makeTemporaryVault({ now: () => now });
  parts = await openParts(place, { now: () => now });
  await userWithPassword(parts, 'bob');
  bob = await signedInAs(parts, 'bob');
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

const authOf = (credential: SecretValue | null, ip = '192.0.2.1') =>
  remoteSession(parts, { credential, ip }).auth;
const anyone = (ip = '198.51.100.7') => authOf(null, ip);
const begin = (): Promise<DeviceBegun> => anyone().beginDevice();
const pick = ({ device }: DeviceBegun): Pick<DeviceBegun, 'device'> => ({ device });
const rowsOf = (kind: string) =>
  tamper(place, (db) => storedRows(db, 'tokens')).filter((row) => row['kind'] === kind);

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'ok',
    (error: unknown) => String((error as { code?: unknown }).code),
  );
}

describe('a device without a browser', () => {
  it('gets a session of whoever confirms its code, once', async () => {
    const { device, userCode, expiresIn, interval, id } = await begin();
    expect(userCode.reveal()).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
    expect({ expiresIn, interval }).toEqual({ expiresIn: 600, interval: 5 });
    expect(await codeOf(anyone().finishDevice({ device }))).toBe('authorization_pending');
    const seen = await authOf(bob).lookAtDevice({ code: userCode });
    expect(seen).toEqual({
      id,
      ip: '198.51.100.7',
      userAgent: 'a test',
      begunAt: '2026-03-01T12:00:00.000Z',
      expiresAt: '2026-03-01T12:10:00.000Z',
      subject: 'user:bob',
      can: null,
      mfa: false,
    });
    const typed = userCode.reveal().replace('-', ' ').toLowerCase();
    expect(await authOf(bob).confirmDevice({ code: typed })).toEqual(seen);
    const signedIn = await anyone().finishDevice({ device });
    expect(signedIn).toMatchObject({ carrier: 'bearer', challenge: null, mustEnroll: false });
    const who = await authOf(signedIn.session).whoAmI();
    expect(who).toMatchObject({ name: 'bob', credential: { id: signedIn.id, mfa: false } });
    expect(await codeOf(anyone().finishDevice({ device }))).toBe('unauthenticated');
    expect(rowsOf('device')).toEqual([]);
  });

  it('A25 can do nothing with its session that takes a proof of just now', async () => {
    const { device, userCode } = await begin();
    await authOf(bob).confirmDevice({ code: userCode });
    const { session } = await anyone().finishDevice({ device });
    const { tokens, auth } = remoteSession(parts, { credential: session });
    expect(await codeOf(tokens.create({ ttl: '1h' }))).toBe('reauth_required');
    expect(await codeOf(auth.enrollTotp({}))).toBe('reauth_required');
    const { userCode: another } = await begin();
    expect(await codeOf(auth.confirmDevice({ code: another }))).toBe('reauth_required');
  });

  it('A14 gives one session to fifty who ask at once, and none to who asks again', async () => {
    const { device, userCode } = await begin();
    await authOf(bob).confirmDevice({ code: userCode });
    const before = rowsOf('session').length;
    const codes = await Promise.all(
      Array.from({ length: 50 }, () => codeOf(anyone().finishDevice({ device }))),
    );
    expect(codes.filter((code) => code === 'ok')).toHaveLength(1);
    expect(new Set(codes)).toEqual(new Set(['ok', 'unauthenticated']));
    expect(rowsOf('session')).toHaveLength(before + 1);
  });

  it('is told that it was turned away, and that nobody came in time', async () => {
    const [turned, late] = [await begin(), await begin()];
    await authOf(bob).denyDevice({ code: turned.userCode });
    expect(await codeOf(anyone().finishDevice(turned))).toBe('invalid_input');
    expect(await codeOf(anyone().finishDevice({ device: turned.device }))).toBe('access_denied');
    expect(await codeOf(authOf(bob).confirmDevice({ code: turned.userCode }))).toBe(
      'token_not_found',
    );
    now += 10 * MINUTE;
    expect(await codeOf(anyone().finishDevice({ device: late.device }))).toBe('expired_token');
    bob = await signedInAs(parts, 'bob');
    expect(await codeOf(authOf(bob).confirmDevice({ code: late.userCode }))).toBe(
      'token_not_found',
    );
  });

  it('is told to slow down, and is not kept from its session by that', async () => {
    const { device, userCode } = await begin();
    const ask = (): Promise<string> => codeOf(anyone().finishDevice({ device }));
    expect([await ask(), await ask(), await ask()]).toEqual([
      'authorization_pending',
      'slow_down',
      'slow_down',
    ]);
    now += 5000;
    expect(await ask()).toBe('authorization_pending');
    await authOf(bob).confirmDevice({ code: userCode });
    expect(await ask()).toBe('ok');
  });

  it('gets nothing once whoever confirmed it is disabled or signed out everywhere', async () => {
    for (const end of [
      () => authOf(bob).signOut({ everywhere: true }),
      () => parts.as(OWNER).users.disable({ name: 'bob' }),
    ]) {
      bob = await signedInAs(parts, 'bob');
      const { device, userCode } = await begin();
      await authOf(bob).confirmDevice({ code: userCode });
      await end();
      expect(await codeOf(anyone().finishDevice({ device }))).toBe('unauthenticated');
    }
  });

  it('opens nothing itself, and no other credential does in its place', async () => {
    const { device, userCode } = await begin();
    expect(await codeOf(authOf(device).whoAmI())).toBe('unauthenticated');
    expect(await codeOf(anyone().finishDevice({ device: bob }))).toBe('unauthenticated');
    expect(await codeOf(anyone().finishDevice({ device: userCode }))).toBe('unauthenticated');
  });

  it('gets nothing from a row that was altered to be confirmed', async () => {
    const { device } = await begin();
    const [row = {}] = rowsOf('device');
    const [{ principal_id: bobs = null } = {}] = rowsOf('session');
    const state = '{"decision":"confirmed"}';
    tamper(place, (db) => putRow(db, 'tokens', { ...row, principal_id: bobs, state }));
    expect(await codeOf(anyone().finishDevice({ device }))).toBe('integrity_error');
  });
});

describe('whoever confirms a device', () => {
  it('has signed in just now, in a session of their own', async () => {
    const { userCode: code } = await begin();
    expect(await codeOf(anyone().confirmDevice({ code }))).toBe('unauthenticated');
    expect(await codeOf(anyone().lookAtDevice({ code }))).toBe('unauthenticated');
    const { token } = await authTokens();
    for (const ask of ['lookAtDevice', 'confirmDevice', 'denyDevice'] as const) {
      expect(await codeOf(authOf(token)[ask]({ code }))).toBe('reauth_required');
      expect(await codeOf(parts.as(OWNER).auth[ask]({ code }))).toBe('reauth_required');
    }
    now += 6 * MINUTE;
    expect(await codeOf(authOf(bob).confirmDevice({ code }))).toBe('reauth_required');
    expect(await codeOf(authOf(bob).denyDevice({ code }))).toBe('reauth_required');
    expect(await codeOf(authOf(bob).lookAtDevice({ code }))).toBe('ok');
    const { session } = await authOf(bob).reauthenticate({ password: PASSWORD });
    expect(await codeOf(authOf(session).confirmDevice({ code }))).toBe('ok');
  });

  it('gives it the second factor that they gave, and no more', async () => {
    const { factor, secret } = await authOf(bob).enrollTotp({});
    const bytes = fromBase32(secret.reveal()) ?? new Uint8Array();
    const confirmed = await authOf(bob).confirmTotp({
      factor,
      code: totpCode(bytes, totpStep(now)),
    });
    const { device, userCode } = await begin();
    expect(await authOf(confirmed.session).confirmDevice({ code: userCode })).toMatchObject({
      mfa: true,
    });
    now += MINUTE;
    const { session } = await anyone().finishDevice({ device });
    expect(await authOf(session).whoAmI()).toMatchObject({ credential: { mfa: true } });
    const [row] = rowsOf('session')
      .filter(({ id }) => id !== undefined)
      .slice(-1);
    // The proof is as old as it is, however late the session was asked for.
    expect(Number(row?.['mfa_at'])).toBe(now - MINUTE);
  });

  it('cannot with a session that is only for setting up a second factor', async () => {
    const owner = parts.as(OWNER);
    await owner.settings.write({ name: 'mfa_roles', value: ['reader'] });
    await owner.roles.assign({ name: 'reader', member: 'user:bob' });
    bob = await signedInAs(parts, 'bob');
    const { userCode: code } = await begin();
    expect(await codeOf(authOf(bob).confirmDevice({ code }))).toBe('mfa_required');
  });

  it('A10 guesses at most a hundred codes an hour, and waits after five', async () => {
    const { userCode } = await begin();
    const codes: string[] = [];
    for (let tried = 0; tried < 7; tried += 1) {
      codes.push(await codeOf(authOf(bob).lookAtDevice({ code: 'BBBB-BBBB' })));
    }
    expect(codes).toEqual([
      ...Array<string>(5).fill('token_not_found'),
      'rate_limited',
      'rate_limited',
    ]);
    // While waiting the right one is not looked at either.
    expect(await codeOf(authOf(bob).confirmDevice({ code: userCode }))).toBe('rate_limited');
    const [again] = [await signedInAs(parts, 'bob')];
    expect(await codeOf(authOf(again, '203.0.113.9').confirmDevice({ code: userCode }))).toBe('ok');
    let looked = 5;
    for (let at = 0; at < 120; at += 1) {
      const ip = `203.0.113.${at + 20}`;
      const code = await codeOf(authOf(again, ip).lookAtDevice({ code: 'BBBB-BBBB' }));
      if (code === 'token_not_found') looked += 1;
    }
    expect(looked).toBeLessThanOrEqual(100);
  });

  it('A9 does not get past the count by asking for many at once', async () => {
    const codes = await Promise.all(
      Array.from({ length: 40 }, () => codeOf(authOf(bob).lookAtDevice({ code: 'BBBB-BBBB' }))),
    );
    expect(codes.filter((code) => code === 'token_not_found').length).toBeLessThanOrEqual(6);
  });

  async function authTokens() {
    return remoteSession(parts, { credential: bob }).tokens.create({ ttl: '1h' });
  }
});

describe('A56 devices that wait', () => {
  it('are at most ten of one address, and leave no rows behind', async () => {
    const mine = '2001:db8:1:1::7';
    for (let at = 0; at < 10; at += 1) await anyone(`2001:db8:1:1::${at}`).beginDevice();
    const first = await anyone('2001:db8:1:2::1').beginDevice();
    // Nobody is kept out: the first of the same network goes.
    const ids = rowsOf('device').map(({ id }) => id);
    expect(await codeOf(anyone(mine).beginDevice())).toBe('ok');
    expect(rowsOf('device')).toHaveLength(11);
    expect(rowsOf('device').filter(({ id }) => ids.includes(id))).toHaveLength(10);
    expect(await codeOf(anyone().finishDevice(pick(first)))).toBe('authorization_pending');
    now += 20 * MINUTE;
    expect(await codeOf(anyone(mine).beginDevice())).toBe('ok');
    expect(rowsOf('device')).toHaveLength(1);
  });
});

it('A68 a code that is over stays over when the clock is set back', async () => {
  let elapsed = 0;
  await parts.vault.close();
  parts = await openParts(place, { now: () => now, rateLimits: { clock: () => elapsed } });
  const [one, other] = [await begin(), await begin()];
  await authOf(bob).confirmDevice({ code: other.userCode });
  now += 11 * MINUTE;
  elapsed += 11 * MINUTE;
  expect(await codeOf(anyone().finishDevice(pick(one)))).toBe('expired_token');
  now -= 10 * MINUTE;
  expect(await codeOf(anyone().finishDevice(pick(one)))).toBe('expired_token');
  expect(await codeOf(anyone().finishDevice(pick(other)))).toBe('expired_token');
  // What goes on record says when by the clock as it is.
  const [entry] = (await parts.as(OWNER).audit.query({ limit: 1 })).entries;
  expect(entry).toMatchObject({ action: 'auth.finishDevice', time: new Date(now).toISOString() });
});

it('A25 no code and no credential of a device is on record', async () => {
  const { device, userCode } = await begin();
  await codeOf(authOf(bob).lookAtDevice({ code: 'BBBB-BBBB' }));
  await authOf(bob).confirmDevice({ code: userCode });
  await anyone().finishDevice({ device });
  const { entries } = await parts.as(OWNER).audit.query({ limit: 100 });
  const text = JSON.stringify(entries);
  for (const secret of [userCode.reveal(), userCode.reveal().replace('-', ''), 'BBBB', 'sr_']) {
    expect(text).not.toContain(secret);
  }
  expect(entries.map(({ action }) => action)).toEqual(
    expect.arrayContaining([
      'auth.beginDevice',
      'auth.confirmDevice',
      'auth.finishDevice',
      'auth.deviceUsed',
    ]),
  );
  await parts.as(OWNER).audit.verify();
});
