import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { BOB, GROUPS, NAME, startSso, type SsoVault } from '../../testing/sso-vault.ts';
import type { UpdateSsoInput } from './sso-methods.ts';

const refused = { code: 'unauthenticated' };
const OTHERS = { value: 'Others', group: 'ops' } as const;

/** What a way to sign in is made with, so that each of its rules can become narrower. */
const MADE = {
  algorithms: ['RS256', 'ES256'],
  mfaAmr: ['otp', 'hwk'],
  mfaAcr: ['gold', 'silver'],
  groups: GROUPS,
  sessionTtl: '4h',
} as const;

let sso: SsoVault;

beforeEach(async () => {
  sso = await startSso();
  await sso.inGroup();
});
afterEach(() => sso.close());

/** Whether a session goes on that was given before the way was set up anew. */
async function goesOnAfter(made: object, change: Omit<UpdateSsoInput, 'name'>): Promise<boolean> {
  await sso.make(made);
  const bob = sso.as(await sso.signIn({ ...BOB, groups: ['Ops Team'] }));
  await bob.auth.whoAmI();
  await sso.owner.sso.update({ name: NAME, ...change });
  try {
    await bob.auth.whoAmI();
    return true;
  } catch (error) {
    expect(error).toMatchObject(refused);
    return false;
  }
}

describe('a way to sign in by a provider that becomes narrower', () => {
  const narrower: readonly (readonly [string, Omit<UpdateSsoInput, 'name'>])[] = [
    ['an algorithm is taken no more', { algorithms: ['RS256'] }],
    ['one algorithm takes the place of another', { algorithms: ['RS256', 'PS256'] }],
    ['another claim says the groups', { groupClaim: 'roles' }],
    ['a value stands for no group any more', { groups: [] }],
    ['another value stands for the group', { groups: [OTHERS] }],
    ['a method counts no more as a second factor', { mfaAmr: ['hwk'] }],
    ['a class counts no more as a second factor', { mfaAcr: ['gold'] }],
    ['a session lives shorter', { sessionTtl: '3h' }],
  ];
  it.each(narrower)('ends the sessions that it gave: %s', async (_what, change) => {
    expect(await goesOnAfter(MADE, change)).toBe(false);
  });

  it('ends them too where a session had no bound of its own before', async () => {
    const { sessionTtl: _, ...made } = MADE;
    expect(await goesOnAfter(made, { sessionTtl: '4h' })).toBe(false);
  });
});

describe('a way to sign in by a provider that becomes wider, or is as it was', () => {
  const wider: readonly (readonly [string, Omit<UpdateSsoInput, 'name'>])[] = [
    ['an algorithm more', { algorithms: ['PS256', 'ES256', 'RS256'] }],
    ['a value more that stands for a group', { groups: [OTHERS, ...GROUPS] }],
    ['a method more that counts as a second factor', { mfaAmr: ['hwk', 'otp', 'mfa'] }],
    ['a class more that counts as one', { mfaAcr: ['gold', 'silver', 'bronze'] }],
    ['a session lives longer', { sessionTtl: '5h' }],
    ['the very same', { ...MADE, groupClaim: 'groups' }],
    ['what says nothing of who is let in', { scopes: ['email'], nameClaim: 'nickname' }],
  ];
  it.each(wider)('keeps the sessions that it gave: %s', async (_what, change) => {
    expect(await goesOnAfter(MADE, change)).toBe(true);
  });
});
