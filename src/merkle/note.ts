import type { KeyObject } from 'node:crypto';
import { sign, verify } from '../crypto/signature.ts';
import { StrongroomError } from '../errors.ts';
import { fromBase64, toBase64 } from '../lib/base64.ts';
import { concat, utf8 } from '../lib/bytes.ts';
import { equalBytes } from '../lib/compare.ts';
import { signCosignature, verifyCosignature } from './cosignature.ts';
import { isKeyName, KEY_HASH_BYTES, type VerifierKey } from './verifier-key.ts';

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

const SIGNATURES_MAX = 16;
const NOTE_LENGTH_MAX = 200_000;
const SIGNATURE_LINE = /^\u2014 ([^ ]+) ([A-Za-z0-9+/=]+)$/u;
// The note's text and signature lines hold no control characters but newlines.
const NOTE_CHARACTERS = /^[\n -\u{10ffff}]*$/u;

/**
 * Signs a text as a note (C2SP signed-note).
 *
 * @param text - One or more lines, each ended by a newline. A key of ML-DSA-44 signs checkpoints only.
 * @param signers - One signature line for each, in this order.
 * @returns The text, an empty line and the signature lines.
 * @throws RangeError if the text can't be a note's, or is not what a key signs.
 */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  if (!text.endsWith('\n') || !NOTE_CHARACTERS.test(text) || !text.isWellFormed()) {
    throw new RangeError('not a text that can be signed as a note');
  }
  const lines = signers.map((signer) => {
    const { name, keyHash } = signer.key;
    return `\u2014 ${name} ${toBase64(concat([keyHash, signatureOf(text, signer)]))}\n`;
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
  const signedBy: VerifierKey[] = [];
  for (const { name, keyHash, signature } of note.signatures) {
    const key = keys.find((known) => known.name === name && equalBytes(known.keyHash, keyHash));
    if (key === undefined) continue;
    if (signedBy.includes(key) || !isSignature(signature, note.text, key)) {
      throw new StrongroomError('audit_tampered', 'a signature of the note does not verify', {
        details: { key: name, algorithm: key.algorithm },
      });
    }
    signedBy.push(key);
  }
  return signedBy;
}

function signatureOf(text: string, { key, privateKey }: NoteSigner): Uint8Array {
  return key.algorithm === 'ml-dsa-44'
    ? signCosignature(text, key.name, privateKey)
    : sign(privateKey, utf8(text));
}

function isSignature(signature: Uint8Array, text: string, key: VerifierKey): boolean {
  return key.algorithm === 'ml-dsa-44'
    ? verifyCosignature(text, key, signature)
    : verify(key.algorithm, key.publicKey, utf8(text), signature);
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

function malformedNote(): StrongroomError {
  return new StrongroomError('audit_tampered', 'the note is not of the form of a signed note');
}
