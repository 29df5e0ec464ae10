import { z } from 'zod';

import { takeBack, type CountedAttempt } from '../../domain/identities/attempts.ts';
import { FactorSet } from '../../domain/identities/factor-set.ts';
import { useRecoveryCode } from '../../domain/identities/recovery-codes.ts';
import { carrierOf } from '../../domain/identities/sessions.ts';
import { consumeToken } from '../../domain/identities/tokens.ts';
import { findStep } from '../../domain/identities/totp.ts';
import { notAccepted } from '../denials.ts';
import type { Call, Operation, Services } from '../operation.ts';
import { AUTH } from '../rest-binding.ts';
import { beginAttempt, requireValid } from './begin-attempt.ts';
import {
  acceptPassword,
  provenPrincipal,
  provePassword,
  type PasswordProof,
} from './prove-password.ts';
import { secretText, textOf, type CredentialText } from './credential-text.ts';
import {
  afterAll,
  afterFirst,
  carrierName,
  signedIn,
  type SignedIn,
  type SignInOptions,
} from './signed-in.ts';

export interface SignInInput extends SignInOptions {
  /** A user's name, in upper or lower case. */
  readonly name: string;
  readonly password: CredentialText;
}

export interface SecondFactorInput {
  /** What the step before gave. */
  readonly challenge: CredentialText;
  readonly code: CredentialText;
  /** What an earlier sign-in gave this client. */
  readonly known?: CredentialText | undefined;
}

/** The members of {@link SignInOptions}, to be spread into an input's. */
export const signInOptions: { readonly [K in keyof SignInOptions]-?: z.ZodType<SignInOptions[K]> } =
  { known: secretText.optional(), carrier: carrierName.optional() };

/** What is common to all ways to sign in. */
export const signsIn: Pick<
  Operation<unknown, SignedIn>,
  'output' | 'mutates' | 'anyone' | 'givesOnce' | 'requires' | 'subject'
> = {
  output: signedIn,
  mutates: true,
  anyone: true,
  givesOnce: true,
  requires: () => [],
  subject: () => ({}),
};

/**
 * Errors: `unauthenticated`, the same for every reason; `rate_limited` while too many sign in.
 */
export const signIn: Operation<SignInInput, SignedIn, PasswordProof> = {
  ...signsIn,
  name: 'auth.signIn',
  summary: 'Signs a user in with name and password; a second factor may be due then.',
  errors: ['cross_site'],
  input: z.strictObject({
    name: z.string().min(1).max(512),
    password: secretText,
    ...signInOptions,
  }),
  rest: [{ method: 'POST', path: `${AUTH}/sign-in` }],
  secretMembers: ['password', 'known', 'session', 'challenge'],
  prepare: ({ name, known, password }, services) =>
    provePassword(services, { name, known }, password),
  apply: async (input, call, proof) => {
    const factors = proof.begun.principal && (await factorsOf(call, proof));
    await acceptPassword(call, proof, factors);
    const principal = provenPrincipal(call, proof);
    call.identified(principal.id);
    if (factors === undefined) throw notAccepted('void');
    const stored = await factors.store(call);
    return afterFirst(call, { principal: stored, factors }, input);
  },
};

/** Errors: `unauthenticated`, the same for every reason. */
export const verifyTotp: Operation<SecondFactorInput, SignedIn, SecondProof> = {
  ...signsIn,
  name: 'auth.verifyTotp',
  summary: 'Gives a time-based code as the second factor of a sign-in.',
  errors: [],
  input: secondInput(),
  rest: [{ method: 'POST', path: `${AUTH}/verify-totp` }],
  secretMembers: ['challenge', 'code', 'known', 'session'],
  prepare: (input, services) => beginSecond(services, 'totp', input),
  apply: async (input, call, proof) =>
    finish(call, input, {
      proof,
      use: (factors) => spendTotp(call, factors, textOf(input.code)),
    }),
};

/** Errors: `unauthenticated`, the same for every reason. */
export const giveRecoveryCode: Operation<SecondFactorInput, SignedIn, SecondProof> = {
  ...signsIn,
  name: 'auth.useRecoveryCode',
  summary: 'Gives a recovery code in place of the second factor of a sign-in; it is used up then.',
  errors: [],
  input: secondInput(),
  rest: [{ method: 'POST', path: `${AUTH}/use-recovery-code` }],
  secretMembers: ['challenge', 'code', 'known', 'session'],
  prepare: (input, services) => beginSecond(services, 'recovery', input),
  apply: async (input, call, proof) =>
    finish(call, input, {
      proof,
      use: (factors) => spendRecovery(call, factors, textOf(input.code)),
    }),
};

/** What was counted before a code is looked at. */
export interface SecondProof {
  readonly counted: CountedAttempt;
}

/**
 * Takes a time-based code, which is used then.
 *
 * @returns Whether it was one that counts.
 */
export async function spendTotp(call: Call, factors: FactorSet, code: string): Promise<boolean> {
  const { restoredAt } = call.standing;
  for (const factor of factors.confirmed('totp')) {
    const step = findStep(call, factor, { code, restoredAt });
    if (step === undefined) continue;
    await factors.use(call, factor, step);
    return true;
  }
  return false;
}

async function spendRecovery(call: Call, factors: FactorSet, code: string): Promise<boolean> {
  const { restoreId } = call.standing;
  for (const factor of factors.confirmed('recovery')) {
    const left = useRecoveryCode(call.keyring, factor.row, { code, restoreId });
    if (left === undefined) continue;
    await factors.use(call, factor);
    await factors.change(call, factors.get(factor.row.id) ?? factor, { data: left });
    return true;
  }
  return false;
}

async function beginSecond(
  services: Services,
  channel: 'totp' | 'recovery',
  { challenge, known }: SecondFactorInput,
): Promise<SecondProof> {
  const { counted } = await services.run(beginAttempt, { channel, challenge, known });
  return { counted };
}

async function finish(
  call: Call,
  { challenge, known }: SecondFactorInput,
  second: { readonly proof: SecondProof; readonly use: (factors: FactorSet) => Promise<boolean> },
): Promise<SignedIn> {
  const { token, principal } = await requireValid(call, 'challenge', challenge);
  const { counted } = second.proof;
  call.about({ target: principal.id, detail: 'wrong' });
  const factors = await FactorSet.of(call, principal);
  if (!(await second.use(factors))) throw notAccepted('wrong');
  await takeBack(call, counted);
  await consumeToken(call, token);
  call.identified(principal.id);
  const stored = await factors.store(call);
  const authenticatedAt = token.authenticated_at ?? token.created_at;
  const proven = { mfaAt: call.now, authenticatedAt, within: token };
  return afterAll(call, stored, { known, carrier: carrierOf(token), ...proven });
}

function factorsOf(call: Call, proof: PasswordProof): Promise<FactorSet> {
  return FactorSet.of(call, provenPrincipal(call, proof));
}

function secondInput(): z.ZodType<SecondFactorInput> {
  return z.strictObject({ challenge: secretText, code: secretText, known: secretText.optional() });
}
