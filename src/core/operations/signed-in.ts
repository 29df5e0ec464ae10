import { z } from 'zod';

import type { FactorKind, FactorSet } from '../../domain/identities/factor-set.ts';
import { toMethod } from '../../domain/identities/method-config.ts';
import {
  beginChallenge,
  beginSession,
  rememberClient,
  renewSession,
  type Carrier,
  type NewSession,
  type SessionTimes,
} from '../../domain/identities/sessions.ts';
import { findTokenById } from '../../domain/identities/tokens.ts';
import { readSetting } from '../../domain/settings/settings.ts';
import type { SecretValue } from '../../secret-value.ts';
import { isoTime } from '../../lib/iso-time.ts';
import type { PrincipalRow, TokenRow } from '../../store/tables.ts';
import { unauthenticated } from '../denials.ts';
import { hasMfaRole } from '../mfa-due.ts';
import type { Call } from '../operation.ts';
import { knownClient } from './begin-attempt.ts';
import { type CredentialText } from './credential-text.ts';
import { secretOutput } from './schema.ts';
import { clientOf } from './token-view.ts';

/** What a sign-in gives: a session, or what the next step is done with. */
export interface SignedIn {
  /** The session. `null` while a second factor is due. */
  readonly session: SecretValue | null;
  /** Public id of the session. */
  readonly id: string | null;
  readonly expiresAt: string | null;
  /** As what the session is taken. `null` without one. */
  readonly carrier: Carrier | null;
  /** What a second factor is given with. `null` if none is due. */
  readonly challenge: SecretValue | null;
  /** The kinds of factors, one of which is due: `totp`, `recovery`, `passkey`. */
  readonly factors: readonly FactorKind[];
  /** Says at the next sign-in that this client is known; `null` if it was brought along. */
  readonly known: SecretValue | null;
  /** Whether a second factor has to be set up before anything else. */
  readonly mustEnroll: boolean;
}

/** As what a session is taken. */
export const carrierName: z.ZodType<Carrier> = z.enum(['bearer', 'cookie']);

/** The schema of {@link SignedIn}. */
export const signedIn: z.ZodType<SignedIn> = z.strictObject({
  session: secretOutput.nullable(),
  id: z.string().nullable(),
  expiresAt: z.string().nullable(),
  carrier: carrierName.nullable(),
  challenge: secretOutput.nullable(),
  factors: z.array(z.enum(['password', 'totp', 'recovery', 'passkey', 'oidc'])),
  known: secretOutput.nullable(),
  mustEnroll: z.boolean(),
});

/** What a sign-in may say besides who. */
export interface SignInOptions {
  /** What an earlier sign-in gave this client. */
  readonly known?: CredentialText | undefined;
  /** As what the session is taken: `bearer`, or `cookie` for a browser. Default `bearer`. */
  readonly carrier?: Carrier | undefined;
}

/** The session goes on under another credential. */
export interface SessionRenewed {
  /** `null` where there is none: the call came without. */
  readonly session: SecretValue | null;
  /** When it ends, which is when it would have before. `null` without one. */
  readonly expiresAt: string | null;
  /** As what it is taken, as before. `null` without one. */
  readonly carrier: Carrier | null;
}

/** The schema of {@link SessionRenewed}, to be spread into others. */
export const renewed: {
  readonly [K in keyof SessionRenewed]-?: z.ZodType<SessionRenewed[K]>;
} = {
  session: secretOutput.nullable(),
  expiresAt: z.string().nullable(),
  carrier: carrierName.nullable(),
};

/** Where there is no session to go on with. */
export const NOT_RENEWED: SessionRenewed = { session: null, expiresAt: null, carrier: null };

/** When somebody gave a first factor (default: now) and a second one, and what they came by. */
export type Proven = Pick<NewSession, 'mfaAt' | 'within'> & { readonly authenticatedAt?: number };

