import { timingSafeEqual } from 'node:crypto';

/**
 * Compares two byte strings in time that depends on their lengths alone.
 * The one function for everything an attacker may guess at: tags, tokens,
 * digests, values. A difference in length is not hidden.
 *
 * @returns Whether both have the same bytes.
 */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
