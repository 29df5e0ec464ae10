import { sha256 } from '../crypto/hash.ts';
import type { SignatureAlgorithm } from '../crypto/signature.ts';
import { StrongroomError } from '../errors.ts';
import { fromBase64, toBase64 } from '../lib/base64.ts';
import { concat, utf8 } from '../lib/bytes.ts';
import { equalBytes } from '../lib/compare.ts';

/** The public half of a signing key, under its name. */
export interface VerifierKey {
  /** Names the log. Not empty; no spaces, control characters or `+`. */
  readonly name: string;
  readonly algorithm: SignatureAlgorithm;
  /** First 4 bytes of `SHA-256(name ‖ 0x0A ‖ type ‖ public key)`. */
  readonly keyHash: Uint8Array;
  /** The raw key: 32 bytes (Ed25519) or 1,312 (ML-DSA-44). */
  readonly publicKey: Uint8Array;
}

interface KeyType {
  readonly algorithm: SignatureAlgorithm;
  /** The signature type's byte, assigned in C2SP signed-note. */
  readonly type: number;
  readonly publicKeyBytes: number;
}

/** Ed25519 over a note's text, and ML-DSA-44 cosignatures of checkpoints. */
const KEY_TYPES: readonly KeyType[] = [
  { algorithm: 'ed25519', type: 0x01, publicKeyBytes: 32 },
  { algorithm: 'ml-dsa-44', type: 0x06, publicKeyBytes: 1312 },
];

/** Bytes of a key hash. */
export const KEY_HASH_BYTES = 4;

const KEY_NAME = /^[^\s+\p{Cc}\p{Z}]+$/u;

/**
 * A verifier key from its parts.
 *
 * @param name - The log's name; for a checkpoint its origin.
 * @param algorithm - What the key is for.
 * @param publicKey - The raw key, 32 or 1,312 bytes.
 * @throws RangeError if the name or the key's length won't do.
 */
export function verifierKey(
  name: string,
  algorithm: SignatureAlgorithm,
  publicKey: Uint8Array,
): VerifierKey {
  const { type, publicKeyBytes } = typeOf(algorithm);
  if (!isKeyName(name)) throw new RangeError('not a name for a key');
  if (publicKey.length !== publicKeyBytes) throw new RangeError('not the length of a public key');
  const keyHash = sha256(concat([utf8(`${name}\n`), Uint8Array.of(type), publicKey])).slice(
    0,
    KEY_HASH_BYTES,
  );
  return { name, algorithm, keyHash, publicKey: publicKey.slice() };
}

/**
 * The text of a verifier key file: a line for each key, `<name>+<key hash>+<base64(type ‖ key)>`.
 */
export function formatVerifierKeys(keys: readonly VerifierKey[]): string {
  return keys
    .map(({ name, algorithm, keyHash, publicKey }) => {
      const encoded = toBase64(concat([Uint8Array.of(typeOf(algorithm).type), publicKey]));
      return `${name}+${hex(keyHash)}+${encoded}\n`;
    })
    .join('');
}

/**
 * Reads a verifier key file. Lines that begin with `#` are comments; the last
 * line may lack its newline.
 *
 * @returns The keys in the file's order, at least one.
 * @throws {@link StrongroomError} `invalid_input` with the line's number if a line is no key, a
 * key's hash is not its own, a key is there twice, or there is no key at all.
 */
export function parseVerifierKeys(text: string): VerifierKey[] {
  const keys: VerifierKey[] = [];
  const lines = (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
  for (const [index, line] of lines.entries()) {
    if (line.startsWith('#')) continue;
    const key = parseVerifierKey(line);
    if (key === undefined || keys.some((other) => isSameKey(other, key))) {
      throw new StrongroomError(
        'invalid_input',
        'the verifier key file has a line that is no key',
        {
          details: { line: index + 1 },
          hint: 'write it again with: strongroom audit key',
        },
      );
    }
    keys.push(key);
  }
  if (keys.length === 0) throw new StrongroomError('invalid_input', 'there is no verifier key');
  return keys;
}

/** Whether a text can name a key, or be a checkpoint's origin. */
export function isKeyName(name: string): boolean {
  return KEY_NAME.test(name) && name.isWellFormed();
}

function parseVerifierKey(line: string): VerifierKey | undefined {
  const parts = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/u.exec(line);
  const [, name = '', keyHash, encoded = ''] = parts ?? [];
  const bytes = fromBase64(encoded);
  const known = KEY_TYPES.find(({ type }) => type === bytes?.[0]);
  if (!isKeyName(name) || bytes === undefined || known === undefined) return undefined;
  if (bytes.length !== 1 + known.publicKeyBytes) return undefined;
  const key = verifierKey(name, known.algorithm, bytes.subarray(1));
  return hex(key.keyHash) === keyHash ? key : undefined;
}

function isSameKey(a: VerifierKey, b: VerifierKey): boolean {
  return a.name === b.name && equalBytes(a.keyHash, b.keyHash);
}

function typeOf(algorithm: SignatureAlgorithm): KeyType {
  const known = KEY_TYPES.find((type) => type.algorithm === algorithm);
  if (known === undefined) throw new RangeError('not an algorithm of notes');
  return known;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
