import { z } from 'zod';

import { subjectNotFound } from '../../domain/access/subjects.ts';
import { takeBack } from '../../domain/identities/attempts.ts';
import { FactorSet, type Factor } from '../../domain/identities/factor-set.ts';
import { makeRecoveryCodes, recoveryData } from '../../domain/identities/recovery-codes.ts';
import { addTotp, findStep } from '../../domain/identities/totp.ts';
import { StrongroomError } from '../../errors.ts';
import type { SecretValue } from '../../secret-value.ts';
import { isoTime } from '../../lib/iso-time.ts';
import type { PrincipalRow } from '../../store/tables.ts';
import { notAccepted } from '../denials.ts';
import type { Call, Operation } from '../operation.ts';
import { requireFresh } from '../require-fresh.ts';
import { AUTH } from '../rest-binding.ts';
import { ACCESS, allowing } from './access-scope.ts';
import { beginOwnAttempt } from './begin-attempt.ts';
import { ownUser } from './own-user.ts';
import { secretText, textOf, type CredentialText } from './credential-text.ts';
import { secretOutput } from './schema.ts';
import type { SecondProof } from './sign-in.ts';
import { goOn, NOT_RENEWED, renewed, type SessionRenewed } from './signed-in.ts';
import { takeOutWithAccount } from './sso-rights.ts';

/** A factor without anything that it could be used with. Times are RFC 3339. */
export interface FactorSummary {
  readonly id: string;
  readonly kind: string;
  readonly label: string | null;
  readonly createdAt: string;
  /** When it came to count; `null`: it does not yet. */
  readonly confirmedAt: string | null;
  readonly usedAt: string | null;
  /** How many recovery codes are left; `null` for others. */
  readonly left: number | null;
}

export interface FactorsInput {
  /** Whose, such as `user:ada`. Default: the caller's own. */
  readonly subject?: string | undefined;
}

export interface EnrollTotpInput {
  /** What it is on: up to 64 characters. */
  readonly label?: string | undefined;
}

/** A generator of codes that is not confirmed yet. What it is set up with is given once. */
export interface TotpEnrolled {
  readonly factor: string;
  /** Base32. */
  readonly secret: SecretValue;
  /** An address that programs make codes from, often as a picture. */
  readonly uri: SecretValue;
}

export interface ConfirmTotpInput {
  readonly factor: string;
  readonly code: CredentialText;
}

/** A second factor counts from now on. */
export interface TotpConfirmed extends SessionRenewed {
  /** Given once; `null` if there were some already. */
  readonly recoveryCodes: readonly SecretValue[] | null;
}

export interface RemoveFactorInput extends FactorsInput {
  readonly factor: string;
}

/** New recovery codes, given once; those before count no more. */
export interface RecoveryCodesRenewed extends SessionRenewed {
  readonly recoveryCodes: readonly SecretValue[];
}

const subject = z.string().min(1).max(140).optional();

/** Needs, for those of somebody else, the right to see who may do what. Errors: `subject_not_found`. */
export const listFactors: Operation<FactorsInput, readonly FactorSummary[]> = {
  name: 'auth.listFactors',
  summary: 'Lists what somebody proves who they are with.',
  errors: ['subject_not_found'],
  input: z.strictObject({ subject }),
  output: z.array(
    z.strictObject({
      id: z.string(),
      kind: z.string(),
      label: z.string().nullable(),
      createdAt: z.string(),
      confirmedAt: z.string().nullable(),
      usedAt: z.string().nullable(),
      left: z.int().nullable(),
    }),
  ),
  rest: [{ method: 'GET', path: `${AUTH}/factors` }],
  secretMembers: [],
  mutates: false,
  requires: (input) =>
    input.subject === undefined ? [] : [{ capability: 'read', resource: ACCESS }],
  subject: (input) => ({ detail: input.subject }),
  apply: async (input, call) => {
    const factors = await FactorSet.of(call, whose(call, input.subject));
    return factors.all.map(toFactorSummary);
  },
};

