import { z } from 'zod';

import { foldName } from '../../domain/access/subject-names.ts';
import {
  cancelAttempt,
  countAttempt,
  type AttemptLimits,
  type Channel,
  type CountedAttempt,
  type GuessSource,
} from '../../domain/identities/attempts.ts';
import { FactorSet, type FactorKind } from '../../domain/identities/factor-set.ts';
import { storedPassword, type StoredPassword } from '../../domain/identities/passwords.ts';
import { findToken } from '../../domain/identities/tokens.ts';
import type { TokenKind } from '../../domain/identities/token-kinds.ts';
import { invalidity } from '../../domain/identities/validity.ts';
import { rulesFor } from '../../domain/secrets/complexity.ts';
import type { ComplexityRules } from '../../domain/settings/known-settings.ts';
import { readSetting, type SettingsWork } from '../../domain/settings/settings.ts';
import { FIRST_WORKSPACE } from '../../domain/workspaces/names.ts';
import { StrongroomError } from '../../errors.ts';
import type { PrincipalRow, TokenRow } from '../../store/tables.ts';
import { locked, notAccepted } from '../denials.ts';
import type { Call, InnerOperation } from '../operation.ts';
import { requireFresh } from '../require-fresh.ts';
import { secretText, textOf, type CredentialText } from './credential-text.ts';
import { ownUser } from './own-user.ts';

/** Who is about to prove something, and what: without name and challenge it is the caller. */
export interface AttemptInput {
  readonly channel: Channel;
  readonly name?: string | undefined;
  readonly challenge?: CredentialText | undefined;
  /** What the client was given when the same principal signed in with it before. */
  readonly known?: CredentialText | undefined;
  /** Whether the caller has to have signed in just now. */
  readonly fresh?: boolean | undefined;
}

/** What was counted, and what the proof is held against. It stays inside. */
export interface AttemptBegun {
  readonly counted: CountedAttempt;
  readonly principal: { readonly id: string; readonly name: string } | undefined;
  readonly password: StoredPassword | undefined;
  /** The second factors that count. */
  readonly second: readonly FactorKind[];
  /** What a new password has to have besides. */
  readonly rules: ComplexityRules | undefined;
}

/**
 * Counts an attempt of whoever calls with a session, and proves something once
 * more: durably, before the proof is looked at. No face reaches it: operations
 * call it while they prepare.
 *
 * Errors: `unauthenticated` for whoever has to wait, as if the proof had been wrong (it is not looked
 * at); `rate_limited` of codes of devices, where who asks is known.
 */
export const beginOwnAttempt: InnerOperation<AttemptInput, AttemptBegun> = {
  name: 'auth.attempt',
  summary: 'Counts an attempt to prove who somebody is.',
  input: z.strictObject({
    channel: z.enum(['password', 'totp', 'recovery', 'secret_id', 'device']),
    name: z.string().optional(),
    challenge: secretText.optional(),
    known: secretText.optional(),
    fresh: z.boolean().optional(),
  }),
  secretMembers: ['challenge', 'known'],
  mutates: true,
  requires: () => [],
  subject: () => ({}),
  apply: async (input, call) => {
    if (input.fresh === true) await requireFresh(call);
    const principal = await guessedAt(call, input);
    const who =
      principal === undefined
        ? { foldedName: foldName(input.name ?? '') }
        : { principalId: principal.id };
    const from = await sourceOf(call, principal, input.known);
    const attempt = { channel: input.channel, who, from };
    call.about({ target: principal?.id });
    const counted = await countAttempt(call, attempt, limitsOf(call));
    if (counted === undefined) throw mustWait(input.channel);
    call.about({ detail: `${input.channel} counted` });
    const factors = principal === undefined ? undefined : await FactorSet.of(call, principal);
    const [password] = factors?.confirmed('password') ?? [];
    return {
      counted,
      principal: principal && { id: principal.id, name: principal.name },
      password: password && storedPassword(password.row),
      second: factors?.second ?? [],
      rules: passwordRules(call),
    };
  },
};

/** The same of whoever signs in. */
export const beginAttempt: InnerOperation<AttemptInput, AttemptBegun> = {
  ...beginOwnAttempt,
  anyone: true,
};

/** Takes an attempt back whose proof was never looked at. No face reaches it. */
export const dropAttempt: InnerOperation<CountedAttempt, null> = {
  name: 'auth.attemptDropped',
  summary: 'Takes an attempt back that came to nothing.',
  input: z.strictObject({ source: z.string(), all: z.string() }),
  secretMembers: [],
  mutates: true,
  anyone: true,
  requires: () => [],
  subject: () => ({}),
  apply: async (counted, call) => {
    await cancelAttempt(call, counted);
    return null;
  },
};

/** How many wrong guesses are borne. */
export function limitsOf(work: SettingsWork): AttemptLimits {
  return {
    failuresMax: readSetting(work, null, 'max_failed_attempts'),
    waitMsMax: readSetting(work, null, 'lockout_duration_minutes') * 60_000,
  };
}

/** The rules for passwords of secrets in the first workspace are those for passwords of users too. */
export function passwordRules(call: Call): ComplexityRules | undefined {
  const { id } = call.directory.workspace(FIRST_WORKSPACE);
  return rulesFor(readSetting(call, id, 'complexity'), 'password');
}

/**
 * A credential that leads to a session and is good now.
 *
 * @throws {@link StrongroomError} `unauthenticated`, the same for every reason.
 */
export async function requireValid(
  call: Call,
  kind: TokenKind,
  given: CredentialText,
): Promise<{ readonly token: TokenRow; readonly principal: PrincipalRow }> {
  const token = await findToken(call, [kind], textOf(given));
  if (token?.principal_id === undefined || token.principal_id === null) {
    throw notAccepted('unknown');
  }
  const reason = invalidity(token, call.standing, { now: call.now, carrier: token.carrier });
  const principal = call.standing.principal(token.principal_id);
  if (reason !== undefined || principal === undefined) throw notAccepted(reason ?? 'void');
  return { token, principal };
}

/** Where guesses come from; what a client brings is worth nothing for anybody but whom it was given for. */
export async function sourceOf(
  call: Call,
  principal: PrincipalRow | undefined,
  known: CredentialText | undefined,
): Promise<GuessSource> {
  const token = known === undefined ? undefined : await knownClient(call, principal, known);
  if (token !== undefined) return { knownClient: token.id };
  const inSession = principal !== undefined && call.credential?.principal_id === principal.id;
  return { address: call.circumstances.ip, inSession };
}

/** The row of what says that a client is known, if it says so of this principal. */
export async function knownClient(
  call: Call,
  principal: PrincipalRow | undefined,
  known: CredentialText,
): Promise<TokenRow | undefined> {
  const token = await findToken(call, ['known'], textOf(known));
  if (token === undefined || token.principal_id !== principal?.id) return undefined;
  const reason = invalidity(token, call.standing, { now: call.now, carrier: token.carrier });
  return reason === undefined ? token : undefined;
}

function mustWait(channel: Channel): StrongroomError {
  if (channel !== 'device') return locked(channel);
  return new StrongroomError('rate_limited', 'too many codes were wrong', {
    hint: 'wait before the next one: each wrong one makes it longer',
  });
}

async function guessedAt(call: Call, input: AttemptInput): Promise<PrincipalRow | undefined> {
  if (input.challenge !== undefined) {
    return (await requireValid(call, 'challenge', input.challenge)).principal;
  }
  if (input.name === undefined) return ownUser(call);
  const found = call.policy.principals.by('folded', foldName(input.name));
  return found.length === 1 && found[0]?.kind === 'user' ? found[0] : undefined;
}
