import { X509Certificate, type KeyObject } from 'node:crypto';

import { sha256 } from '../crypto/hash.ts';
import { toBase64 } from '../lib/base64.ts';
import { equalBytes } from '../lib/compare.ts';
import { childrenOf, readDer, TAG } from '../lib/der.ts';
import { certificateParts, type CertificateParts } from './certificate-parts.ts';
import { isSignedBy, serialText, SIGNATURES, type RevocationList } from './revocation-list.ts';

/** Which client certificates are taken. */
export interface CertificateRules {
  /** Authorities, one of which has signed the certificate itself; or none, if keys are named. */
  readonly authorities: readonly Certificate[];
  /** Base64 of the SHA-256 of subject public key infos that are taken whoever signed for them. */
  readonly keys: readonly string[];
  /** Names as in `dns:app.example`, one of which it has; none: any. */
  readonly names: readonly string[];
  /** If there is one, the authority has to have one that is valid at the moment. */
  readonly revocationLists: readonly RevocationList[];
}

/** A certificate and what is known of it. */
export interface Certificate {
  readonly x509: X509Certificate;
  readonly key: KeyObject;
  readonly parts: CertificateParts;
}

/** Why a certificate is not taken. It goes on record; the caller is told the same in every case. */
export type CertificateFault =
  | 'malformed'
  | 'authority'
  | 'weak'
  | 'not_yet_valid'
  | 'expired'
  | 'purpose'
  | 'not_understood'
  | 'key'
  | 'issuer'
  | 'no_revocation_list'
  | 'revoked'
  | 'name';

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const SUBJECT_NAMES = '2.5.29.17';
const RSA_BITS_MIN = 2048;
const RSA_PSS = '1.2.840.113549.1.1.10';
/** Critical extensions that Node or this module heeds: usages, constraints, names. */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  '2.5.29.15',
  '2.5.29.17',
  '2.5.29.19',
  '2.5.29.37',
]);
/** What a name is called by the tag that it has (RFC 5280 §4.2.1.6). */
const NAME_KINDS: Readonly<Record<number, string>> = { 0x81: 'email', 0x82: 'dns', 0x86: 'uri' };

/**
 * Takes a certificate in.
 *
 * @param der - DER, as it came in the handshake.
 * @throws RangeError if it is none.
 */
export function readCertificate(der: Uint8Array): Certificate {
  const parts = certificateParts(der);
  try {
    const x509 = new X509Certificate(der);
    return { x509, key: x509.publicKey, parts };
  } catch (cause) {
    throw new RangeError('the bytes are no certificate', { cause });
  }
}

/** SHA-256 of the subject public key info: what tells one key from another, as a serial number does not. */
export function keyDigest({ parts }: Certificate): Uint8Array {
  return sha256(parts.keyInfo);
}

/** By the bytes of a connection's certificate, which many calls come with. */
const digests = new WeakMap<Uint8Array, Uint8Array>();

/** As {@link keyDigest}, of DER; `undefined` for what is no certificate. */
export function keyDigestOf(der: Uint8Array): Uint8Array | undefined {
  const known = digests.get(der);
  if (known !== undefined) return known;
  try {
    const digest = keyDigest(readCertificate(der));
    digests.set(der, digest);
    return digest;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Why a certificate cannot be an authority, or `undefined` if it can. */
export function authorityFault({ x509, key, parts }: Certificate): CertificateFault | undefined {
  if (!x509.ca) return 'authority';
  if (isWeak(key)) return 'weak';
  return isUnderstood(parts) ? undefined : 'not_understood';
}

/** Why a client certificate is not taken at a moment, or `undefined` if it is. */
export function certificateFault(
  leaf: Certificate,
  rules: CertificateRules,
  now: number,
): CertificateFault | undefined {
  const { x509, key, parts } = leaf;
  if (x509.ca) return 'authority';
  if (isWeak(key)) return 'weak';
  if (!isUnderstood(parts)) return 'not_understood';
  const dates = dateFault(x509, now);
  if (dates !== undefined) return dates;
  // What names no purpose is for any: that is not enough said to sign in with.
  if (!(x509.keyUsage as readonly string[] | undefined)?.includes(CLIENT_AUTH)) return 'purpose';
  const trust = rules.keys.length > 0 ? pinFault(leaf, rules) : issuerFault(leaf, rules, now);
  if (trust !== undefined) return trust;
  const names = namesOf(parts);
  return rules.names.length === 0 || rules.names.some((name) => names.includes(name))
    ? undefined
    : 'name';
}

/** The names that a certificate is for, such as `dns:app.example` or `uri:spiffe://…`. */
export function namesOf({ extensions }: CertificateParts): readonly string[] {
  const value = extensions.find(({ oid }) => oid === SUBJECT_NAMES)?.value;
  if (value === undefined) return [];
  return childrenOf(readDer(value, TAG.sequence)).flatMap(({ tag, body }) => {
    const kind = NAME_KINDS[tag];
    return kind === undefined ? [] : [`${kind}:${Buffer.from(body).toString('latin1')}`];
  });
}

function pinFault(leaf: Certificate, { keys }: CertificateRules): CertificateFault | undefined {
  return keys.includes(toBase64(keyDigest(leaf))) ? undefined : 'key';
}

function issuerFault(
  { x509, parts }: Certificate,
  { authorities, revocationLists }: CertificateRules,
  now: number,
): CertificateFault | undefined {
  if (SIGNATURES[parts.signatureAlgorithm] === undefined && parts.signatureAlgorithm !== RSA_PSS) {
    return 'weak';
  }
  const issuer = authorities.find(
    (each) =>
      dateFault(each.x509, now) === undefined &&
      equalBytes(each.parts.subject, parts.issuer) &&
      x509.checkIssued(each.x509) &&
      x509.verify(each.key),
  );
  if (issuer === undefined) return 'issuer';
  if (revocationLists.length === 0) return undefined;
  const own = revocationLists.filter(
    (list) => equalBytes(list.issuer, issuer.parts.subject) && isSignedBy(list, issuer.key),
  );
  // A revocation stays true when its list is out of date; that there is none does not.
  if (own.some(({ serials }) => serials.has(serialText(parts.serial)))) return 'revoked';
  const isCurrent = own.some((list) => list.thisUpdate <= now && now < list.nextUpdate);
  return isCurrent ? undefined : 'no_revocation_list';
}

function dateFault(x509: X509Certificate, now: number): CertificateFault | undefined {
  if (!(x509.validFromDate.getTime() <= now)) return 'not_yet_valid';
  return x509.validToDate.getTime() > now ? undefined : 'expired';
}

function isUnderstood({ extensions }: CertificateParts): boolean {
  return extensions.every(({ oid, isCritical }) => !isCritical || UNDERSTOOD.has(oid));
}

function isWeak({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  if (asymmetricKeyType === 'rsa' || asymmetricKeyType === 'rsa-pss') {
    return (asymmetricKeyDetails?.modulusLength ?? 0) < RSA_BITS_MIN;
  }
  return asymmetricKeyType !== 'ec' && asymmetricKeyType !== 'ed25519';
}
