import { createPrivateKey } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateSigningKey, publicKeyOf } from '../crypto/signature.ts';
import { toBase64 } from '../lib/base64.ts';
import {
  formatVerifierKeys,
  parseVerifierKeys,
  type VerifierKey,
  verifierKey,
} from './verifier-key.ts';

// The example of golang.org/x/mod/sumdb/note, on which C2SP signed-note is built.
const NEUMANN_KEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';

const invalid = expect.objectContaining({ code: 'invalid_input' });

function newKey(algorithm: 'ed25519' | 'ml-dsa-44'): VerifierKey {
  return verifierKey('strongroom/x', algorithm, generateSigningKey(algorithm).publicKey);
}

describe('verifier key files', () => {
  const keys = [newKey('ed25519'), newKey('ml-dsa-44')];
  const file = formatVerifierKeys(keys);

  it('hold a line for each key and may hold comments', () => {
    const [classic = '', quantum = ''] = file.split('\n');
    for (const [line, type, length] of [
      [classic, 0x01, 33],
      [quantum, 0x06, 1313],
    ] as const) {
      expect(line).toMatch(/^strongroom\/x\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*$/);
      const bytes = Buffer.from(line.slice('strongroom/x+00000000+'.length), 'base64');
      expect([bytes[0], bytes.length]).toStrictEqual([type, length]);
    }
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

  it('the ML-DSA-44 log key of another implementation has the key hash that it gives', () => {
    // Seed, name and key hash of the log in filippo.io/torchwood, cmd/litewitness/testdata/mldsa.txt.
    const seed = '2886adc2b0eabfce67c0472939127998bf886cf256bfee8ba76a253fce1146e0';
    const pkcs8 = Buffer.from(`3034020100300b060960864801650304031104228020${seed}`, 'hex');
    const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
    const key = verifierKey('example.com/mldsa-log', 'ml-dsa-44', publicKeyOf(privateKey));
    expect(formatVerifierKeys([key])).toMatch(/^example\.com\/mldsa-log\+b5df45c5\+BuhtcL97/);
  });
});
