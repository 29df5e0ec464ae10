import type { IncomingMessage } from 'node:http';

import { StrongroomError } from '../errors.ts';
import { isTls } from '../lib/node-http.ts';
import type { SecretValue } from '../secret-value.ts';

/** The cookie of a session. The prefix binds it to this host and to TLS (RFC 6265bis §4.1.3.2). */
export const SESSION_COOKIE = '__Host-strongroom';

/** The cookie of what says that somebody signed in with this browser before. */
const KNOWN_COOKIE = '__Host-strongroom-known';

/**
 * The cookie of a sign-in that is under way: what it is finished with. `Lax`,
 * since the browser comes back from another site; it is good for ten minutes, and once.
 */
const FLOW_COOKIE = '__Host-strongroom-flow';

/** The header that a page of this server sends with each request, with the value `1`. No form and no link can. */
const OWN_HEADER = 'x-strongroom';

/**
 * What makes a browser forget what it has of this server (W3C Clear Site Data). Not `"cookies"`:
 * that would take those of its sister hosts too; ours are taken away by name.
 */
export const CLEAR_SITE_DATA = '"cache", "storage"';

/** What a browser brought. */
export interface Cookies {
  /** What it says is a session. */
  readonly session: string | undefined;
  /** What says that it is known. */
  readonly known: string | undefined;
  /** What a sign-in is finished with that it began. */
  readonly flow: string | undefined;
}

const MEMBERS: ReadonlyMap<string, keyof Cookies> = new Map([
  [SESSION_COOKIE, 'session'],
  [KNOWN_COOKIE, 'known'],
  [FLOW_COOKIE, 'flow'],
]);

const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/;
const KNOWN = /^sr_known_[A-Za-z0-9_-]{40,60}$/;
const KNOWN_SECONDS = 90 * 86_400;
const FLOW_SECONDS = 600;
const HIDDEN = 'Path=/; HttpOnly; Secure';
const ATTRIBUTES = `${HIDDEN}; SameSite=Strict`;
const FLOW_ATTRIBUTES = `${HIDDEN}; SameSite=Lax`;

/** Makes a browser forget its session. */
export const NO_SESSION: string = `${SESSION_COOKIE}=; ${ATTRIBUTES}; Max-Age=0`;

/** Makes a browser forget the sign-in that was under way. */
export const NO_FLOW: string = `${FLOW_COOKIE}=; ${FLOW_ATTRIBUTES}; Max-Age=0`;

/**
 * Our cookies in the header `Cookie` (RFC 6265 §5.4). Others are passed over.
 *
 * @throws {@link StrongroomError} `invalid_request` for two of the same name: which one counts, others see in another way.
 */
export function readCookies(header: string): Cookies {
  const found: Partial<Record<keyof Cookies, string>> = {};
  for (const pair of header.split(';')) {
    const at = pair.indexOf('=');
    const name = pair.slice(0, Math.max(at, 0)).trim();
    const member = MEMBERS.get(name);
    if (member === undefined) continue;
    if (found[member] !== undefined) {
      throw new StrongroomError('invalid_request', `the request has two cookies ${name}`);
    }
    found[member] = pair.slice(at + 1).trim();
  }
  const { session, known, flow } = found;
  return { session, flow, known: known !== undefined && KNOWN.test(known) ? known : undefined };
}

/**
 * The header `Set-Cookie` for a session.
 *
 * @param expiresAt - When it ends: RFC 3339.
 */
export function sessionCookie(session: SecretValue, expiresAt: string): string {
  const seconds = Math.max(0, Math.floor((Date.parse(expiresAt) - Date.now()) / 1000));
  return `${SESSION_COOKIE}=${session.reveal()}; ${ATTRIBUTES}; Max-Age=${seconds}`;
}

/** The header `Set-Cookie` for what says that this browser is known. */
export function knownCookie(known: SecretValue): string {
  return `${KNOWN_COOKIE}=${known.reveal()}; ${ATTRIBUTES}; Max-Age=${KNOWN_SECONDS}`;
}

/** The header `Set-Cookie` for what a sign-in is finished with. */
export function flowCookie(challenge: SecretValue): string {
  return `${FLOW_COOKIE}=${challenge.reveal()}; ${FLOW_ATTRIBUTES}; Max-Age=${FLOW_SECONDS}`;
}

/**
 * Whether a request is from a page of this server itself: it has
 * {@link OWN_HEADER}, which a page of another site could send only if CORS let
 * it, and there is none; and it is {@link isSameOrigin}.
 */
export function isOwnPage(message: IncomingMessage): boolean {
  return message.headers[OWN_HEADER] === '1' && isSameOrigin(message);
}

/**
 * Whether the browser says that a page of this server sends the request
 * (`Sec-Fetch-Site`, W3C Fetch Metadata), or where it says nothing its `Origin`
 * is what the request was sent to. A proxy before the server may be what speaks
 * TLS; plain HTTP is for this machine alone, as it is for cookies that are
 * `Secure`. A form has no more than this; whatever else can is {@link isOwnPage}.
 */
export function isSameOrigin({ headers, socket }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  const { origin, host = '' } = headers;
  if (origin === `https://${host}`) return true;
  const isLocal = LOOPBACK.test(host) && !isTls(socket);
  return isLocal && origin === `http://${host}`;
}

/** What is told of a request that a page of another site may have made. */
export function crossSite(): StrongroomError {
  return new StrongroomError('cross_site', 'a session cookie is for pages of this server alone', {
    hint: 'send X-Strongroom: 1 from a page of the same origin, or a bearer token without cookies',
  });
}
