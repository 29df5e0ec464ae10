import type { IncomingMessage } from 'node:http';

import type { Caller } from '../core/item.ts';
import { giveRecoveryCode, verifyTotp } from '../core/operations/sign-in.ts';
import type { SignedIn } from '../core/operations/signed-in.ts';
import { beginSso, finishSso } from '../core/operations/sso.ts';
import type { UnsealedVault } from '../core/vault.ts';
import { isTotpCode } from '../crypto/totp.ts';
import { StrongroomError } from '../errors.ts';
import { utf8Decode } from '../lib/bytes.ts';
import type { Answer } from './answer.ts';
import type { PageRequest, Pages } from './page.ts';
import { readBody } from './read-body.ts';
import { parseTarget } from './request-target.ts';
import { requireUnsealed } from './require-unsealed.ts';
import { endFormer } from './rest/browser-sessions.ts';
import { callerOf } from './rest/rest-face.ts';
import {
  crossSite,
  flowCookie,
  isSameOrigin,
  knownCookie,
  NO_FLOW,
  NO_SESSION,
  sessionCookie,
} from './session-cookie.ts';

/** Where pages have the vault from. */
export interface SsoPagesOptions {
  readonly vault: () => UnsealedVault | undefined;
}

const BODY_BYTES_MAX = 1024;
const FORM = /^application\/x-www-form-urlencoded(?:; ?charset=utf-8)?$/i;

/**
 * The pages by which a browser signs in at a provider and comes back. They are
 * texts of ours alone: nothing that a provider or a request says is on them.
 */
export function ssoPages({ vault }: SsoPagesOptions): Pages {
  return {
    '/auth/sso/begin?': { GET: (request) => begin(request, requireUnsealed(vault())) },
    '/auth/sso/return?': { GET: (request) => comeBack(request, requireUnsealed(vault())) },
    '/auth/sso/second': { POST: (request) => second(request, requireUnsealed(vault())) },
  };
}

/** Sends the browser to the provider. No page of another site sets that off. */
async function begin(request: PageRequest, vault: UnsealedVault): Promise<Answer> {
  const site = request.message.headers['sec-fetch-site'] ?? 'none';
  if (site !== 'same-origin' && site !== 'none') throw crossSite();
  const asked = parametersOf(request.message, ['name', 'fresh']);
  const fresh = asked.get('fresh') === 'true';
  const given = { name: asked.get('name') ?? '', carrier: 'cookie', fresh } as const;
  const options = { request: request.request };
  const begun = await vault.call(beginSso, callerOfPage(request), given, options);
  using challenge = begun.challenge;
  return {
    status: 303,
    headers: { Location: begun.address },
    cookies: [flowCookie(challenge)],
  };
}

/** Takes what the browser brings back, of the sign-in that it began itself. */
async function comeBack(request: PageRequest, vault: UnsealedVault): Promise<Answer> {
  const given = parametersOf(request.message, ['state', 'code', 'iss', 'error']);
  const challenge = request.cookies?.flow;
  const [state, code, iss] = [given.get('state'), given.get('code'), given.get('iss')];
  const isWhole = challenge !== undefined && state !== undefined && code !== undefined;
  if (!isWhole || given.has('error')) {
    return page(403, REFUSED, [NO_FLOW]);
  }
  const input = { challenge, state, code, iss };
  const options = { request: request.request };
  const signedIn = await tried(vault.call(finishSso, callerOfPage(request), input, options));
  if (signedIn === undefined) return page(403, REFUSED, [NO_FLOW]);
  await endSession(request, vault);
  return toPage(signedIn);
}

