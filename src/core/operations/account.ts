import { z } from 'zod';

import { rolesOf } from '../../domain/access/roles-of.ts';
import { FactorSet } from '../../domain/identities/factor-set.ts';
import { findTokenById, revokeToken } from '../../domain/identities/tokens.ts';
import { StrongroomError } from '../../errors.ts';
import type { PasswordData } from '../../domain/identities/passwords.ts';
import { takeBack, type CountedAttempt } from '../../domain/identities/attempts.ts';
import { notAccepted } from '../denials.ts';
import type { Operation } from '../operation.ts';
import { AUTH } from '../rest-binding.ts';
import { beginOwnAttempt, dropAttempt } from './begin-attempt.ts';
import { ownUser } from './own-user.ts';
import {
  acceptPassword,
  hashNew,
  provePassword,
  setPassword,
  type PasswordProof,
} from './prove-password.ts';
import { secretText, textOf, type CredentialText } from './credential-text.ts';
import { goOn, renewed, type SessionRenewed } from './signed-in.ts';
import { spendTotp } from './sign-in.ts';
import { tokenSummary, toTokenSummary, type TokenSummary } from './token-view.ts';

/** Who calls. */
export interface WhoAmI {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  /** What the call was made with; `null` where the vault itself is. */
  readonly credential: TokenSummary | null;
  readonly isOwner: boolean;
  /** Names of the roles that they have anywhere, in the order of the alphabet. */
  readonly roles: readonly string[];
  /** The kinds of second factors that they have. */
  readonly secondFactors: readonly string[];
  /** Whether a second factor has to be set up before anything else. */
  readonly mustEnroll: boolean;
}

export interface SignOutInput {
  /** Ends every session and token of the caller's, on every machine. */
  readonly everywhere?: boolean | undefined;
}

export interface ReauthenticateInput {
  readonly password: CredentialText;
  /** A time-based code, of whoever has a second factor. */
  readonly code?: CredentialText | undefined;
}

export interface ChangePasswordInput {
  /** The one that there is. */
  readonly current: CredentialText;
  readonly password: CredentialText;
}

interface FreshProof {
  readonly password: PasswordProof;
  readonly second: CountedAttempt | undefined;
}

interface NewPassword {
  readonly proof: PasswordProof;
  readonly data: PasswordData | undefined;
}

export const whoAmI: Operation<Record<string, never>, WhoAmI> = {
  name: 'auth.whoAmI',
  summary: 'Says who calls, with what, and what they are.',
  errors: [],
  input: z.strictObject({}),
  output: z.strictObject({
    id: z.string(),
    kind: z.string(),
    name: z.string(),
    credential: tokenSummary.nullable(),
    isOwner: z.boolean(),
    roles: z.array(z.string()),
    secondFactors: z.array(z.string()),
    mustEnroll: z.boolean(),
  }),
  rest: [{ method: 'GET', path: `${AUTH}/who-am-i` }],
  secretMembers: [],
  mutates: false,
  requires: () => [],
  subject: () => ({}),
  apply: async (_input, call) => {
    const { id, kind, name } = call.principal;
    const row = call.standing.principal(id);
    const factors = row === undefined ? undefined : await FactorSet.of(call, row);
    const { credential } = call;
    return {
      id,
      kind,
      name,
      credential: credential === undefined ? null : toTokenSummary(call, credential),
      isOwner: call.policy.isOwner(id),
      roles: [...rolesOf(call.policy, id)].toSorted(),
      secondFactors: factors?.second ?? [],
      mustEnroll: call.isEnrolling,
    };
  },
};

