import { beforeEach, describe, expect, it } from 'vitest';

import { Credentials } from './credentials.ts';

const HOUR = 3_600_000;

let now = 0;
let asked = 0;
let fails = false;

beforeEach(() => {
  [now, asked, fails] = [0, 0, false];
});

/** Credentials that are good for an hour each, as long as signing in does not fail. */
const credentials = (): Credentials =>
  new Credentials({
    now: () => now,
    signIn: () => {
      asked += 1;
      if (fails) throw new Error('the issuer is down');
      const expiresAt = new Date(now + HOUR).toISOString();
      return Promise.resolve({ token: `token ${asked}`, expiresAt });
    },
  });

describe('a renewal that fails', () => {
  it('leaves the credential that is still good, and is tried again before it ends', async () => {
    const held = credentials();
    expect(await held.token()).toBe('token 1');
    [now, fails] = [0.8 * HOUR, true];
    expect(await Promise.all([held.token(), held.token()])).toEqual(['token 1', 'token 1']);
    expect(asked).toBe(2);
    now = 0.85 * HOUR;
    expect([await held.token(), asked]).toEqual(['token 1', 2]);
    [now, fails] = [0.91 * HOUR, false];
    expect([await held.token(), asked]).toEqual(['token 3', 3]);
    now = 1.5 * HOUR;
    expect([await held.token(), asked]).toEqual(['token 3', 3]);
  });

  it('is told once the credential is over, and every time until one succeeds', async () => {
    const held = credentials();
    await held.token();
    [now, fails] = [HOUR, true];
    await expect(held.token()).rejects.toThrow('the issuer is down');
    await expect(held.token()).rejects.toThrow('the issuer is down');
    fails = false;
    expect(await held.token()).toBe('token 4');
  });

  it('does not bring back a credential that was refused', async () => {
    const held = credentials();
    const token = await held.token();
    fails = true;
    expect(held.renew(token)).toBe(true);
    await expect(held.token()).rejects.toThrow('the issuer is down');
  });

  it('is told at the first sign-in', async () => {
    fails = true;
    const held = credentials();
    await expect(held.token()).rejects.toThrow('the issuer is down');
    fails = false;
    expect(await held.token()).toBe('token 2');
  });
});
