import { canonicalJson, parseCanonicalJson } from '../../lib/canonical-json.ts';
import type { PrincipalRow, TokenRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import { encodeLimits, narrowLimits } from './limits.ts';
import { consumeToken, mintToken, type MintedToken } from './tokens.ts';

/** As what a credential is taken. */
export type Carrier = 'bearer' | 'cookie';

/** How long a session lives, in milliseconds. */
export interface SessionTimes {
  readonly maxMs: number;
  readonly idleMs: number;
}

/** What a session is begun with. */
export interface NewSession {
  /** As it is stored now: its generation is that of the session. */
  readonly principal: PrincipalRow;
  readonly restoreId: string;
  readonly carrier: Carrier;
  /** Where from, as a row has it. */
  readonly client: string | null;
  /** When a first factor was given; `null` if that was somewhere else. */
  readonly authenticatedAt: number | null;
  /** When a second factor was given; `null` for never. */
  readonly mfaAt: number | null;
  /** What it may not go beyond: the limits and the way to sign in of what it comes of. Default: nothing. */
  readonly within?: Pick<TokenRow, 'limits' | 'method_id' | 'method_generation'> | undefined;
}

/** What stands between two steps is begun with. */
export type NewChallenge = Omit<NewSession, 'mfaAt'>;

const CHALLENGE_MS = 10 * 60_000;
const KNOWN_MS = 90 * 86_400_000;

/** `state` of a session with which nothing can be done but to set up a second factor. */
interface EnrollingState {
  readonly enroll: true;
  /** The limits that it has afterwards, as a row has them. Default: none. */
  readonly limits?: string;
}

/** Begins a session, with a credential and a family of its own. */
export function beginSession(
  work: Work,
  given: NewSession,
  { maxMs, idleMs, mustEnroll }: SessionTimes & { readonly mustEnroll: boolean },
): Promise<MintedToken> {
  const limits = given.within?.limits ?? null;
  return mintToken(work, {
    ...common(given),
    kind: 'session',
    method_id: given.within?.method_id ?? null,
    method_generation: given.within?.method_generation ?? 0,
    state: mustEnroll ? enrollingState(limits) : null,
    limits: mustEnroll ? narrowLimits(limits, encodeLimits({ can: [] })) : limits,
    expires_at: work.now + maxMs,
    idle_ms: idleMs,
    used_at: work.now,
    authenticated_at: given.authenticatedAt,
    mfa_at: given.mfaAt,
  });
}

/**
 * Goes on with a session under a new credential of the same family and end,
 * and takes the old one away.
 */
export async function renewSession(
  work: Work,
  old: TokenRow,
  given: {
    /** As it is stored now. */
    readonly principal: PrincipalRow;
    readonly authenticatedAt: number | null;
    readonly mfaAt: number | null;
  },
): Promise<MintedToken> {
  // A session for setting up a second factor is a whole one with it.
  const enrolling = given.mfaAt === null ? undefined : enrollingOf(old);
  const isFree = enrolling !== undefined;
  const minted = await mintToken(work, {
    kind: 'session',
    principal_id: given.principal.id,
    restore_id: old.restore_id,
    principal_generation: given.principal.generation ?? 0,
    family_id: old.family_id,
    method_id: old.method_id,
    method_generation: old.method_generation,
    label: old.label,
    limits: isFree ? (enrolling.limits ?? null) : old.limits,
    state: isFree ? null : old.state,
    client: old.client,
    carrier: old.carrier,
    bound_to: old.bound_to,
    expires_at: old.expires_at,
    idle_ms: old.idle_ms,
    used_at: work.now,
    authenticated_at: given.authenticatedAt,
    mfa_at: given.mfaAt,
  });
  await consumeToken(work, old);
  return minted;
}

/** Whether a session is good for nothing but setting up a second factor. */
export function isEnrolling(row: TokenRow): boolean {
  return enrollingOf(row) !== undefined;
}

function enrollingOf({ kind, state }: TokenRow): EnrollingState | undefined {
  if (kind !== 'session' || state === null) return undefined;
  const stored = parseCanonicalJson(state) as Partial<EnrollingState> | undefined;
  return stored?.enroll === true ? { ...stored, enroll: true } : undefined;
}

function enrollingState(limits: string | null): string {
  return canonicalJson({ enroll: true, ...(limits === null ? {} : { limits }) });
}

/** What stands between two steps of a sign-in. */
export function beginChallenge(work: Work, given: NewChallenge): Promise<MintedToken> {
  return mintToken(work, {
    ...common(given),
    kind: 'challenge',
    method_id: given.within?.method_id ?? null,
    method_generation: given.within?.method_generation ?? 0,
    limits: given.within?.limits ?? null,
    carrier: 'bearer',
    state: canonicalJson({ carrier: given.carrier }),
    expires_at: work.now + CHALLENGE_MS,
    authenticated_at: given.authenticatedAt,
  });
}

/** As what the session is to be taken that a challenge leads to. */
export function carrierOf({ state }: TokenRow): Carrier {
  const { carrier } = (parseCanonicalJson(state ?? '{}') ?? {}) as { readonly carrier?: Carrier };
  return carrier === 'cookie' ? 'cookie' : 'bearer';
}

/** Lets a client say later that somebody signed in with it before. */
export function rememberClient(
  work: Work,
  given: Pick<NewSession, 'principal' | 'restoreId' | 'client'>,
): Promise<MintedToken> {
  return mintToken(work, { ...common(given), kind: 'known', expires_at: work.now + KNOWN_MS });
}

function common({
  principal,
  restoreId,
  client,
  carrier = 'bearer',
}: Pick<NewSession, 'principal' | 'restoreId' | 'client'> & { readonly carrier?: Carrier }) {
  return {
    principal_id: principal.id,
    restore_id: restoreId,
    principal_generation: principal.generation ?? 0,
    created_by: principal.id,
    client,
    carrier,
  } as const;
}