/** After a first factor: a session, or what the second is given with. */
export async function afterFirst(
  call: Call,
  { principal, factors }: { readonly principal: PrincipalRow; readonly factors: FactorSet },
  options: SignInOptions & Partial<Proven>,
): Promise<SignedIn> {
  const { second } = factors;
  const { carrier = 'bearer', mfaAt = null, authenticatedAt = call.now, within } = options;
  if (second.length === 0 || mfaAt !== null) {
    return afterAll(call, principal, { ...options, mfaAt });
  }
  const { restoreId } = call.standing;
  const from = { principal, carrier, client: clientOf(call), restoreId };
  const { row, text } = await beginChallenge(call, { ...from, authenticatedAt, within });
  call.about({ target: row.id, detail: 'second factor due' });
  return { ...NOTHING, challenge: text, factors: second };
}

/** After all factors that are due: a session. */
export async function afterAll(
  call: Call,
  principal: PrincipalRow,
  options: SignInOptions &
    Pick<NewSession, 'mfaAt' | 'within'> & { readonly authenticatedAt?: number | null },
): Promise<SignedIn> {
  const { carrier = 'bearer', mfaAt, authenticatedAt = call.now, within } = options;
  const { restoreId } = call.standing;
  const from = { principal, carrier, client: clientOf(call), restoreId };
  const given = { ...from, mfaAt, authenticatedAt, within };
  const mustEnroll = mfaAt === null && hasMfaRole(call, principal.id);
  const { row, text } = await beginSession(call, given, { ...timesOf(call, within), mustEnroll });
  const isKnown = options.known && (await knownClient(call, principal, options.known));
  const known = isKnown === undefined ? await rememberClient(call, given) : undefined;
  if (known !== undefined) call.record('auth.clientKnown', { target: known.row.id });
  call.about({ target: row.id, detail: undefined });
  return {
    ...NOTHING,
    session: text,
    id: row.id,
    expiresAt: endOf(row),
    carrier,
    known: known?.text ?? null,
    mustEnroll,
  };
}

/**
 * Goes on with the caller's session under another credential, after they proved
 * more, or after what they had was made void. Where there is none, there is
 * nothing to go on with.
 */
export async function goOn(
  call: Call,
  principal: PrincipalRow,
  proven: { readonly authenticatedAt?: number; readonly mfaAt?: number } = {},
): Promise<SessionRenewed> {
  if (call.credential === undefined) return NOT_RENEWED;
  // Its use may have been noted since it was found.
  const old = await findTokenById(call, call.credential.id);
  if (old === undefined) throw unauthenticated('unknown');
  const { row, text } = await renewSession(call, old, {
    principal,
    authenticatedAt: proven.authenticatedAt ?? old.authenticated_at,
    mfaAt: proven.mfaAt ?? old.mfa_at,
  });
  call.about({ target: row.id });
  const carrier = row.carrier === 'cookie' ? 'cookie' : 'bearer';
  return { session: text, expiresAt: endOf(row), carrier };
}

const NOTHING: SignedIn = {
  session: null,
  id: null,
  expiresAt: null,
  carrier: null,
  challenge: null,
  factors: [],
  known: null,
  mustEnroll: false,
};

function endOf({ expires_at: at }: Pick<TokenRow, 'expires_at'>): string | null {
  return at === null ? null : isoTime(at);
}

/** How long a session lives: no longer than the way lets it that it came by. */
function timesOf(call: Call, within: NewSession['within']): SessionTimes {
  const via = call.standing.method(within?.method_id ?? '');
  const own = via?.kind === 'oidc' ? toMethod(via, 'oidc').config.session_ttl_ms : undefined;
  const maxMs = readSetting(call, null, 'session_max_minutes') * 60_000;
  return {
    maxMs: Math.min(maxMs, own ?? maxMs),
    idleMs: readSetting(call, null, 'session_idle_minutes') * 60_000,
  };
}
