import { z } from 'zod';

import { subjectNotFound } from '../../domain/access/subjects.ts';
import { findTokenById, mintToken, revokeToken, tokensOf } from '../../domain/identities/tokens.ts';
import { encodeLimits, narrowLimits } from '../../domain/identities/limits.ts';
import { StrongroomError } from '../../errors.ts';
import { parseDuration } from '../../lib/duration.ts';
import type { SecretValue } from '../../secret-value.ts';
import type { PrincipalRow, TokenRow } from '../../store/tables.ts';
import type { Call, Operation } from '../operation.ts';
import { requireFresh } from '../require-fresh.ts';
import { AUTH } from '../rest-binding.ts';
import { ACCESS, allowing } from './access-scope.ts';
import * as schema from './schema.ts';
import { SUBJECT } from './secret-access.ts';
import {
  clientOf,
  duration,
  limits,
  tokenMembers,
  tokenSummary,
  toLimits,
  toTokenSummary,
  type TokenLimitsInput,
  type TokenSummary,
} from './token-view.ts';

export interface CreateTokenInput extends TokenLimitsInput {
  /** Whose token it is, such as `machine:ci`. Default: the caller's own. */
  readonly subject?: string | undefined;
  /** What it is for: up to 128 characters. */
  readonly label?: string | undefined;
  /** How long it lives, such as `90d`. Default `90d`; `never` for no end. */
  readonly ttl?: string | undefined;
  /** How often it can be used. Default: any number of times. */
  readonly uses?: number | undefined;
}

/** A new token. Its text is given once and kept nowhere. */
export interface TokenCreated extends TokenSummary {
  readonly token: SecretValue;
}

export interface ListTokensInput {
  /** Whose, such as `machine:ci`. Default: the caller's own. */
  readonly subject?: string | undefined;
}

export interface RevokeTokenInput {
  /** Its id. Default: the credential that the call is made with. */
  readonly token?: string | undefined;
}

const TOKENS_PATH = `${AUTH}/tokens`;
const TTL_DEFAULT = '90d';
const NEVER = 'never';
const subject = z.string().min(1).max(140).meta({ pattern: SUBJECT });

/**
 * Needs, for somebody else, the right to change who may do what, and all rights
 * that the token would have; a token of another user would be a way to act as them, and there is none. A
 * token made with a token goes with it, and may no more than it. A session has to be proven anew.
 *
 * Errors: `subject_not_found`, `escalation_refused`, `denied`, `reauth_required`.
 */
export const createToken: Operation<CreateTokenInput, TokenCreated> = {
  name: 'tokens.create',
  summary: 'Makes a token, which is shown once.',
  errors: ['subject_not_found', 'escalation_refused'],
  input: z.strictObject({
    subject: subject.optional(),
    label: z.string().min(1).max(128).optional(),
    ttl: z.union([duration, z.literal(NEVER)]).optional(),
    uses: z.int().min(1).max(1_000_000).optional(),
    ...limits,
  }),
  output: schema.answer<TokenCreated>({ ...tokenMembers, token: schema.secretOutput }),
  rest: [{ method: 'POST', path: TOKENS_PATH, status: 201 }],
  secretMembers: ['token'],
  mutates: true,
  givesOnce: true,
  requires: () => [],
  subject: (input) => ({ detail: input.subject }),
  apply: async (input, call) => {
    // A token makes what goes with it and may no more; a session what outlives it.
    if (call.credential?.kind !== 'token') await requireFresh(call);
    requireUncounted(call);
    requireHead(call);
    const principal = target(call, input.subject);
    const { row, text } = await mintToken(call, {
      kind: 'token',
      principal_id: principal.id,
      restore_id: call.standing.restoreId,
      principal_generation: principal.generation ?? 0,
      label: input.label ?? null,
      limits: narrowLimits(ownLimits(call), toLimits(input)),
      client: clientOf(call),
      expires_at: endOf(call, input.ttl),
      uses_left: input.uses ?? null,
      ...familyOf(call),
    });
    call.about({ target: row.id, detail: `${principal.kind}:${principal.name}` });
    return { ...toTokenSummary(call, row), token: text };
  },
};

