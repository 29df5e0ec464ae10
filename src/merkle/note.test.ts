import { createPrivateKey, type KeyObject } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateSigningKey } from '../crypto/signature.ts';
import { toBase64 } from '../lib/base64.ts';
import {
  formatVerifierKeys,
  type NoteSigner,
  parseNote,
  parseVerifierKeys,
  signNote,
  verifierKey,
  verifyNote,
} from './note.ts';

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
const invalid = expect.objectContaining({ code: 'invalid_input' });

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

  it('both algorithms sign one note, a line for each', () => {
    const signers = [signer('strongroom/x', 'ed25519'), signer('strongroom/x', 'ml-dsa-44')];
    const keys = signers.map(({ key }) => key);
    const note = parseNote(signNote('text\n', signers));
    expect(note.signatures.map(({ signature }) => signature.length)).toStrictEqual([64, 2420]);
    expect(verifyNote(note, keys)).toStrictEqual(keys);
    const changed = { ...note, text: 'texT\n' };
    expect(() => verifyNote(changed, [keys[1]!])).toThrow(tampered);
  });

  it('texts that no reader would take for the same are not signed', () => {
    for (const text of ['', 'no newline', 'a\r\n', 'a\u0000\n', '\ud800\n']) {
      expect(() => signNote(text, [signer('x', 'ed25519')])).toThrow(RangeError);
    }
  });
});

describe('verifier key files', () => {
  const keys = [signer('strongroom/x', 'ed25519').key, signer('strongroom/x', 'ml-dsa-44').key];
  const file = formatVerifierKeys(keys);

  it('hold a line for each key and may hold comments', () => {
    const [classic = '', quantum = ''] = file.split('\n');
    expect(classic).toMatch(/^strongroom\/x\+[0-9a-f]{8}\+AQ?[A-Za-z0-9+/]+=*$/);
    const encoded = quantum.slice('strongroom/x+00000000+'.length);
    expect(Buffer.from(encoded, 'base64').subarray(0, 22).toString('latin1')).toBe(
      '\u00ffstrongroom/ml-dsa-44'.padEnd(
        22,
        Buffer.from(encoded, 'base64').toString('latin1', 21, 22),
      ),
    );
    expect(parseVerifierKeys(file)).toStrictEqual(keys);
    expect(parseVerifierKeys(`# the log's keys\n${file.slice(0, -1)}`)).toStrictEqual(keys);
  });

  it('no part of a key line and no changed character of it is taken for a key', () => {
    for (let from = 0; from <= NEUMANN_KEY.length; from += 1) {
      for (let to = from + 1; to <= NEUMANN_KEY.length; to += 1) {
        if (from === 0 && to === NEUMANN_KEY.length) continue;
        expect(() => parseVerifierKeys(NEUMANN_KEY.slice(from, to))).toThrow(invalid);
      }
    }
    fc.assert(
      fc.property(fc.nat(NEUMANN_KEY.length - 1), fc.string({ maxLength: 2 }), (at, other) => {
        const changed = NEUMANN_KEY.slice(0, at) + other + NEUMANN_KEY.slice(at + 1);
        fc.pre(changed !== NEUMANN_KEY && !changed.startsWith('#'));
        expect(() => parseVerifierKeys(changed)).toThrow(invalid);
      }),
    );
  });

  it('are refused with the line where it is empty, repeated, or of a wrong length or type', () => {
    const bad = [
      ['', 1],
      [`${file}\n`, 3],
      [file.replaceAll('\n', '\r\n'), 1],
      [`${file}${file}`, 3],
      [' # comment\n', 1],
      ['PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==', 1],
      ['PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW', 1],
    ] as const;
    for (const [text, line] of bad) {
      const fault = expect.objectContaining({ code: 'invalid_input', details: { line } });
      expect(() => parseVerifierKeys(text)).toThrow(fault);
    }
    expect(() => parseVerifierKeys('# no key\n')).toThrow(invalid);
  });

  it('are not made of names or keys that would not be read back', () => {
    const publicKey = new Uint8Array(32);
    for (const name of ['', 'a b', 'a+b', 'a\nb', 'a\u00a0b', '\ud800']) {
      expect(() => verifierKey(name, 'ed25519', publicKey)).toThrow(RangeError);
    }
    expect(() => verifierKey('a', 'ml-dsa-44', publicKey)).toThrow(RangeError);
    expect(toBase64(verifierKey('a', 'ed25519', publicKey).keyHash)).toHaveLength(8);
  });
});
