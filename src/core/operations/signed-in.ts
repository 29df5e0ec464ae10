import { z } from 'zod';

import type { FactorKind, FactorSet } from '../../domain/identities/factor-set.ts';
import {
  beginChallenge,
  beginSession,
  rememberClient,
  renewSession,
  type Carrier,
  type SessionTimes,
} from '../../domain/identities/sessions.ts';
import { findTokenById } from '../../domain/identities/tokens.ts';
import { readSetting } from '../../domain/settings/settings.ts';
import type { SecretValue } from '../../secret-value.ts';
import type { PrincipalRow } from '../../store/tables.ts';
import { unauthenticated } from '../denials.ts';
import type { Call } from '../operation.ts';
import { knownClient } from './begin-attempt.ts';
import { type CredentialText } from './credential-text.ts';
import { secretOutput } from './schema.ts';
import { toIso } from './secret-view.ts';
import { clientOf } from './token-view.ts';

/** What a sign-in gives: a session, or what the next step is done with. */
export interface SignedIn {
  /** The session. `null` while a second factor is due. */
  readonly session: SecretValue | null;
  /** Public id of the session. */
  readonly id: string | null;
  readonly expiresAt: string | null;
  /** What a second factor is given with. `null` if none is due. */
  readonly challenge: SecretValue | null;
  /** The kinds of factors, one of which is due: `totp`, `recovery`, `passkey`. */
  readonly factors: readonly FactorKind[];
  /** Says at the next sign-in that this client is known; `null` if it was brought along. */
  readonly known: SecretValue | null;
  /** Whether a second factor has to be set up before anything else. */
  readonly mustEnroll: boolean;
}

/** The schema of {@link SignedIn}. */
export const signedIn: z.ZodType<SignedIn> = z.strictObject({
  session: secretOutput.nullable(),
  id: z.string().nullable(),
  expiresAt: z.string().nullable(),
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
}

/** The schema of {@link SessionRenewed}, to be spread into others. */
export const renewed: { readonly session: z.ZodType<SecretValue | null> } = {
  session: secretOutput.nullable(),
};

/** After a first factor: a session, or what the second is given with. */
export async function afterFirst(
  call: Call,
  { principal, factors }: { readonly principal: PrincipalRow; readonly factors: FactorSet },
  options: SignInOptions,
): Promise<SignedIn> {
  const { second } = factors;
  if (second.length === 0) return afterAll(call, principal, { ...options, mfaAt: null });
  const { carrier = 'bearer' } = options;
  const given = { principal, carrier, client: clientOf(call), restoreId: call.standing.restoreId };
  const { row, text } = await beginChallenge(call, given);
  call.about({ target: row.id, detail: 'second factor due' });
  return { ...NOTHING, challenge: text, factors: second };
}

/** After all factors that are due: a session. */
export async function afterAll(
  call: Call,
  principal: PrincipalRow,
  options: SignInOptions & { readonly mfaAt: number | null; readonly authenticatedAt?: number },
): Promise<SignedIn> {
  const { carrier = 'bearer', mfaAt, authenticatedAt = call.now } = options;
  const { restoreId } = call.standing;
  const given = { principal, carrier, client: clientOf(call), restoreId, mfaAt, authenticatedAt };
  const mustEnroll = mfaAt === null && hasMfaRole(call, principal.id);
  const { row, text } = await beginSession(call, given, { ...timesOf(call), mustEnroll });
  const isKnown = options.known && (await knownClient(call, principal, options.known));
  const known = isKnown === undefined ? await rememberClient(call, given) : undefined;
  if (known !== undefined) call.record('auth.clientKnown', { target: known.row.id });
  call.about({ target: row.id, detail: undefined });
  return {
    ...NOTHING,
    session: text,
    id: row.id,
    expiresAt: row.expires_at === null ? null : toIso(row.expires_at),
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
  if (call.credential === undefined) return { session: null };
  // Its use may have been noted since it was found.
  const old = await findTokenById(call, call.credential.id);
  if (old === undefined) throw unauthenticated('unknown');
  const { row, text } = await renewSession(call, old, {
    principal,
    authenticatedAt: proven.authenticatedAt ?? old.authenticated_at,
    mfaAt: proven.mfaAt ?? old.mfa_at,
  });
  call.about({ target: row.id });
  return { session: text };
}

/** The roles that somebody has anywhere, straight or through groups. */
export function rolesOf({ policy }: Pick<Call, 'policy'>, id: string): ReadonlySet<string> {
  const found = new Set<string>();
  const seen = new Set<string>();
  const follow = (member: string): void => {
    if (seen.has(member)) return;
    seen.add(member);
    for (const { parent_id } of policy.memberships.by('member', member)) {
      const role = policy.roles.get(parent_id);
      if (role !== undefined) found.add(role.name);
      follow(parent_id);
    }
  };
  follow(id);
  return found;
}

const NOTHING: SignedIn = {
  session: null,
  id: null,
  expiresAt: null,
  challenge: null,
  factors: [],
  known: null,
  mustEnroll: false,
};

function hasMfaRole(call: Call, id: string): boolean {
  const roles = rolesOf(call, id);
  return readSetting(call, null, 'mfa_roles').some((name) => roles.has(name));
}

function timesOf(call: Call): SessionTimes {
  return {
    maxMs: readSetting(call, null, 'session_max_minutes') * 60_000,
    idleMs: readSetting(call, null, 'session_idle_minutes') * 60_000,
  };
}
