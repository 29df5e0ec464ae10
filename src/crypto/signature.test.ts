import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { StrongroomError } from '../errors.ts';
import { generateSigningKey, importSigningKey, publicKeyOf, sign, verify } from './signature.ts';
import type { SignatureAlgorithm } from './signature.ts';

const ALGORITHMS = [
  ['ed25519', 32, 64, [48]],
  // Node 24 writes the expanded key beside the seed (RFC 9881 §6).
  ['ml-dsa-44', 1312, 2420, [54, 2626]],
] as const;
const message = Buffer.from('size 12, root 34');

function malformed(length: number): Uint8Array[] {
  return [
    new Uint8Array(0),
    new Uint8Array(length - 1),
    new Uint8Array(length + 1),
    new Uint8Array(length),
    new Uint8Array(length).fill(255),
  ];
}

describe('Ed25519', () => {
  it('signs as RFC 8032 §7.1 has it, test 3', () => {
    const seed = 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7';
    const pkcs8 = Buffer.from(`302e020100300506032b657004220420${seed}`, 'hex');
    const key = importSigningKey('ed25519', pkcs8);
    const publicKey = publicKeyOf(key);
    expect(Buffer.from(publicKey).toString('hex')).toBe(
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    );
    const signature = sign(key, Buffer.from('af82', 'hex'));
    expect(Buffer.from(signature).toString('hex')).toBe(
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac' +
        '18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    );
    expect(verify('ed25519', publicKey, Buffer.from('af82', 'hex'), signature)).toBe(true);
  });
});

describe.each(ALGORITHMS)('%s', (algorithm, publicBytes, signatureBytes, pkcs8Bytes) => {
  const { privateKey, pkcs8, publicKey } = generateSigningKey(algorithm);
  const signature = sign(privateKey, message);

  it('makes keys and signatures of its sizes, and none of them a Buffer', () => {
    expect(publicKey).toHaveLength(publicBytes);
    expect(signature).toHaveLength(signatureBytes);
    expect(pkcs8Bytes).toContain(pkcs8.length);
    for (const bytes of [publicKey, signature, pkcs8]) expect(Buffer.isBuffer(bytes)).toBe(false);
  });

  it('makes another key each time', () => {
    expect(generateSigningKey(algorithm).publicKey).not.toEqual(publicKey);
  });

  it('imports its private key, which is the same key', () => {
    const imported = importSigningKey(algorithm, pkcs8);
    expect(publicKeyOf(imported)).toEqual(publicKey);
    expect(verify(algorithm, publicKey, message, sign(imported, message))).toBe(true);
  });

  it('accepts its signature over the message alone', () => {
    expect(verify(algorithm, publicKey, message, signature)).toBe(true);
    expect(verify(algorithm, publicKey, Buffer.from('size 12, root 35'), signature)).toBe(false);
    expect(verify(algorithm, publicKey, new Uint8Array(0), signature)).toBe(false);
    const other = generateSigningKey(algorithm);
    expect(verify(algorithm, other.publicKey, message, signature)).toBe(false);
  });

  it('refuses a signature with any byte altered', () => {
    for (let at = 0; at < signatureBytes; at += Math.ceil(signatureBytes / 64)) {
      const altered = signature.slice();
      altered[at]! ^= 0x10;
      expect(verify(algorithm, publicKey, message, altered)).toBe(false);
    }
  });

  it('says false, and does not throw, on malformed keys and signatures', () => {
    for (const bytes of malformed(publicBytes)) {
      expect(verify(algorithm, bytes, message, signature)).toBe(false);
    }
    for (const bytes of malformed(signatureBytes)) {
      expect(verify(algorithm, publicKey, message, bytes)).toBe(false);
    }
  });

  it('refuses to import a key of another algorithm, or none', () => {
    const others: SignatureAlgorithm[] = ['ed25519', 'ml-dsa-44'];
    const wrong = others.find((other) => other !== algorithm)!;
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const inputs = [
      generateSigningKey(wrong).pkcs8,
      ec.export({ format: 'der', type: 'pkcs8' }),
      pkcs8.subarray(1),
      pkcs8.subarray(0, -1),
      new Uint8Array(0),
    ];
    for (const input of inputs) {
      let thrown: unknown;
      try {
        importSigningKey(algorithm, input);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(StrongroomError);
      expect(thrown).toMatchObject({ code: 'integrity_error' });
    }
  });
});

it('a key of another kind does not sign', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  expect(() => sign(privateKey, message)).toThrow(TypeError);
  expect(() => publicKeyOf(privateKey)).toThrow(TypeError);
  expect(() => sign(publicKey, message)).toThrow(TypeError);
});
