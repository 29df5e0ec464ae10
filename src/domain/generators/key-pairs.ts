import { generateKeyPair, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

import { toBase64 } from '../../lib/base64.ts';
import { concat, utf8 } from '../../lib/bytes.ts';
import type { Curve, KeyPairKind } from './generator.ts';

/** A key pair as PEM: PKCS#8 (RFC 5958) and SubjectPublicKeyInfo (RFC 5280); for SSH also its line. */
export interface KeyPairText {
  readonly privateKey: string;
  readonly publicKey: string;
  /** A line for `authorized_keys` (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4). */
  readonly sshPublicKey?: string;
}

interface Pair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const NODE_CURVES: Readonly<Record<Curve, string>> = {
  p256: 'prime256v1',
  p384: 'secp384r1',
  p521: 'secp521r1',
};
const generate = promisify(generateKeyPair);

/** Bits of security of a key pair (NIST SP 800-57 part 1, table 2). */
export function keyPairStrength(kind: KeyPairKind): number {
  if (kind.algorithm === 'ed25519') return 128;
  if (kind.algorithm === 'ec') return { p256: 128, p384: 192, p521: 256 }[kind.curve];
  return kind.bits >= 4096 ? 152 : kind.bits >= 3072 ? 128 : 112;
}

/** Makes a key pair at once; RSA is for {@link makeRsaPair}. */
export function makeKeyPair(
  kind: Exclude<KeyPairKind, { readonly algorithm: 'rsa' }>,
  isSsh: boolean,
): KeyPairText {
  const pair: Pair =
    kind.algorithm === 'ed25519'
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('ec', { namedCurve: NODE_CURVES[kind.curve] });
  return asText(pair, kind, isSsh);
}

/** Makes an RSA key pair on another thread. */
export async function makeRsaPair(
  kind: Extract<KeyPairKind, { readonly algorithm: 'rsa' }>,
  isSsh: boolean,
): Promise<KeyPairText> {
  return asText(await generate('rsa', { modulusLength: kind.bits }), kind, isSsh);
}

function asText({ privateKey, publicKey }: Pair, kind: KeyPairKind, isSsh: boolean): KeyPairText {
  const pem = {
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }),
  };
  return isSsh ? { ...pem, sshPublicKey: sshLine(publicKey, kind) } : pem;
}

function sshLine(publicKey: KeyObject, kind: KeyPairKind): string {
  const { x = '', y = '', n = '', e = '' } = publicKey.export({ format: 'jwk' });
  if (kind.algorithm === 'rsa') return line('ssh-rsa', [mpint(e), mpint(n)]);
  if (kind.algorithm === 'ed25519') return line('ssh-ed25519', [number(x)]);
  const curve = `nist${kind.curve}`;
  const point = concat([new Uint8Array([4]), number(x), number(y)]);
  return line(`ecdsa-sha2-${curve}`, [utf8(curve), point]);
}

function line(name: string, members: readonly Uint8Array[]): string {
  const parts = [utf8(name), ...members].flatMap((part) => [uint32(part.length), part]);
  return `${name} ${toBase64(concat(parts))}`;
}

function number(base64url: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64url, 'base64url'));
}

/** RFC 4251 §5: a leading zero keeps a number positive. */
function mpint(base64url: string): Uint8Array {
  const bytes = number(base64url);
  return (bytes[0] ?? 0) >= 0x80 ? concat([new Uint8Array(1), bytes]) : bytes;
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
