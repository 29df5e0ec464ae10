import type { JSONWebKeySet, JWTPayload } from 'jose';

import { sha2 } from '../crypto/hash.ts';
import { toBase64, toBase64Url } from '../lib/base64.ts';
import { utf8, utf8Decode } from '../lib/bytes.ts';
import { equalBytes } from '../lib/compare.ts';
import type { OutsideAnswer, OutsideForm } from '../lib/outbound.ts';
import { isForAudience, JWT_MAX } from './jwt.ts';
import type { OidcProvider } from './oidc-provider.ts';

/** A code that somebody came back with, and what it is exchanged with. */
export interface CodeGiven {
  readonly clientId: string;
  /** `undefined` of a client that has none. */
  readonly clientSecret: string | undefined;
  readonly code: string;
  readonly redirect: string;
  readonly verifier: string;
}

/** What a provider gave for a code, of which nothing is proven. */
export interface TokensGiven {
  readonly idToken: string;
  readonly accessToken: string | undefined;
}

/** What an ID token has to be. */
export interface IdTokenRules {
  readonly issuer: string;
  readonly clientId: string;
  readonly algorithms: readonly string[];
  readonly nonce: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What an ID token says that was verified. */
export interface IdClaims extends JWTPayload {
  readonly sub: string;
}

const OK = 200;
const ANSWER_MAX = 4 * JWT_MAX;
const TEXTS_MAX = 1000;
/** As many characters as a subject has at most (OpenID Connect Core 1.0 §2), none of which is unseen. */
const SUBJECT = /^[\x21-\x7e]{1,255}$/;
/** The hash of an algorithm (OpenID Connect Core 1.0 §3.1.3.6); of EdDSA that of Ed25519. */
const HASH_BITS: Readonly<Record<string, 256 | 384 | 512>> = {
  RS256: 256,
  PS256: 256,
  ES256: 256,
  RS384: 384,
  PS384: 384,
  ES384: 384,
  RS512: 512,
  PS512: 512,
  ES512: 512,
  EdDSA: 512,
  Ed25519: 512,
};

/** The form that a code is exchanged with (RFC 6749 §4.1.3, RFC 7636 §4.5). */
export function codeForm(provider: OidcProvider, given: CodeGiven): OutsideForm {
  const { clientId, clientSecret, code, redirect, verifier } = given;
  const form = new URLSearchParams({
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirect,
    code_verifier: verifier,
  });
  if (clientSecret !== undefined && !provider.wantsSecretInForm) {
    // RFC 6749 §2.3.1: each is encoded as in a form before they are joined.
    const pair = `${formEncode(clientId)}:${formEncode(clientSecret)}`;
    return { body: form.toString(), authorization: `Basic ${toBase64(utf8(pair))}` };
  }
  form.set('client_id', clientId);
  if (clientSecret !== undefined) form.set('client_secret', clientSecret);
  return { body: form.toString() };
}

/** What an answer to a code has in it (OpenID Connect Core 1.0 §3.1.3.3); `undefined` of a refusal. */
export function readTokens({ status, body }: OutsideAnswer): TokensGiven | undefined {
  if (status !== OK || body.length > ANSWER_MAX) return undefined;
  let said: unknown;
  try {
    said = JSON.parse(utf8Decode(body));
  } catch {
    return undefined;
  }
  if (typeof said !== 'object' || said === null) return undefined;
  const { id_token: idToken, access_token: access } = said as Readonly<Record<string, unknown>>;
  if (typeof idToken !== 'string') return undefined;
  return { idToken, accessToken: typeof access === 'string' ? access : undefined };
}

/**
 * Verifies an ID token (OpenID Connect Core 1.0 §3.1.3.7) that was looked at
 * with `lookAtJwt`: signature, issuer and times, then that it is for this
 * client alone, for this very sign-in, and of the access token beside it.
 *
 * @returns Its claims, or `undefined` if it is not valid.
 */
export async function verifyIdToken(
  { idToken, accessToken }: TokensGiven,
  keys: JSONWebKeySet,
  rules: IdTokenRules,
): Promise<IdClaims | undefined> {
  // Loaded here, because hardly a command needs it.
  const { algorithmOf, verifyJwt } = await import('./verify-jwt.ts');
  const claims = await verifyJwt(idToken, keys, { rules, now: rules.now });
  if (typeof claims === 'string' || !isForAudience(claims, [rules.clientId])) return undefined;
  const { sub, azp, nonce, at_hash: hash } = claims as Readonly<Record<string, unknown>>;
  if (azp !== undefined && azp !== rules.clientId) return undefined;
  if (typeof nonce !== 'string' || !equalBytes(utf8(nonce), utf8(rules.nonce))) return undefined;
  if (hash !== undefined && !isHashOf(hash, algorithmOf(idToken), accessToken)) return undefined;
  return typeof sub === 'string' && SUBJECT.test(sub) ? { ...claims, sub } : undefined;
}

/** The texts that a claim is or lists; none of another kind, nor more than a thousand. */
export function textsOf(claims: JWTPayload, name: string): readonly string[] {
  const claim = Object.hasOwn(claims, name) ? claims[name] : undefined;
  const given: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  return given.slice(0, TEXTS_MAX).filter((each) => typeof each === 'string');
}

/** Whether {@link textsOf} is all that a claim says: it is there, a text or a list, and was not cut. */
export function saysAll(claims: JWTPayload, name: string): boolean {
  const claim = Object.hasOwn(claims, name) ? claims[name] : undefined;
  return typeof claim === 'string' || (Array.isArray(claim) && claim.length <= TEXTS_MAX);
}

function isHashOf(
  hash: unknown,
  algorithm: string | undefined,
  accessToken: string | undefined,
): boolean {
  const bits = HASH_BITS[algorithm ?? ''];
  if (typeof hash !== 'string' || accessToken === undefined || bits === undefined) return false;
  const half = sha2(bits, accessToken).subarray(0, bits / 16);
  return equalBytes(utf8(hash), utf8(toBase64Url(half)));
}

function formEncode(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}
