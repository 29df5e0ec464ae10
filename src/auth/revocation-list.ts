import { verify, type KeyObject } from 'node:crypto';

import { childrenOf, readDer, requireTag, TAG, timeMs, type Der } from '../lib/der.ts';
import { algorithmOf, extensionsOf } from './certificate-parts.ts';

/** A list of certificates that were revoked (RFC 5280 §5), taken apart and not verified yet. */
export interface RevocationList {
  /** DER of the name. */
  readonly issuer: Uint8Array;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** Serial numbers in hexadecimal. */
  readonly serials: ReadonlySet<string>;
  readonly signed: Uint8Array;
  readonly algorithm: string;
  readonly signature: Uint8Array;
}

const EXTENSIONS = 0xa0;
/** Signature algorithms, and the hash that Node is told; `null` for those that have one of their own. */
export const SIGNATURES: Readonly<Record<string, string | null>> = {
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.3.101.112': null,
};

/**
 * Takes a list apart. One that says something critical beyond what is read
 * here, as a partial or an indirect one does, is refused: what it leaves out
 * would be taken for not revoked.
 *
 * @throws RangeError if it is none, or is never renewed.
 */
export function parseRevocationList(der: Uint8Array): RevocationList {
  const [tbs, outer, signature] = childrenOf(readDer(der, TAG.sequence));
  const signed = requireTag(tbs, TAG.sequence);
  const members = childrenOf(signed);
  const [inner, issuer, thisUpdate, nextUpdate, ...rest] =
    members[0]?.tag === TAG.integer ? members.slice(1) : members;
  const algorithm = algorithmOf(outer);
  if (algorithmOf(inner) !== algorithm) throw new RangeError('two algorithms are named');
  const revoked = rest[0]?.tag === TAG.sequence ? childrenOf(rest[0]) : [];
  const last = rest.at(-1);
  if (last?.tag === EXTENSIONS) requireNothingCritical(childrenOf(last)[0]);
  const bits = requireTag(signature, TAG.bitString).body;
  if (bits[0] !== 0) throw new RangeError('a signature is whole bytes');
  return {
    issuer: requireTag(issuer, TAG.sequence).whole,
    thisUpdate: timeMs(thisUpdate),
    nextUpdate: timeMs(nextUpdate),
    serials: new Set(revoked.map(serialOf)),
    signed: signed.whole,
    algorithm,
    signature: bits.subarray(1),
  };
}

/** Whether a list was signed with a key, by an algorithm that is taken. */
export function isSignedBy(list: RevocationList, key: KeyObject): boolean {
  const hash = SIGNATURES[list.algorithm];
  if (hash === undefined) return false;
  try {
    return verify(hash, list.signed, key, list.signature);
  } catch {
    // A key of another kind than the algorithm's.
    return false;
  }
}

/** A serial number as lists and certificates are compared by. */
export function serialText(serial: Uint8Array): string {
  return Buffer.from(serial).toString('hex');
}

function serialOf(entry: Der): string {
  const [serial, , extensions] = childrenOf(requireTag(entry, TAG.sequence));
  if (extensions !== undefined) requireNothingCritical(extensions);
  return serialText(requireTag(serial, TAG.integer).body);
}

function requireNothingCritical(list: Der | undefined): void {
  if (extensionsOf(list).some(({ isCritical }) => isCritical)) {
    throw new RangeError('the list says something that is not understood');
  }
}