/** Needs, for those of somebody else, the right to see who may do what. */
export const listTokens: Operation<ListTokensInput, readonly TokenSummary[]> = {
  name: 'tokens.list',
  summary: 'Lists the tokens and sessions of somebody, without what they are used with.',
  errors: ['subject_not_found'],
  input: z.strictObject({ subject: subject.optional() }),
  output: z.array(tokenSummary),
  rest: [{ method: 'GET', path: TOKENS_PATH }],
  secretMembers: [],
  mutates: false,
  requires: (input) =>
    input.subject === undefined ? [] : [{ capability: 'read', resource: ACCESS }],
  subject: (input) => ({ detail: input.subject }),
  apply: async (input, call) => {
    const { id } = find(call, input.subject);
    return (await tokensOf(call, id)).map((row) => toTokenSummary(call, row));
  },
};

/** Errors: `token_not_found`; `denied` for that of somebody else without the right to change who may do what. */
export const revokeTokenOperation: Operation<RevokeTokenInput, TokenSummary> = {
  name: 'tokens.revoke',
  summary: 'Ends a token or a session, and all that was made with it, at once.',
  errors: ['token_not_found'],
  input: z.strictObject({ token: z.uuid().optional() }),
  output: tokenSummary,
  rest: [
    { method: 'DELETE', path: `${TOKENS_PATH}/{token}` },
    { method: 'DELETE', path: `${TOKENS_PATH}/current`, omit: ['token'] },
  ],
  secretMembers: [],
  mutates: true,
  requires: () => [],
  subject: (input) => ({ target: input.token }),
  apply: async (input, call) => {
    const row = await findOwnOrAny(call, input.token);
    if (row === undefined) {
      throw new StrongroomError('token_not_found', 'there is no token with this id');
    }
    await revokeToken(call, row);
    call.about({ target: row.id });
    return { ...toTokenSummary(call, row), state: 'revoked' };
  },
};

/** What a credential that the caller gives out may not go beyond. */
function ownLimits({ credential, isEnrolling }: Call): string | null {
  return isEnrolling ? encodeLimits({ can: [] }) : (credential?.limits ?? null);
}

async function findOwnOrAny(call: Call, id: string | undefined): Promise<TokenRow | undefined> {
  const row = id === undefined ? call.credential : await findTokenById(call, id);
  const isOwn = row !== undefined && row.principal_id === call.principal.id;
  // Who may not change rights is not told that somebody else has it.
  return isOwn || call.may('admin', ACCESS) ? row : undefined;
}

/** The principal that a token is made for, whose rights the caller has to have. */
function target(call: Call, given: string | undefined): PrincipalRow {
  const row = find(call, given);
  if (row.id !== call.principal.id) {
    if (!call.may('admin', ACCESS)) throw subjectNotFound(given ?? '');
    if (row.kind !== 'machine') throw notTheirs();
    call.requireHeld(allowing(call.policy.grantsOf(row.id)));
  }
  return row;
}

function find(call: Call, given: string | undefined): PrincipalRow {
  const id = given === undefined ? call.principal.id : call.policy.subject(given, null)?.id;
  const row = id === undefined ? undefined : call.standing.principal(id);
  if (row === undefined) throw subjectNotFound(given ?? '');
  return row;
}

/** Whoever has a token of somebody acts as them: nobody decides that for another user. */
function notTheirs(): StrongroomError {
  return new StrongroomError('escalation_refused', 'a user makes their own tokens', {
    hint: 'make a machine, and a token of it',
  });
}

/** What a token that can be used so often made besides would be used besides. */
function requireUncounted({ credential }: Call): void {
  if (credential === undefined || credential.uses_left === null) return;
  throw new StrongroomError('escalation_refused', 'a token with a number of uses makes no other');
}

/**
 * What a token gave goes with it when it is revoked, all of it: so of tokens that were made with
 * another one none makes more.
 */
function requireHead({ credential }: Call): void {
  if (credential?.kind !== 'token' || credential.family_id === credential.id) return;
  throw new StrongroomError('escalation_refused', 'a token that was made with a token makes none', {
    hint: 'make it with the first of them, or signed in',
  });
}

/** A token that is made with a token goes with it; one that a session makes stands alone. */
function familyOf({ credential }: Call): { readonly family_id?: string } {
  return credential?.kind === 'token' ? { family_id: credential.family_id } : {};
}

function endOf({ now, credential }: Call, ttl: string = TTL_DEFAULT): number | null {
  const latest = credential?.kind === 'token' ? credential.expires_at : null;
  const ms = ttl === NEVER ? undefined : parseDuration(ttl);
  const end = ms === undefined ? null : now + ms;
  if (latest === null || (end !== null && end <= latest)) return end;
  return latest;
}