export const enrollTotp: Operation<EnrollTotpInput, TotpEnrolled> = {
  name: 'auth.enrollTotp',
  summary: 'Begins to set up a generator of time-based codes as a second factor.',
  errors: [],
  input: z.strictObject({ label: z.string().min(1).max(64).optional() }),
  output: z.strictObject({ factor: z.string(), secret: secretOutput, uri: secretOutput }),
  rest: [{ method: 'POST', path: `${AUTH}/factors/totp`, status: 201 }],
  secretMembers: ['secret', 'uri'],
  mutates: true,
  givesOnce: true,
  fresh: true,
  requires: () => [],
  subject: () => ({}),
  apply: async ({ label }, call) => {
    const principal = ownUser(call);
    const factors = await FactorSet.of(call, principal);
    for (const each of factors.all) {
      if (each.row.kind === 'totp' && each.row.confirmed_at === null) {
        await factors.remove(call, each);
      }
    }
    const made = await addTotp(call, factors, { account: principal.name, label });
    await factors.store(call);
    call.about({ target: made.factorId });
    return { factor: made.factorId, secret: made.secret, uri: made.uri };
  },
};

/** Errors: `unauthenticated` if the code is wrong; `factor_not_found`; `reauth_required` if another came meanwhile. */
export const confirmTotp: Operation<ConfirmTotpInput, TotpConfirmed, SecondProof> = {
  name: 'auth.confirmTotp',
  summary: 'Confirms a second factor with a code of it; gives recovery codes once.',
  errors: ['factor_not_found'],
  input: z.strictObject({ factor: z.uuid(), code: secretText }),
  output: z.strictObject({ ...renewed, recoveryCodes: z.array(secretOutput).nullable() }),
  rest: [{ method: 'POST', path: `${AUTH}/factors/totp/confirm` }],
  secretMembers: ['code', 'session', 'recoveryCodes'],
  mutates: true,
  givesOnce: true,
  requires: () => [],
  subject: ({ factor }) => ({ target: factor }),
  prepare: async (_input, services) => {
    const { counted } = await services.run(beginOwnAttempt, { channel: 'totp' });
    return { counted };
  },
  apply: async (input, call, { counted }) => {
    const factors = await FactorSet.of(call, ownUser(call));
    const factor = factors.get(input.factor);
    if (factor?.row.kind !== 'totp' || factor.row.confirmed_at !== null) throw factorNotFound();
    const given = { code: textOf(input.code), restoredAt: call.standing.restoredAt };
    const step = findStep(call, factor, given);
    if (step === undefined) throw notAccepted('wrong');
    await requireFreshSince(call, factors, factor.row.created_at);
    await takeBack(call, counted);
    await factors.use(call, factor, step);
    await factors.change(call, factors.get(input.factor) ?? factor, { confirmedAt: call.now });
    const isFirst = factors.confirmed('recovery').length === 0;
    const recoveryCodes = isFirst ? await newRecoveryCodes(call, factors) : null;
    const principal = await factors.store(call);
    const session = await goOn(call, principal, { mfaAt: call.now });
    call.about({ target: input.factor });
    return { ...session, recoveryCodes };
  },
};

/**
 * Of somebody else it needs the right to change who may do what, and all rights that they have. A password is
 * changed, or an invite given, rather than taken away by its owner. An account of a provider goes with the
 * groups that it gave; out of one that denies something only who has that takes anybody.
 *
 * Errors: `factor_not_found`, `subject_not_found`, `escalation_refused`, `reauth_required`, `invalid_input`.
 */
