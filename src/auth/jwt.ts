import type { JWTPayload } from 'jose';

/** Algorithms that an issuer may be allowed: signatures with a public key, and no other (RFC 7518, RFC 9864). */
export const JWT_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

/** One of {@link JWT_ALGORITHMS}. */
export type JwtAlgorithm = (typeof JWT_ALGORITHMS)[number];

/** Most characters of a token. */
export const JWT_MAX = 16_384;

/**
 * Whether claims are what rules say: each a text that is exactly one of its
 * values. Parts of a text, lists, and other types are not.
 */
export function haveClaims(
  claims: JWTPayload,
  rules: Readonly<Record<string, readonly string[]>>,
): boolean {
  return Object.entries(rules).every(([name, values]) => {
    const claim = Object.hasOwn(claims, name) ? claims[name] : undefined;
    return typeof claim === 'string' && values.includes(claim);
  });
}

/**
 * Whether a token is for us alone. Every one of its audiences has to be ours:
 * another one that it is for could use it against us.
 *
 * @param ours - Exact values.
 */
export function isForAudience({ aud }: JWTPayload, ours: readonly string[]): boolean {
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  const isOurs = (each: unknown): boolean => typeof each === 'string' && ours.includes(each);
  return named.length > 0 && named.every(isOurs);
}
