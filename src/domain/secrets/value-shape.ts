import { createPrivateKey, X509Certificate } from 'node:crypto';

import type { VersionRecord } from '../../crypto/version-record.ts';
import { utf8Decode } from '../../lib/bytes.ts';

const JWT_BYTES_MIN = 32;
const KEY_BYTES_MIN = 16;
const CERTIFICATE =
  /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]*?-----END [A-Z0-9 ]+-----/g;
const PRIVATE_KEY = /-----BEGIN (?:[A-Z0-9]+ )?PRIVATE KEY-----/;
const PUBLIC_KEY = /-----BEGIN (?:[A-Z0-9]+ )?PUBLIC KEY-----/;
const URL_WITH_SCHEME = /^[a-z][a-z0-9+.:-]*:(\/\/)?\S+$/i;

/** What each type expects of a value; types that are not here expect nothing. */
const SHAPES: Readonly<Record<string, (record: VersionRecord) => string | undefined>> = {
  certificate: certificateFault,
  jwt_secret: jwtFault,
  ssh_key: sshFault,
  database_credential: databaseFault,
  encryption_key: encryptionKeyFault,
};

/**
 * What is strange about a value, for its type. It is told and not refused: a
 * type is what somebody said, or guessed from a name.
 *
 * @returns Sentences for people, without anything of the value.
 */
export function shapeWarnings(type: string, record: VersionRecord): readonly string[] {
  const fault = Object.hasOwn(SHAPES, type) ? SHAPES[type]?.(record) : undefined;
  return fault === undefined ? [] : [fault];
}

function certificateFault(record: VersionRecord): string | undefined {
  const text = textOf(record);
  const certificates = text.match(CERTIFICATE) ?? [];
  try {
    for (const each of certificates) void new X509Certificate(each);
  } catch {
    return 'a certificate in the value cannot be read';
  }
  const isPem = certificates.length > 0 || PRIVATE_KEY.test(text) || PUBLIC_KEY.test(text);
  return isPem ? undefined : 'a certificate is expected as PEM';
}

function jwtFault(record: VersionRecord): string | undefined {
  if (PRIVATE_KEY.test(textOf(record))) return undefined;
  if (record.kind === 'fields' || (record.fields[0]?.bytes.length ?? 0) >= JWT_BYTES_MIN) {
    return undefined;
  }
  return 'a secret for JWT has at least 32 bytes (RFC 7518, 3.2)';
}

function sshFault(record: VersionRecord): string | undefined {
  const text = textOf(record);
  if (!PRIVATE_KEY.test(text))
    return 'a private key for SSH is expected as PEM or in the OpenSSH format';
  if (!text.startsWith('-----BEGIN PRIVATE KEY-----')) return undefined;
  try {
    void createPrivateKey(text);
    return undefined;
  } catch {
    return 'the private key in the value cannot be read';
  }
}

function databaseFault(record: VersionRecord): string | undefined {
  if (record.kind === 'fields') {
    const isThere = record.fields.some(({ name }) => /pass|pwd|secret|url/i.test(name));
    return isThere ? undefined : 'credentials for a database have a field password';
  }
  if (URL_WITH_SCHEME.test(textOf(record)) || /\w+\s*=\s*\S+/.test(textOf(record)))
    return undefined;
  return 'credentials for a database are expected as a URL, or as fields such as user and password';
}

function encryptionKeyFault(record: VersionRecord): string | undefined {
  if (record.kind === 'fields' || (record.fields[0]?.bytes.length ?? 0) >= KEY_BYTES_MIN) {
    return undefined;
  }
  return 'an encryption key has at least 16 bytes';
}

/**
 * The text of a value; of fields, that of the private key, or else all of it.
 * A string, which cannot be wiped: patterns and PEM are read from text alone.
 * Only the types that are looked at come here.
 */
function textOf({ fields }: VersionRecord): string {
  const key = fields.find(({ name }) => name === 'privateKey') ?? fields[0];
  const chosen = fields.length === 1 || key?.name === 'privateKey' ? [key] : fields;
  return chosen
    .flatMap((field) => (field?.kind === 'text' ? [utf8Decode(field.bytes)] : []))
    .join('\n');
}