export const removeFactor: Operation<RemoveFactorInput, SessionRenewed> = {
  name: 'auth.removeFactor',
  summary: 'Takes a factor away; sessions and tokens of whose it was end.',
  errors: ['factor_not_found', 'subject_not_found', 'escalation_refused'],
  input: z.strictObject({ factor: z.uuid(), subject }),
  output: z.strictObject(renewed),
  rest: [{ method: 'DELETE', path: `${AUTH}/factors/{factor}` }],
  secretMembers: ['session'],
  mutates: true,
  givesOnce: true,
  fresh: true,
  requires: (input) =>
    input.subject === undefined ? [] : [{ capability: 'admin', resource: ACCESS }],
  subject: (input) => ({ target: input.factor, detail: input.subject }),
  apply: async (input, call) => {
    const principal = whose(call, input.subject);
    const isOwn = principal.id === call.principal.id;
    if (isOwn) ownUser(call);
    else call.requireHeld(allowing(call.policy.grantsOf(principal.id)));
    const factors = await FactorSet.of(call, principal);
    const factor = factors.get(input.factor);
    if (factor === undefined) throw factorNotFound();
    if (isOwn && factor.row.kind === 'password') {
      throw new StrongroomError('invalid_input', 'a password is changed, not taken away');
    }
    await takeOutWithAccount(call, factor.row);
    await factors.remove(call, factor);
    // Recovery codes stand for another factor, and for nothing by themselves.
    if (factors.second.length === 0) {
      for (const each of factors.confirmed('recovery')) await factors.remove(call, each);
    }
    factors.makeVoid();
    const stored = await factors.store(call);
    if (!isOwn) return NOT_RENEWED;
    const session = await goOn(call, stored);
    call.about({ target: input.factor });
    return session;
  },
};

/** Errors: `reauth_required`; `factor_not_found` without another second factor. */
export const renewRecoveryCodes: Operation<Record<string, never>, RecoveryCodesRenewed> = {
  name: 'auth.renewRecoveryCodes',
  summary: 'Gives new recovery codes once; those before count no more.',
  errors: ['factor_not_found'],
  input: z.strictObject({}),
  output: z.strictObject({ ...renewed, recoveryCodes: z.array(secretOutput) }),
  rest: [{ method: 'POST', path: `${AUTH}/factors/recovery` }],
  secretMembers: ['session', 'recoveryCodes'],
  mutates: true,
  givesOnce: true,
  fresh: true,
  requires: () => [],
  subject: () => ({}),
  apply: async (_input, call) => {
    const factors = await FactorSet.of(call, ownUser(call));
    if (factors.second.length === 0) throw factorNotFound();
    for (const each of factors.all) {
      if (each.row.kind === 'recovery') await factors.remove(call, each);
    }
    const recoveryCodes = await newRecoveryCodes(call, factors);
    factors.makeVoid();
    const session = await goOn(call, await factors.store(call));
    return { ...session, recoveryCodes };
  },
};

/**
 * What was begun before somebody had a second factor needs it by the time it
 * is to become another: it could be somebody else's beginning.
 *
 * @throws {@link StrongroomError} `reauth_required`.
 */
export async function requireFreshSince(
  call: Call,
  factors: FactorSet,
  begunAt: number,
): Promise<void> {
  const kinds = ['totp', 'passkey'] as const;
  const came = kinds
    .flatMap((kind) => factors.confirmed(kind))
    .some(({ row }) => (row.confirmed_at ?? 0) >= begunAt);
  if (came) await requireFresh(call);
}

/** Gives somebody recovery codes, who has none that count. */
export async function newRecoveryCodes(
  call: Call,
  factors: FactorSet,
): Promise<readonly SecretValue[]> {
  let shown: readonly SecretValue[] = [];
  const { restoreId } = call.standing;
  const data = (factorId: string): object => {
    const made = makeRecoveryCodes(call.keyring, { factorId, restoreId });
    shown = made.shown;
    return made.data;
  };
  const row = await factors.add(call, { kind: 'recovery', data, confirmedAt: call.now });
  call.record('auth.recoveryCodesGiven', { target: row.id });
  return shown;
}

function whose(call: Call, given: string | undefined): PrincipalRow {
  const id = given === undefined ? call.principal.id : call.policy.subject(given, null)?.id;
  const row = id === undefined ? undefined : call.standing.principal(id);
  if (row === undefined) throw subjectNotFound(given ?? '');
  return row;
}

function toFactorSummary({ row, uses }: Factor): FactorSummary {
  return {
    id: row.id,
    kind: row.kind,
    label: row.label,
    createdAt: isoTime(row.created_at),
    confirmedAt: row.confirmed_at === null ? null : isoTime(row.confirmed_at),
    usedAt: uses.used_at === null ? null : isoTime(uses.used_at),
    left: row.kind === 'recovery' ? recoveryData(row).codes.length : null,
  };
}

function factorNotFound(): StrongroomError {
  return new StrongroomError('factor_not_found', 'there is no factor of this kind with this id');
}
