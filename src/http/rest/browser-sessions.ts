import type { IncomingMessage } from 'node:http';

import { whyUnauthenticated } from '../../core/denials.ts';
import { signOut } from '../../core/operations/account.ts';
import { StrongroomError } from '../../errors.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { SecretValue } from '../../secret-value.ts';
import {
  crossSite,
  isOwnPage,
  knownCookie,
  sessionCookie,
  type Cookies,
} from '../session-cookie.ts';
import type { RestCall, RestRoute } from './rest-route.ts';

/** Why a session is no use to a browser any more. Other reasons are of a code or a place, and pass. */
const OVER: ReadonlySet<string | undefined> = new Set([
  'unknown',
  'revoked',
  'expired',
  'idle',
  'used_up',
  'void',
  'wrong_carrier',
]);

/** Members of an answer that go into cookies instead. */
const IN_COOKIES = { session: null, known: null } as const;

/** A session and what goes with it, as far as an answer has them. */
interface Given {
  readonly carrier?: unknown;
  readonly session?: unknown;
  readonly known?: unknown;
  readonly expiresAt?: unknown;
}

/** Whether an operation may answer with a session that is for a cookie. */
export function givesSession({ outputShape }: RestRoute): boolean {
  if (typeof outputShape !== 'object' || !('of' in outputShape)) return false;
  return Object.hasOwn(outputShape.of, 'carrier') && Object.hasOwn(outputShape.of, 'session');
}

/**
 * Makes sure that nobody is signed in by a page of another site; and adds what says that the
 * browser is known, which pages cannot see.
 *
 * @throws {@link StrongroomError} `cross_site`.
 */
export function addBrowser(
  input: Record<string, unknown>,
  {
    message,
    cookies,
  }: { readonly message: IncomingMessage; readonly cookies?: Cookies | undefined },
): void {
  const isOwn = input['carrier'] === 'cookie' || cookies?.known !== undefined;
  if (!isOwn) return;
  if (isOwnPage(message)) input['known'] ??= cookies?.known;
  else if (input['carrier'] === 'cookie') throw crossSite();
}

/**
 * The headers `Set-Cookie` for an answer with a session for one, and the answer without it.
 *
 * @returns `undefined` if there is none in it.
 * @throws {@link StrongroomError} `cross_site` if whoever asked is no page of ours.
 */
export function intoCookies(
  value: unknown,
  message: IncomingMessage,
): { readonly cookies: readonly string[]; readonly rest: object } | undefined {
  const { carrier, session, known, expiresAt } = (value ?? {}) as Given;
  if (carrier !== 'cookie' || !(session instanceof SecretValue)) return undefined;
  if (!isOwnPage(message)) throw crossSite();
  const cookies = [
    sessionCookie(session, String(expiresAt)),
    ...(known instanceof SecretValue ? [knownCookie(known)] : []),
  ];
  return { cookies, rest: { ...(value as object), ...IN_COOKIES } };
}

/** The operation that ends the session of whoever calls. */
export const SIGN_OUT: RestRoute['operation'] = signOut as unknown as RestRoute['operation'];

/** A browser has one session: what it brought to a sign-in ends with it, if there is one still. */
export async function endFormer(call: RestCall): Promise<void> {
  try {
    await call(SIGN_OUT, {}, { request: uuidv7() });
  } catch (error) {
    if (!(error instanceof StrongroomError) || error.code !== 'unauthenticated') throw error;
  }
}

/** Whether a call failed because its session opens nothing any more. */
export function isSessionOver({ operation }: RestRoute, error: unknown): error is StrongroomError {
  const { of, why } = whyUnauthenticated(error) ?? {};
  return operation.anyone !== true && of === 'credential' && OVER.has(why);
}
