import { describe, expect, it } from 'vitest';
import { generateSigningKey, sign, verify } from '../crypto/signature.ts';
import { sha256 } from '../crypto/hash.ts';
import { concat, u64, utf8 } from '../lib/bytes.ts';
import { formatCheckpoint } from './checkpoint.ts';
import { cosignedMessage, signCosignature, verifyCosignature } from './cosignature.ts';
import { verifierKey } from './verifier-key.ts';

const ORIGIN = 'example.com/log';
const root = sha256(utf8('root'));
const checkpoint = { origin: ORIGIN, size: 20_852_163, root };
const text = formatCheckpoint(checkpoint);
const { privateKey, publicKey } = generateSigningKey('ml-dsa-44');
const key = verifierKey(ORIGIN, 'ml-dsa-44', publicKey);

/** The message as C2SP tlog-cosignature lays it out, part by part. */
function message(cosigner: string, timestamp: bigint, origin: string, size: bigint): Buffer {
  const fixed = Buffer.alloc(24);
  fixed.writeBigUInt64BE(timestamp, 0);
  fixed.writeBigUInt64BE(0n, 8);
  fixed.writeBigUInt64BE(size, 16);
  return Buffer.concat([
    Buffer.from('737562747265652f76310a00', 'hex'),
    Buffer.from([Buffer.byteLength(cosigner)]),
    Buffer.from(cosigner),
    fixed.subarray(0, 8),
    Buffer.from([Buffer.byteLength(origin)]),
    Buffer.from(origin),
    fixed.subarray(8),
    root,
  ]);
}

describe('cosignatures of checkpoints', () => {
  it('are over label, name, timestamp, origin, start, end and hash', () => {
    const timestamp = u64(1_679_315_147);
    const made = cosignedMessage({ cosigner: 'witness.example/\u00fc', timestamp, checkpoint });
    const expected = message('witness.example/\u00fc', 1_679_315_147n, ORIGIN, 20_852_163n);
    expect(Buffer.from(made!).toString('hex')).toBe(expected.toString('hex'));
  });

  it('a log signs with timestamp 0, and the signature is over the message of that', () => {
    const line = signCosignature(text, ORIGIN, privateKey);
    expect(line).toHaveLength(8 + 2420);
    expect(line.subarray(0, 8)).toStrictEqual(new Uint8Array(8));
    const over = message(ORIGIN, 0n, ORIGIN, 20_852_163n);
    expect(verify('ml-dsa-44', publicKey, over, line.subarray(8))).toBe(true);
    expect(verifyCosignature(text, key, line)).toBe(true);
  });

  it('a cosignature of any moment up to 2^63 \u2212 1 verifies by its own timestamp alone', () => {
    for (const [timestamp, isGood] of [
      [1n, true],
      [2n ** 63n - 1n, true],
      [2n ** 63n, false],
      [2n ** 64n - 1n, false],
    ] as const) {
      const over = message(ORIGIN, timestamp, ORIGIN, 20_852_163n);
      const stamp = over.subarray(12 + 1 + ORIGIN.length, 12 + 1 + ORIGIN.length + 8);
      const line = concat([stamp, sign(privateKey, over)]);
      expect(verifyCosignature(text, key, line)).toBe(isGood);
      expect(verifyCosignature(text, key, concat([u64(7), line.subarray(8)]))).toBe(false);
    }
  });

  it('a signature of the text itself is none, and no part of one is', () => {
    const plain = sign(privateKey, utf8(text));
    expect(verifyCosignature(text, key, plain)).toBe(false);
    expect(verifyCosignature(text, key, concat([u64(0), plain]))).toBe(false);
    const line = signCosignature(text, ORIGIN, privateKey);
    for (const length of [0, 1, 8, 2427]) {
      expect(verifyCosignature(text, key, line.subarray(0, length))).toBe(false);
    }
  });

  it('commit to origin, size, root and the name of the key', () => {
    const line = signCosignature(text, ORIGIN, privateKey);
    for (const other of [
      { origin: 'example.com/lug' },
      { size: 20_852_164 },
      { root: sha256(root) },
    ]) {
      const changed = formatCheckpoint({ ...checkpoint, ...other });
      expect(verifyCosignature(changed, key, line)).toBe(false);
    }
    const renamed = verifierKey('example.com/lug', 'ml-dsa-44', publicKey);
    expect(verifyCosignature(text, renamed, line)).toBe(false);
  });

  it('are not made of texts that are no checkpoint, nor of names over 255 bytes', () => {
    const long = 'o'.repeat(256);
    const ofLong = formatCheckpoint({ ...checkpoint, origin: long });
    for (const bad of ['text\n', `${text}extension\n`, ofLong]) {
      expect(() => signCosignature(bad, ORIGIN, privateKey)).toThrow(RangeError);
      expect(verifyCosignature(bad, key, signCosignature(text, ORIGIN, privateKey))).toBe(false);
    }
    expect(() => signCosignature(text, long, privateKey)).toThrow(RangeError);
    const most = formatCheckpoint({ ...checkpoint, origin: long.slice(1) });
    const line = signCosignature(most, long.slice(1), privateKey);
    expect(verifyCosignature(most, verifierKey(long.slice(1), 'ml-dsa-44', publicKey), line)).toBe(
      true,
    );
  });
});