/** Takes the second factor of whoever came back. */
async function second(request: PageRequest, vault: UnsealedVault): Promise<Answer> {
  if (!isSameOrigin(request.message)) throw crossSite();
  // A browser that is known does not wait for what others guessed.
  const { flow: challenge, known } = request.cookies ?? {};
  if (challenge === undefined) return page(403, REFUSED, []);
  const code = await codeOf(request);
  const operation = isTotpCode(code) ? verifyTotp : giveRecoveryCode;
  const options = { request: request.request };
  const call = vault.call(operation, callerOfPage(request), { challenge, code, known }, options);
  const signedIn = await tried(call);
  if (signedIn === undefined) return page(403, `${NOT_TAKEN}${CODE_FORM}`, []);
  return toPage(signedIn);
}

/** A session, or the page that asks for what is due before there is one. */
function toPage(signedIn: SignedIn): Answer {
  using session = signedIn.session;
  using challenge = signedIn.challenge;
  using known = signedIn.known;
  if (session !== null && signedIn.expiresAt !== null) {
    const cookies = [sessionCookie(session, signedIn.expiresAt), NO_FLOW];
    // By a page of ours: a cookie that is `Strict` goes along with no redirect from elsewhere.
    return page(200, SIGNED_IN, known === null ? cookies : [...cookies, knownCookie(known)]);
  }
  const canTypeCode = signedIn.factors.some((each) => each === 'totp' || each === 'recovery');
  if (challenge === null || !canTypeCode) return page(403, NOT_HERE, [NO_FLOW]);
  // The session that may be there is another's: a form would be sent along with it.
  return page(200, CODE_FORM, [NO_SESSION, flowCookie(challenge)]);
}

const SIGNED_IN = '<p>You are signed in.</p>';
const REFUSED = '<p>The sign-in was refused. Begin anew.</p>';
const NOT_TAKEN = '<p>The code was not taken.</p>';
const NOT_HERE = '<p>Your second factor cannot be given on this page.</p>';
const CODE_FORM =
  '<form method="post" action="/auth/sso/second"><p><label>Code of your app, or a recovery code ' +
  '<input name="code" autocomplete="one-time-code" required autofocus></label> ' +
  '<button>Sign in</button></p></form>';

function page(status: number, body: string, cookies: readonly string[]): Answer {
  return {
    status,
    headers: {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy':
        "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    },
    cookies,
    body: `<!doctype html><html lang="en"><title>Strongroom</title>${body}</html>\n`,
  };
}

/** `undefined` for whoever is not let in: why is on record, and not on a page. */
async function tried(call: Promise<SignedIn>): Promise<SignedIn | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof StrongroomError && error.code === 'unauthenticated') return undefined;
    throw error;
  }
}

/** Ends the session that the browser had, if its cookie was sent along. */
async function endSession({ head, ip, cookies }: PageRequest, vault: UnsealedVault): Promise<void> {
  const session = cookies?.session;
  if (session === undefined) return;
  const caller = callerOf({ ...head, credential: undefined }, { ip, session });
  await endFormer((operation, input, options) => vault.call(operation, caller, input, options));
}

function callerOfPage({ head, ip }: PageRequest): Caller {
  // Whoever signs in is not held to what they were.
  return { ...callerOf(head, { ip }), credential: undefined };
}

/** Parameters of an address, each at most once; others that a provider adds are passed over. */
function parametersOf(
  { url = '' }: IncomingMessage,
  names: readonly string[],
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of parseTarget(url).query) {
    if (!names.includes(name)) continue;
    if (found.has(name)) {
      throw new StrongroomError('invalid_request', 'the address has a parameter twice');
    }
    found.set(name, value);
  }
  return found;
}

async function codeOf({ message, head }: PageRequest): Promise<string> {
  if (!FORM.test(head.contentType ?? '')) {
    throw new StrongroomError('unsupported_media_type', 'the body has to be a form', {
      hint: 'Content-Type: application/x-www-form-urlencoded',
    });
  }
  const options = { contentLength: head.contentLength, bytesMax: BODY_BYTES_MAX };
  return readBody(message, options, (body) =>
    (new URLSearchParams(utf8Decode(body)).get('code') ?? '').trim(),
  );
}
