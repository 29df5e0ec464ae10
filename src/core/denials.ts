import { FIRST_WORKSPACE } from '../domain/workspaces/names.ts';
import { StrongroomError } from '../errors.ts';
import { shellWord } from '../lib/shell-word.ts';
import type { Requirement } from './operation.ts';

/** Nobody of that name or id may act. */
export function principalUnknown(): StrongroomError {
  return new StrongroomError('principal_unknown', 'there is no such principal', {
    hint: 'name one that exists with --principal; whoever ran `strongroom init` is owner',
  });
}

/** Why nobody was let in: for the record, and for who keeps a session for a browser. It is never told. */
export interface Unauthenticated {
  /** What was no good: the credential of a call, a proof of who somebody is, or so many before it that it was not looked at. */
  readonly of: 'credential' | 'proof' | 'lock';
  /** In a word of ours. */
  readonly why: string;
  /** Id of the credential that was known and is no good. */
  readonly target?: string | undefined;
  /** Id of the way to sign in that somebody's proof is of. */
  readonly method?: string | undefined;
}

/** What a call came with opens nothing. It is never said why, and the record knows. */
export function unauthenticated(why = 'none', target?: string): StrongroomError {
  const cause: Unauthenticated = { of: 'credential', why, target };
  return new StrongroomError('unauthenticated', 'the call needs a valid token or session', {
    hint: 'sign in with `strongroom login`, or ask whoever looks after this server for a token: `strongroom token create` prints one such as sr_token_…',
    cause,
  });
}

/** What somebody gave to sign in, or to prove once more who they are, does not. It is never said why, and the record knows. */
export function notAccepted(
  why: string,
  { of = 'proof', method }: Partial<Pick<Unauthenticated, 'of' | 'method'>> = {},
): StrongroomError {
  const cause: Unauthenticated = { of, why, method };
  return new StrongroomError('unauthenticated', 'what was given to sign in was not accepted', {
    hint: 'look whether all of it is right and not over, and after several wrong ones wait a moment; the audit log says what was wrong, to whoever may see it',
    cause,
  });
}

/** Where a proof is not looked at, because too many were wrong before it. It is told from a wrong one by the record alone. */
export function locked(channel: string): StrongroomError {
  return notAccepted(channel, { of: 'lock' });
}

/** What the record says of that as the reason. */
export const LOCKED = 'locked';

/** Why nobody was let in, if that is what an error says. */
export function whyUnauthenticated(error: unknown): Unauthenticated | undefined {
  if (!(error instanceof StrongroomError) || error.code !== 'unauthenticated') return undefined;
  return error.cause as Unauthenticated | undefined;
}

/** A role of whoever calls asks for a second factor, which they do not have yet. */
export function enrollmentDue(): StrongroomError {
  return new StrongroomError('mfa_required', 'a second factor has to be set up first', {
    hint: 'a role of yours asks for one: `strongroom factor add`',
  });
}

/**
 * Somebody lacks a right.
 *
 * @param owner - Such as `user:ada`, if it is an owner: only a denial can stand in the way, which
 * they can revoke.
 */
export function denied(
  { capability, resource }: Requirement,
  request: string,
  owner?: string,
): StrongroomError {
  const named = resource.join('/');
  return new StrongroomError('denied', `you may not ${capability} ${named}`, {
    details: { capability, resource: named, request },
    hint: owner === undefined ? askOwner(request) : wayOut(owner, capability, resource),
  });
}

/** What whoever is refused something can do. */
export function askOwner(request: string): string {
  return `ask an owner of the vault, and give them the request id ${request}`;
}

function wayOut(owner: string, capability: string, resource: readonly string[]): string {
  const [first = ''] = resource;
  const place = first === 'sys' || first === FIRST_WORKSPACE ? [] : ['-w', first];
  const words = [owner, capability, resource.join('/'), ...place].map(shellWord).join(' ');
  return `\`strongroom access explain ${words}\` names the rule that denies it, and \`strongroom access revoke\` takes it away`;
}