/** Errors: `token_not_found` where there is no session. */
export const signOut: Operation<SignOutInput, { readonly signedOut: true }> = {
  name: 'auth.signOut',
  summary: 'Ends the session that the call is made with, or all there are of the caller.',
  errors: ['token_not_found'],
  input: z.strictObject({ everywhere: z.boolean().optional() }),
  output: z.strictObject({ signedOut: z.literal(true) }),
  rest: [{ method: 'POST', path: `${AUTH}/sign-out` }],
  secretMembers: [],
  mutates: true,
  requires: () => [],
  subject: ({ everywhere }) => ({ detail: everywhere === true ? 'everywhere' : undefined }),
  apply: async ({ everywhere }, call) => {
    const id = call.credential?.kind === 'session' ? call.credential.id : undefined;
    const row = id === undefined ? undefined : await findTokenById(call, id);
    if (row === undefined && everywhere !== true) {
      throw new StrongroomError('token_not_found', 'the call was made without a session', {
        hint: '`strongroom token revoke` ends a token',
      });
    }
    if (row !== undefined) {
      call.about({ target: row.id });
      await revokeToken(call, row);
    }
    if (everywhere === true) {
      const factors = await FactorSet.of(call, ownUser(call));
      factors.makeVoid();
      await factors.store(call);
    }
    return { signedOut: true };
  },
};

/** Errors: `unauthenticated`; `mfa_required` without a code of whoever has a second factor; `rate_limited`. */
export const reauthenticate: Operation<ReauthenticateInput, SessionRenewed, FreshProof> = {
  name: 'auth.reauthenticate',
  summary: 'Proves once more who is there, for what a stolen session must not do.',
  errors: [],
  input: z.strictObject({ password: secretText, code: secretText.optional() }),
  output: z.strictObject(renewed),
  rest: [{ method: 'POST', path: `${AUTH}/reauthenticate` }],
  secretMembers: ['password', 'code', 'session'],
  mutates: true,
  givesOnce: true,
  requires: () => [],
  subject: () => ({}),
  prepare: async ({ password: given, code }, services) => {
    const password = await provePassword(services, {}, given, ({ second: due }) => {
      if (due.length === 0 || code !== undefined) return;
      throw new StrongroomError('mfa_required', 'a code of the second factor has to come along');
    });
    if (password.begun.second.length === 0) return { password, second: undefined };
    const second = await services.run(beginOwnAttempt, { channel: 'totp' });
    return { password, second: second.counted };
  },
  apply: async ({ code }, call, { password, second }) => {
    const factors = await FactorSet.of(call, ownUser(call));
    await acceptPassword(call, password, factors);
    const { now } = call;
    if (factors.second.length === 0) {
      return goOn(call, await factors.store(call), { authenticatedAt: now });
    }
    if (second === undefined || code === undefined) throw notAccepted('refused');
    if (!(await spendTotp(call, factors, textOf(code)))) throw notAccepted('wrong');
    await takeBack(call, second);
    return goOn(call, await factors.store(call), { authenticatedAt: now, mfaAt: now });
  },
};

/**
 * Errors: `unauthenticated` if the current one is wrong; `reauth_required`; `too_weak`, `invalid_input`; `rate_limited`.
 */
export const changePassword: Operation<ChangePasswordInput, SessionRenewed, NewPassword> = {
  name: 'auth.changePassword',
  summary: 'Changes the caller’s password; their other sessions and tokens end.',
  errors: ['too_weak'],
  input: z.strictObject({ current: secretText, password: secretText }),
  output: z.strictObject(renewed),
  rest: [{ method: 'POST', path: `${AUTH}/change-password` }],
  secretMembers: ['current', 'password', 'session'],
  mutates: true,
  givesOnce: true,
  fresh: true,
  requires: () => [],
  subject: () => ({}),
  prepare: async ({ current, password }, services) => {
    const proof = await provePassword(services, { fresh: true }, current);
    const { principal, rules, counted } = proof.begun;
    if (proof.outcome !== 'right' || principal === undefined) return { proof, data: undefined };
    try {
      return { proof, data: await hashNew(services, password, principal, rules) };
    } catch (error) {
      // The proof was right, whatever is wrong with the new one.
      await services.run(dropAttempt, counted);
      throw error;
    }
  },
  apply: async (_input, call, { proof, data }) => {
    const factors = await FactorSet.of(call, ownUser(call));
    await acceptPassword(call, proof, factors);
    if (data === undefined) throw notAccepted('wrong');
    await setPassword(call, factors, data);
    factors.makeVoid();
    const principal = await factors.store(call);
    return goOn(call, principal, { authenticatedAt: call.now });
  },
};
