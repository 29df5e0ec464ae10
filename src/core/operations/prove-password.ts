import type { CountedAttempt } from '../../domain/identities/attempts.ts';
import type { FactorSet, Factor } from '../../domain/identities/factor-set.ts';
import {
  isOutdated,
  isPassword,
  makePassword,
  requireGoodPassword,
  type PasswordData,
} from '../../domain/identities/passwords.ts';
import { requireComplexity } from '../../domain/secrets/complexity.ts';
import type { ComplexityRules } from '../../domain/settings/known-settings.ts';
import { takeBack } from '../../domain/identities/attempts.ts';
import { StrongroomError } from '../../errors.ts';
import { utf8, wipe } from '../../lib/bytes.ts';
import type { PrincipalRow } from '../../store/tables.ts';
import { notAccepted } from '../denials.ts';
import type { Call, Services } from '../operation.ts';
import { passwordQueue } from '../password-queue.ts';
import {
  beginAttempt,
  beginOwnAttempt,
  dropAttempt,
  type AttemptBegun,
  type AttemptInput,
} from './begin-attempt.ts';
import { textOf, type CredentialText } from './credential-text.ts';

/** What came of holding a password against that which is stored. */
export interface PasswordProof {
  readonly outcome: 'right' | 'wrong';
  readonly begun: AttemptBegun;
  /** The same password as passwords are stored today, if it was stored otherwise. */
  readonly renewed: PasswordData | undefined;
}

/**
 * Holds a password against that of whoever is meant. What it says counts only
 * if it is still so when it is applied.
 *
 * @param check - Looks at what was begun before anything is hashed; what it throws makes it no attempt.
 * @throws {@link StrongroomError} `unauthenticated` after too many attempts; `rate_limited` if too many sign in at the same time.
 */
export async function provePassword(
  services: Services,
  asked: Omit<AttemptInput, 'channel'>,
  given: CredentialText,
  check?: (begun: AttemptBegun) => void,
): Promise<PasswordProof> {
  const password = textOf(given);
  const attempt: AttemptInput = { ...asked, channel: 'password' };
  const begin = asked.name === undefined ? beginOwnAttempt : beginAttempt;
  const begun = await services.run(begin, attempt);
  const { keyring } = services;
  const ownerId = begun.principal?.id ?? '';
  const stored = begun.password && { ownerId, data: begun.password.data };
  try {
    check?.(begun);
    return await passwordQueue.run(async () => {
      const isRight = await isPassword(keyring, stored, password);
      const isOld = isRight && stored !== undefined && isOutdated(keyring, stored.data);
      const renewed = isOld ? await makePassword(keyring, ownerId, password) : undefined;
      return { outcome: isRight ? 'right' : 'wrong', begun, renewed };
    }, services.network);
  } catch (error) {
    await dropUnseen(services, error, begun.counted);
    throw error;
  }
}

/** Errors before a proof was looked at. */
const UNSEEN: ReadonlySet<string> = new Set(['rate_limited', 'mfa_required']);

/** A proof that nobody came to look at is no failure of whoever gave it. */
async function dropUnseen(
  services: Services,
  error: unknown,
  counted: CountedAttempt,
): Promise<void> {
  if (!(error instanceof StrongroomError) || !UNSEEN.has(error.code)) return;
  await services.run(dropAttempt, counted);
}

/**
 * Takes a proof at its word, if it was right and is of what is stored now.
 *
 * @throws {@link StrongroomError} `unauthenticated`, the same for every reason.
 */
export async function acceptPassword(
  call: Call,
  { outcome, begun, renewed }: PasswordProof,
  factors: FactorSet | undefined,
): Promise<void> {
  const { principal, password, counted } = begun;
  call.about({ target: principal?.id, detail: `password ${outcome}` });
  const factor = password === undefined ? undefined : factors?.get(password.factorId);
  const isStill = factor !== undefined && factor.row.revision === password?.revision;
  if (outcome !== 'right' || !isStill) throw notAccepted(outcome);
  await takeBack(call, counted);
  await factors?.use(call, factor);
  if (renewed !== undefined) await renew(call, factors, { id: factor.row.id, renewed });
}

/** The principal that was proven to be there, as it is now. */
export function provenPrincipal(call: Call, { begun }: PasswordProof): PrincipalRow {
  const row = call.standing.principal(begun.principal?.id ?? '');
  if (row === undefined || row.disabled_at !== null) throw notAccepted('void');
  return row;
}

/**
 * Hashes a password that somebody chose, after it was held against the rules.
 *
 * @throws {@link StrongroomError} `too_weak`, `invalid_input`, `rate_limited`.
 */
export async function hashNew(
  { keyring, network }: Services,
  given: CredentialText,
  owner: { readonly id: string; readonly name: string },
  rules: ComplexityRules | undefined,
): Promise<PasswordData> {
  const password = textOf(given);
  requireGoodPassword(password, owner);
  if (rules !== undefined) requireRules(password, rules);
  return passwordQueue.run(() => makePassword(keyring, owner.id, password), network);
}

/** Stores a password in place of the one that is there, or as the first. */
export async function setPassword(
  call: Call,
  factors: FactorSet,
  data: PasswordData,
): Promise<void> {
  const old = factors.all.filter(({ row }) => row.kind === 'password');
  for (const each of old) await factors.remove(call, each);
  await factors.add(call, { kind: 'password', data, confirmedAt: call.now });
}

async function renew(
  call: Call,
  factors: FactorSet | undefined,
  { id, renewed }: { readonly id: string; readonly renewed: PasswordData },
): Promise<void> {
  const factor: Factor | undefined = factors?.get(id);
  if (factor === undefined) return;
  await factors?.change(call, factor, { data: renewed });
}

function requireRules(password: string, rules: ComplexityRules): void {
  const bytes = utf8(password);
  try {
    requireComplexity({ kind: 'text', fields: [{ name: '', kind: 'text', bytes }] }, rules);
  } finally {
    wipe(bytes);
  }
}
