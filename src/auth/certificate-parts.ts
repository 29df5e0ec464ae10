import { childrenOf, oidText, readDer, requireTag, TAG, type Der } from '../lib/der.ts';

/** An extension of a certificate, a revocation list, or an entry of one. */
export interface Extension {
  readonly oid: string;
  readonly isCritical: boolean;
  readonly value: Uint8Array;
}

/** What is read of a certificate (RFC 5280 §4.1) besides what Node says of it. */
export interface CertificateParts {
  /** The bytes of the serial number. */
  readonly serial: Uint8Array;
  /** DER of the name. */
  readonly issuer: Uint8Array;
  /** DER of the name. */
  readonly subject: Uint8Array;
  /** DER of the subject public key info. */
  readonly keyInfo: Uint8Array;
  readonly signatureAlgorithm: string;
  readonly extensions: readonly Extension[];
}

const VERSION = 0xa0;
const EXTENSIONS = 0xa3;

/**
 * Takes a certificate apart.
 *
 * @throws RangeError if it is none.
 */
export function certificateParts(der: Uint8Array): CertificateParts {
  const [tbs, algorithm] = childrenOf(readDer(der, TAG.sequence));
  const members = childrenOf(requireTag(tbs, TAG.sequence));
  const [serial, inner, issuer, , subject, keyInfo, ...rest] =
    members[0]?.tag === VERSION ? members.slice(1) : members;
  const signatureAlgorithm = algorithmOf(algorithm);
  // RFC 5280 §4.1.1.2: they must be the same; the outer one is not signed.
  if (algorithmOf(inner) !== signatureAlgorithm) throw new RangeError('two algorithms are named');
  const last = rest.at(-1);
  return {
    serial: requireTag(serial, TAG.integer).body,
    issuer: requireTag(issuer, TAG.sequence).whole,
    subject: requireTag(subject, TAG.sequence).whole,
    keyInfo: requireTag(keyInfo, TAG.sequence).whole,
    signatureAlgorithm,
    extensions: last?.tag === EXTENSIONS ? extensionsOf(childrenOf(last)[0]) : [],
  };
}

/** The extensions in a sequence of them. One that is there twice makes it malformed. */
export function extensionsOf(list: Der | undefined): readonly Extension[] {
  const found = childrenOf(requireTag(list, TAG.sequence)).map((each) => {
    const [oid, second, third] = childrenOf(requireTag(each, TAG.sequence));
    const isFlagged = second?.tag === TAG.boolean;
    return {
      oid: oidText(oid),
      isCritical: isFlagged && second.body[0] !== 0,
      value: requireTag(isFlagged ? third : second, TAG.octetString).body,
    };
  });
  if (new Set(found.map(({ oid }) => oid)).size !== found.length) {
    throw new RangeError('an extension is there twice');
  }
  return found;
}

/** The object identifier of an algorithm identifier. */
export function algorithmOf(element: Der | undefined): string {
  return oidText(childrenOf(requireTag(element, TAG.sequence))[0]);
}
