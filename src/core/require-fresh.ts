import { FactorSet } from '../domain/identities/factor-set.ts';
import { StrongroomError } from '../errors.ts';
import type { Call } from './operation.ts';

/** How long a proof counts for what a stolen session must not do, in milliseconds. */
export const FRESH_MS: number = 5 * 60_000;

/** What is looked at of a call. */
export type FreshCall = Pick<
  Call,
  'credential' | 'principal' | 'standing' | 'transaction' | 'mac' | 'now'
>;

/**
 * Makes sure that whoever calls has proven who they are just now, with a second
 * factor if they have one. A token cannot: it is nobody's presence. Where the
 * vault itself is, without a credential, it is not asked for.
 *
 * @throws {@link StrongroomError} `reauth_required`, `integrity_error`.
 */
export async function requireFresh(call: FreshCall): Promise<void> {
  const { credential, now } = call;
  if (credential === undefined) return;
  const principal = call.standing.principal(call.principal.id);
  if (credential.kind !== 'session' || principal?.kind !== 'user') throw reauthRequired();
  if (!isFresh(credential.authenticated_at, now)) throw reauthRequired();
  const { second } = await FactorSet.of(call, principal);
  if (second.length > 0 && !isFresh(credential.mfa_at, now)) throw reauthRequired();
}

/**
 * As {@link requireFresh}, of people alone: for what makes others' credentials,
 * which machines that set up machines do too, and a stolen session must not.
 *
 * @throws {@link StrongroomError} `reauth_required`, `integrity_error`.
 */
export async function requireFreshPerson(call: FreshCall): Promise<void> {
  if (call.credential?.kind === 'session' && call.principal.kind === 'user')
    await requireFresh(call);
}

/** Nothing but a recent proof of somebody themselves will do. */
export function reauthRequired(): StrongroomError {
  return new StrongroomError('reauth_required', 'this takes a sign-in of the last five minutes', {
    details: { minutes: FRESH_MS / 60_000 },
    hint: 'sign in again with `strongroom login`, or reauthenticate; a token cannot do this',
  });
}

function isFresh(at: number | null, now: number): boolean {
  // A clock that was set back makes no proof one of just now.
  return at !== null && Math.abs(now - at) <= FRESH_MS;
}
