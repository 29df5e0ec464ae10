import { createPrivateKey, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { generateSigningKey } from '../crypto/signature.ts';
import { type NoteSigner, parseNote, signNote, verifyNote } from './note.ts';
import { formatVerifierKeys, parseVerifierKeys, verifierKey } from './verifier-key.ts';

// The example of golang.org/x/mod/sumdb/note, on which C2SP signed-note is built.
const NEUMANN_KEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const NEUMANN_SEED = 'gQoUAtUUbI2E8kQzMPVAgOv5juF9nHT2JS/F1ccoMXM=';
const NEUMANN_TEXT =
  'If you think cryptography is the answer to your problem,\n' +
  "then you don't know what your problem is.\n";
const NEUMANN_SIGNATURE =
  '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';
const NEUMANN_NOTE = `${NEUMANN_TEXT}\n${NEUMANN_SIGNATURE}`;

// The examples of C2SP signed-note and tlog-checkpoint.
const QUASIMODO =
  'Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n' +
  '— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n';
const FOO_KEY = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
const FOO_NOTE =
  'This is an example message.\n\n' +
  '— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n';

const tampered = expect.objectContaining({ code: 'audit_tampered' });

function ed25519Key(seedBase64: string): KeyObject {
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
  const key = Buffer.concat([prefix, Buffer.from(seedBase64, 'base64')]);
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}

function signer(name: string, algorithm: 'ed25519' | 'ml-dsa-44'): NoteSigner {
  const { privateKey, publicKey } = generateSigningKey(algorithm);
  return { privateKey, key: verifierKey(name, algorithm, publicKey) };
}

describe('signed notes', () => {
  it('the published notes verify under their published keys', () => {
    for (const [note, file] of [
      [NEUMANN_NOTE, NEUMANN_KEY],
      [FOO_NOTE, FOO_KEY],
    ] as const) {
      const keys = parseVerifierKeys(file);
      expect(verifyNote(parseNote(note), keys)).toStrictEqual(keys);
      expect(formatVerifierKeys(keys)).toBe(`${file}\n`);
    }
  });

  it('the published key signs the published note byte for byte', () => {
    const [key] = parseVerifierKeys(NEUMANN_KEY);
    const privateKey = ed25519Key(NEUMANN_SEED);
    expect(signNote(NEUMANN_TEXT, [{ key: key!, privateKey }])).toBe(NEUMANN_NOTE);
  });

  it('the text of a note may hold empty lines; the last one separates', () => {
    const { text, signatures } = parseNote(QUASIMODO);
    expect(text.endsWith('sole:\n\ned è subito sera.\n')).toBe(true);
    expect(signatures.map(({ name }) => name)).toStrictEqual(['quasimodo.example/salvatore']);
  });

  it('what is not of the form of a signed note is refused', () => {
    const withLine = (line: string): string => `${NEUMANN_TEXT}\n${line}`;
    const bad = [
      '',
      NEUMANN_TEXT,
      `${NEUMANN_TEXT}\n`,
      NEUMANN_NOTE.slice(0, -1),
      `${NEUMANN_NOTE}\n`,
      `${NEUMANN_NOTE.slice(0, -1)}Z`,
      `\u0001${NEUMANN_NOTE}`,
      `\ud800${NEUMANN_NOTE}`,
      NEUMANN_NOTE.replaceAll('\n', '\r\n'),
      `${NEUMANN_NOTE}Unexpected line.\n`,
      withLine(NEUMANN_SIGNATURE.replace('PeterNeumann', 'Bad Name')),
      withLine(NEUMANN_SIGNATURE.replace('PeterNeumann', 'Bad+Name')),
      withLine(NEUMANN_SIGNATURE.replace('PeterNeumann', 'Bad\u2003Name')),
      withLine(NEUMANN_SIGNATURE.replace('—', '-')),
      withLine(NEUMANN_SIGNATURE.replace('nAM=', 'nAN=')),
      withLine(NEUMANN_SIGNATURE.replace('nAM=', 'nAM')),
      withLine(NEUMANN_SIGNATURE.replace('nAM=', 'nAM= ')),
      withLine('— PeterNeumann x08gow==\n'),
      withLine(NEUMANN_SIGNATURE.repeat(17)),
      `${'a'.repeat(200_000)}\n\n${NEUMANN_SIGNATURE}`,
    ];
    for (const note of bad) expect(() => parseNote(note)).toThrow(tampered);
  });

  it('a changed text or signature of a known key is refused, a repeated signature too', () => {
    const keys = parseVerifierKeys(NEUMANN_KEY);
    const bad = [
      NEUMANN_NOTE.replace('answer', 'Answer'),
      NEUMANN_NOTE.replace('RyyBw', 'RyyCw'),
      `${NEUMANN_NOTE}${NEUMANN_SIGNATURE}`,
      `${NEUMANN_TEXT}\n— PeterNeumann x08gowAA\n`,
    ];
    for (const note of bad) expect(() => verifyNote(parseNote(note), keys)).toThrow(tampered);
  });

  it('signatures of keys that are not known say nothing, also under a known name or hash', () => {
    const keys = parseVerifierKeys(NEUMANN_KEY);
    const others = [
      FOO_NOTE,
      `${NEUMANN_TEXT}\n${NEUMANN_SIGNATURE.replace('x08go', 'x08gp')}`,
      `${NEUMANN_TEXT}\n${NEUMANN_SIGNATURE.replace('PeterNeumann', 'PeterNewmann')}`,
    ];
    for (const note of others) expect(verifyNote(parseNote(note), keys)).toStrictEqual([]);
    const both = `${NEUMANN_NOTE}${FOO_NOTE.split('\n\n')[1] ?? ''}`;
    expect(verifyNote(parseNote(both), keys)).toStrictEqual(keys);
  });

  it('both algorithms sign a checkpoint, a line for each', () => {
    const signers = [signer('strongroom/x', 'ed25519'), signer('strongroom/x', 'ml-dsa-44')];
    const keys = signers.map(({ key }) => key);
    const text = `strongroom/x\n5\n${'A'.repeat(43)}=\n`;
    const note = parseNote(signNote(text, signers));
    expect(note.signatures.map(({ signature }) => signature.length)).toStrictEqual([64, 2428]);
    expect(verifyNote(note, keys)).toStrictEqual(keys);
    for (const changed of [text.replace('5', '6'), `${text}extension\n`, 'text\n']) {
      for (const key of keys) {
        expect(() => verifyNote({ ...note, text: changed }, [key])).toThrow(tampered);
      }
    }
  });

  it('a key of ML-DSA-44 signs nothing but checkpoints', () => {
    const quantum = signer('strongroom/x', 'ml-dsa-44');
    expect(() => signNote('text\n', [quantum])).toThrow(RangeError);
  });

  it('texts that no reader would take for the same are not signed', () => {
    for (const text of ['', 'no newline', 'a\r\n', 'a\u0000\n', '\ud800\n']) {
      expect(() => signNote(text, [signer('x', 'ed25519')])).toThrow(RangeError);
    }
  });
});
