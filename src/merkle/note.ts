import type { KeyObject } from 'node:crypto';
import { equalBytes } from '../lib/compare.ts';
import { sha256 } from '../crypto/hash.ts';
import { sign, type SignatureAlgorithm, verify } from '../crypto/signature.ts';
import { StrongroomError } from '../errors.ts';
import { fromBase64, toBase64 } from '../lib/base64.ts';
import { concat, utf8 } from '../lib/bytes.ts';

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

/** A key that signs notes. */
export interface NoteSigner {
  readonly key: VerifierKey;
  readonly privateKey: KeyObject;
}

/** One signature line. */
export interface NoteSignature {
  readonly name: string;
  /** 4 bytes. */
  readonly keyHash: Uint8Array;
  readonly signature: Uint8Array;
}

/** A signed note taken apart; nothing about it is verified. */
export interface Note {
  /** What was signed, with its last newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

interface AlgorithmFacts {
  readonly algorithm: SignatureAlgorithm;
  /** The byte, or 0xff and the identifier, in front of the public key. */
  readonly type: Uint8Array;
  readonly publicKeyBytes: number;
}

const ALGORITHMS: readonly AlgorithmFacts[] = [
  {
    algorithm: 'ed25519',
    type: new Uint8Array([0x01]),
    publicKeyBytes: 32,
  },
  {
    algorithm: 'ml-dsa-44',
    type: concat([new Uint8Array([0xff]), utf8('strongroom/ml-dsa-44')]),
    publicKeyBytes: 1312,
  },
];

const KEY_HASH_BYTES = 4;
const SIGNATURES_MAX = 16;
const NOTE_LENGTH_MAX = 200_000;
const SIGNATURE_LINE = /^\u2014 ([^ ]+) ([A-Za-z0-9+/=]+)$/u;
const KEY_NAME = /^[^\s+\p{Cc}\p{Z}]+$/u;
// The note's text and signature lines hold no control characters but newlines.
const NOTE_CHARACTERS = /^[\n -\u{10ffff}]*$/u;

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
  const { type, publicKeyBytes } = factsOf(algorithm);
  if (!isKeyName(name)) throw new RangeError('not a name for a key');
  if (publicKey.length !== publicKeyBytes) throw new RangeError('not the length of a public key');
  const keyHash = sha256(concat([utf8(`${name}\n`), type, publicKey])).slice(0, KEY_HASH_BYTES);
  return { name, algorithm, keyHash, publicKey: publicKey.slice() };
}

/**
 * Signs a text as a note (C2SP signed-note).
 *
 * @param text - One or more lines, each ended by a newline.
 * @param signers - One signature line for each, in this order.
 * @returns The text, an empty line and the signature lines.
 * @throws RangeError if the text can't be a note's.
 */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  if (!text.endsWith('\n') || !NOTE_CHARACTERS.test(text) || !text.isWellFormed()) {
    throw new RangeError('not a text that can be signed as a note');
  }
  const message = utf8(text);
  const lines = signers.map(({ key, privateKey }) => {
    const signature = concat([key.keyHash, sign(privateKey, message)]);
    return `\u2014 ${key.name} ${toBase64(signature)}\n`;
  });
  return `${text}\n${lines.join('')}`;
}

/**
 * Takes a signed note apart without verifying it.
 *
 * @throws {@link StrongroomError} `audit_tampered` if it is not of that form, has more than 16
 * signatures or is longer than 200,000 characters.
 */
export function parseNote(note: string): Note {
  // The last empty line separates; the text may hold others.
  const end = note.lastIndexOf('\n\n');
  const wellFormed =
    note.length <= NOTE_LENGTH_MAX && note.isWellFormed() && NOTE_CHARACTERS.test(note);
  if (!wellFormed || end < 0 || !note.endsWith('\n')) throw malformedNote();
  const lines = note.slice(end + 2, -1).split('\n');
  if (lines.length > SIGNATURES_MAX) throw malformedNote();
  return { text: note.slice(0, end + 1), signatures: lines.map(parseSignatureLine) };
}

/**
 * Verifies those signatures of a note that are of known keys (C2SP
 * signed-note): each has to be good. Signatures of other keys say nothing.
 *
 * @param note - The note, from {@link parseNote}.
 * @param keys - The keys that are trusted.
 * @returns The keys that signed it; maybe none.
 * @throws {@link StrongroomError} `audit_tampered` if a signature of a known key does not verify
 * or is there twice.
 */
export function verifyNote(note: Note, keys: readonly VerifierKey[]): VerifierKey[] {
  const message = utf8(note.text);
  const signedBy: VerifierKey[] = [];
  for (const { name, keyHash, signature } of note.signatures) {
    const key = keys.find((known) => known.name === name && equalBytes(known.keyHash, keyHash));
    if (key === undefined) continue;
    const isGood =
      !signedBy.includes(key) && verify(key.algorithm, key.publicKey, message, signature);
    if (!isGood) {
      throw new StrongroomError('audit_tampered', 'a signature of the note does not verify', {
        details: { key: name, algorithm: key.algorithm },
      });
    }
    signedBy.push(key);
  }
  return signedBy;
}

/**
 * The text of a verifier key file: a line for each key, `<name>+<key hash>+<base64(type ‖ key)>`.
 */
export function formatVerifierKeys(keys: readonly VerifierKey[]): string {
  return keys
    .map(({ name, algorithm, keyHash, publicKey }) => {
      const encoded = toBase64(concat([factsOf(algorithm).type, publicKey]));
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

function parseVerifierKey(line: string): VerifierKey | undefined {
  const parts = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/u.exec(line);
  const [, name = '', keyHash, encoded = ''] = parts ?? [];
  const bytes = fromBase64(encoded);
  if (!isKeyName(name) || bytes === undefined) return undefined;
  for (const { algorithm, type, publicKeyBytes } of ALGORITHMS) {
    const isOfType = equalBytes(bytes.subarray(0, type.length), type);
    if (!isOfType || bytes.length !== type.length + publicKeyBytes) continue;
    const key = verifierKey(name, algorithm, bytes.subarray(type.length));
    return hex(key.keyHash) === keyHash ? key : undefined;
  }
  return undefined;
}

function parseSignatureLine(line: string): NoteSignature {
  const [, name = '', encoded = ''] = SIGNATURE_LINE.exec(line) ?? [];
  const bytes = fromBase64(encoded);
  if (!isKeyName(name) || bytes === undefined || bytes.length <= KEY_HASH_BYTES) {
    throw malformedNote();
  }
  return {
    name,
    keyHash: bytes.slice(0, KEY_HASH_BYTES),
    signature: bytes.slice(KEY_HASH_BYTES),
  };
}

/** Whether a text can name a key, or be a checkpoint's origin. */
export function isKeyName(name: string): boolean {
  return KEY_NAME.test(name) && name.isWellFormed();
}

function isSameKey(a: VerifierKey, b: VerifierKey): boolean {
  return a.name === b.name && equalBytes(a.keyHash, b.keyHash);
}

function factsOf(algorithm: SignatureAlgorithm): AlgorithmFacts {
  const facts = ALGORITHMS.find((known) => known.algorithm === algorithm);
  if (facts === undefined) throw new RangeError('not an algorithm of notes');
  return facts;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function malformedNote(): StrongroomError {
  return new StrongroomError('audit_tampered', 'the note is not of the form of a signed note');
}
