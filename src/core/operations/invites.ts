import { z } from 'zod';

import { subjectNotFound } from '../../domain/access/subjects.ts';
import { FactorSet } from '../../domain/identities/factor-set.ts';
import type { PasswordData } from '../../domain/identities/passwords.ts';
import { consumeToken, mintToken, revokeToken, tokensOf } from '../../domain/identities/tokens.ts';
import type { ComplexityRules } from '../../domain/settings/known-settings.ts';
import { StrongroomError } from '../../errors.ts';
import { toBase64 } from '../../lib/base64.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { parseDuration } from '../../lib/duration.ts';
import type { SecretValue } from '../../secret-value.ts';
import { isoTime } from '../../lib/iso-time.ts';
import type { PrincipalRow } from '../../store/tables.ts';
import { notAccepted } from '../denials.ts';
import type { Call, InnerOperation, Operation } from '../operation.ts';
import { ADMIN, AUTH } from '../rest-binding.ts';
import { allowing, CHANGES_ACCESS } from './access-scope.ts';
import { passwordRules, requireValid } from './begin-attempt.ts';
import { hashNew, setPassword } from './prove-password.ts';
import { secretText, type CredentialText } from './credential-text.ts';
import { secretOutput } from './schema.ts';
import { signInOptions, signsIn } from './sign-in.ts';
import { afterFirst, type SignedIn, type SignInOptions } from './signed-in.ts';
import { dropAccounts } from './sso-rights.ts';
import { duration } from './token-view.ts';

export interface InviteInput {
  /** A user's name. */
  readonly name: string;
  /** How long it is good, such as `1h`: three days at most, which is the default. */
  readonly ttl?: string | undefined;
}

/** An invite, which is given once. */
export interface Invited {
  readonly id: string;
  /** Such as `user:ada`. */
  readonly subject: string;
  /** What the user chooses a password with, once. */
  readonly invite: SecretValue;
  readonly expiresAt: string;
}

export interface AcceptInviteInput extends SignInOptions {
  readonly invite: CredentialText;
  /** The password that the user chooses. */
  readonly password: CredentialText;
}

interface Owner {
  readonly id: string;
  readonly name: string;
  readonly rules: ComplexityRules | undefined;
}

const INVITE_MS = 3 * 86_400_000;

/**
 * Also for who forgot their password: the one that there is counts until the invite is used, and a second
 * factor is asked for as before. An invite takes the place of those before it.
 *
 * Errors: `subject_not_found`; `escalation_refused` for somebody who has rights that the caller does
 * not have; `reauth_required`; `invalid_input`.
 */
export const inviteUser: Operation<InviteInput, Invited> = {
  name: 'users.invite',
  summary: 'Gives an invite, with which a user chooses a password, once.',
  errors: ['subject_not_found', 'escalation_refused'],
  input: z.strictObject({
    name: z.string().max(128),
    ttl: duration,
  }),
  output: z.strictObject({
    id: z.string(),
    subject: z.string(),
    invite: secretOutput,
    expiresAt: z.string(),
  }),
  rest: [{ method: 'POST', path: `${ADMIN}/users/{name}/invite`, status: 201 }],
  secretMembers: ['invite'],
  mutates: true,
  givesOnce: true,
  fresh: true,
  requires: () => CHANGES_ACCESS,
  subject: ({ name }) => ({ detail: `user:${name}` }),
  apply: async ({ name, ttl }, call) => {
    const row = call.policy.principals.by('name', name).find(({ kind }) => kind === 'user');
    if (row === undefined) throw subjectNotFound(`user:${name}`);
    call.requireHeld(allowing(call.policy.grantsOf(row.id)));
    for (const old of await tokensOf(call, row.id)) {
      if (old.kind === 'invite') await revokeToken(call, old);
    }
    const expires_at = call.now + msOf(ttl);
    const minted = await mintToken(call, {
      kind: 'invite',
      principal_id: row.id,
      restore_id: call.standing.restoreId,
      principal_generation: row.generation ?? 0,
      state: stateOf(row),
      expires_at,
    });
    call.about({ target: minted.row.id });
    return {
      id: minted.row.id,
      subject: `user:${row.name}`,
      invite: minted.text,
      expiresAt: isoTime(expires_at),
    };
  },
};

/** Looks whose an invite is, before a password is hashed for it. No face reaches it. */
const findInvited: InnerOperation<{ readonly invite: CredentialText }, Owner> = {
  name: 'auth.invite',
  summary: 'Looks whose an invite is.',
  input: z.strictObject({ invite: secretText }),
  secretMembers: ['invite'],
  mutates: false,
  anyone: true,
  requires: () => [],
  subject: () => ({}),
  apply: async ({ invite }, call) => {
    const { token, principal } = await requireInvite(call, invite);
    call.about({ target: token.id });
    return { id: principal.id, name: principal.name, rules: passwordRules(call) };
  },
};

/**
 * Accounts of providers that were linked before are taken away: whoever linked them may be somebody else.
 * Second factors stay, and are asked for.
 *
 * Errors: `unauthenticated` if it is none, was used or is over; `too_weak`, `invalid_input`; `rate_limited`.
 */
export const acceptInvite: Operation<AcceptInviteInput, SignedIn, PasswordData> = {
  ...signsIn,
  name: 'auth.acceptInvite',
  summary: 'Chooses a password with an invite, and signs in.',
  errors: ['too_weak', 'cross_site'],
  input: z.strictObject({ invite: secretText, password: secretText, ...signInOptions }),
  rest: [{ method: 'POST', path: `${AUTH}/accept-invite` }],
  secretMembers: ['invite', 'password', 'known', 'session', 'challenge'],
  prepare: async ({ invite, password }, services) => {
    const { rules, ...owner } = await services.run(findInvited, { invite });
    return hashNew(services, password, owner, rules);
  },
  apply: async (input, call, data) => {
    const { token, principal } = await requireInvite(call, input.invite);
    await consumeToken(call, token);
    call.identified(principal.id);
    const factors = await FactorSet.of(call, principal);
    await setPassword(call, factors, data);
    await dropAccounts(call, factors);
    factors.makeVoid();
    const stored = await factors.store(call);
    call.record('auth.inviteAccepted', { target: token.id });
    return afterFirst(call, { principal: stored, factors }, input);
  },
};

/** One that was used changed the factors, so putting its row back is of no use. */
export async function requireInvite(
  call: Call,
  invite: CredentialText,
): ReturnType<typeof requireValid> {
  const found = await requireValid(call, 'invite', invite);
  if (found.token.state !== stateOf(found.principal)) throw notAccepted('void');
  return found;
}

function msOf(ttl: string | undefined): number {
  const ms = ttl === undefined ? INVITE_MS : (parseDuration(ttl) ?? INVITE_MS);
  if (ms <= INVITE_MS) return ms;
  throw new StrongroomError('invalid_input', 'an invite is good for three days at most');
}

function stateOf({ factors }: PrincipalRow): string {
  return canonicalJson({ factors: factors === null ? null : toBase64(factors) });
}
