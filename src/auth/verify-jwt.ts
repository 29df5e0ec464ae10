import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  jwtVerify,
  type JSONWebKeySet,
  type JWTPayload,
} from 'jose';

import { JWT_ALGORITHMS, JWT_MAX } from './jwt.ts';

/** What a token of an issuer has to be. */
export interface JwtRules {
  readonly issuer: string;
  readonly algorithms: readonly string[];
}

/** What has to be known of a token to verify it, of which nothing is proven. What else it says counts only then. */
export interface JwtLook {
  readonly issuer: string;
  readonly kid: string | undefined;
}

/** What is wrong with a token: `times` where it says none or is of the future, `audience` where it says nobody. */
export type JwtFault = 'signature' | 'expired' | 'times' | 'audience';

const KID_MAX = 256;
const LEEWAY_S = 30;
/** Older ones are not taken, however long they say that they are valid. */
const AGE_MAX_S = 24 * 3600;
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
/** What a header may say. Where a key is to be had from, or what else is to be heeded, is not in it. */
const HEADER_MEMBERS: ReadonlySet<string> = new Set(['alg', 'kid', 'typ', 'x5t', 'x5t#S256']);
const TYPES: ReadonlySet<unknown> = new Set([undefined, 'JWT', 'jwt', 'at+jwt']);

/**
 * Looks at a token before anything is done with it.
 *
 * @returns `undefined` if it is none that could be taken, whatever its issuer.
 */
export function lookAtJwt(token: string): JwtLook | undefined {
  if (token.length > JWT_MAX || !COMPACT.test(token)) return undefined;
  try {
    const header = decodeProtectedHeader(token) as Readonly<Record<string, unknown>>;
    const { iss: issuer } = decodeJwt(token);
    const { alg, kid, typ } = header;
    const isKid = kid === undefined || (typeof kid === 'string' && kid.length <= KID_MAX);
    if (typeof issuer !== 'string' || !isKid || !TYPES.has(typ)) return undefined;
    if (!(JWT_ALGORITHMS as readonly unknown[]).includes(alg)) return undefined;
    if (Object.keys(header).some((name) => !HEADER_MEMBERS.has(name))) return undefined;
    return { issuer, kid };
  } catch {
    return undefined;
  }
}

/** The algorithm that a token which was verified says it is signed by. */
export function algorithmOf(token: string): string | undefined {
  return decodeProtectedHeader(token).alg;
}

/**
 * Verifies a token (RFC 7519 §7.2) that was looked at: its signature, by an
 * algorithm of the issuer's list, then issuer and times. Audience and claims are
 * another question.
 *
 * @param now - Milliseconds since 1970.
 * @returns Its claims, or why it is not valid. What but the signature is wrong is said only of a token
 * whose signature is right.
 */
export async function verifyJwt(
  token: string,
  keys: JSONWebKeySet,
  { rules, now }: { readonly rules: JwtRules; readonly now: number },
): Promise<JWTPayload | JwtFault> {
  try {
    const { payload } = await jwtVerify(token, createLocalJWKSet(keys), {
      issuer: rules.issuer,
      algorithms: [...rules.algorithms],
      clockTolerance: LEEWAY_S,
      maxTokenAge: AGE_MAX_S,
      requiredClaims: ['iss', 'aud', 'exp', 'iat'],
      currentDate: new Date(now),
    });
    return payload;
  } catch (error) {
    if (error instanceof errors.JWTExpired) return 'expired';
    if (!(error instanceof errors.JWTClaimValidationFailed)) return 'signature';
    return error.claim === 'aud' ? 'audience' : 'times';
  }
}
