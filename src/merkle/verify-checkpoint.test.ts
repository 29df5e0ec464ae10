import { describe, expect, it } from 'vitest';
import { generateSigningKey } from '../crypto/signature.ts';
import { formatCheckpoint } from './checkpoint.ts';
import { leafHash } from './hash.ts';
import { type NoteSigner, signNote } from './note.ts';
import { verifierKey } from './verifier-key.ts';
import { logKeys, originOfNote, verifyCheckpoint } from './verify-checkpoint.ts';

const ORIGIN = 'strongroom/01989b1c-5d0a-7000-8000-000000000001';
const OTHER = 'strongroom/01989b1c-5d0a-7000-8000-000000000002';
const root = leafHash(new Uint8Array());
const text = formatCheckpoint({ origin: ORIGIN, size: 5, root });

function signer(name: string, algorithm: 'ed25519' | 'ml-dsa-44'): NoteSigner {
  const { privateKey, publicKey } = generateSigningKey(algorithm);
  return { privateKey, key: verifierKey(name, algorithm, publicKey) };
}

const classic = signer(ORIGIN, 'ed25519');
const quantum = signer(ORIGIN, 'ml-dsa-44');
const witness = signer('witness.example/w', 'ml-dsa-44');
const keys = [classic.key, quantum.key];
const log = logKeys(keys, ORIGIN);
const tampered = expect.objectContaining({ code: 'audit_tampered' });
const unverifiable = expect.objectContaining({ code: 'audit_unverifiable' });
const invalid = expect.objectContaining({ code: 'invalid_input' });

describe('signed checkpoints', () => {
  it('verify by both signatures, in any order and beside those of witnesses', () => {
    const expected = { origin: ORIGIN, size: 5, root };
    for (const signers of [
      [classic, quantum],
      [quantum, classic],
      [witness, classic, quantum],
    ]) {
      expect(verifyCheckpoint(signNote(text, signers), log)).toStrictEqual(expected);
    }
  });

  it('A89 do not verify by one of the two signatures, whoever signed beside it', () => {
    for (const one of [classic, quantum]) {
      expect(() => verifyCheckpoint(signNote(text, [one]), log)).toThrow(tampered);
      expect(() => verifyCheckpoint(signNote(text, [one, witness]), log)).toThrow(tampered);
    }
  });

  it('A89 do not verify if either signature is bad, whatever the other', () => {
    const lines = signNote(text, [classic, quantum]).split('\n');
    for (const at of [4, 5]) {
      const line = lines[at] ?? '';
      const bad = line.slice(0, 80) + (line[80] === 'A' ? 'B' : 'A') + line.slice(81);
      const note = lines.with(at, bad).join('\n');
      expect(() => verifyCheckpoint(note, log)).toThrow(tampered);
    }
    const moved = signNote(text, [classic, quantum]).replace('\n5\n', '\n6\n');
    expect(() => verifyCheckpoint(moved, log)).toThrow(tampered);
  });

  it('A89 do not verify by the keys of another log, though it signed them', () => {
    const others = [signer(OTHER, 'ed25519'), signer(OTHER, 'ml-dsa-44')];
    const other = logKeys(
      others.map(({ key }) => key),
      OTHER,
    );
    expect(() => verifyCheckpoint(signNote(text, others), log)).toThrow(tampered);
    expect(() => verifyCheckpoint(signNote(text, [classic, quantum]), other)).toThrow(tampered);
    const otherText = formatCheckpoint({ origin: OTHER, size: 5, root });
    expect(() => verifyCheckpoint(signNote(otherText, [classic, quantum]), log)).toThrow(tampered);
  });

  it('A89 do not verify by new keys under the same name', () => {
    const fresh = [signer(ORIGIN, 'ed25519'), signer(ORIGIN, 'ml-dsa-44')];
    expect(() => verifyCheckpoint(signNote(text, fresh), log)).toThrow(unverifiable);
    expect(() => verifyCheckpoint(signNote(text, [classic, ...fresh]), log)).toThrow(unverifiable);
  });

  it('the origin that they give can be read without verifying', () => {
    expect(originOfNote(signNote(text, [witness]))).toBe(ORIGIN);
    expect(originOfNote(signNote('a\nb\n', [classic]))).toBeUndefined();
    expect(originOfNote(text)).toBeUndefined();
  });
});

describe('the keys of a log', () => {
  it('are one of each type, chosen by the origin from those of other logs', () => {
    const others = [signer(OTHER, 'ed25519').key, signer(OTHER, 'ml-dsa-44').key];
    expect(logKeys([...others, ...keys], ORIGIN)).toStrictEqual({ origin: ORIGIN, keys });
  });

  it('are wrong use if one is missing or there are two of a type', () => {
    const second = [signer(ORIGIN, 'ed25519').key, signer(ORIGIN, 'ml-dsa-44').key];
    const bad = [
      [],
      keys.slice(0, 1),
      keys.slice(1),
      [...keys, second[0]!],
      [...keys, second[1]!],
      [signer(OTHER, 'ed25519').key, keys[1]!],
    ];
    for (const given of bad) expect(() => logKeys(given, ORIGIN)).toThrow(invalid);
    expect(() => logKeys(keys, OTHER)).toThrow(invalid);
  });
});
