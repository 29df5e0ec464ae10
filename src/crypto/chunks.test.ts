import { createSecretKey } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { CHUNK_BYTES, ChunkOpener, ChunkSealer, SEALED_CHUNK_BYTES } from './chunks.ts';
import { encrypt } from './aead.ts';

const key = createSecretKey(new Uint8Array(32).fill(7));
const other = createSecretKey(new Uint8Array(32).fill(8));
const full = new Uint8Array(CHUNK_BYTES).fill(1);
const rest = new Uint8Array(5).fill(2);

function sealed(): Uint8Array[] {
  const sealer = new ChunkSealer(key);
  return [sealer.seal(full, false), sealer.seal(full, false), sealer.seal(rest, true)];
}

/** Opens chunks as one stream; only the last one given is taken as the last. */
function open(chunks: readonly Uint8Array[], with_ = key): Uint8Array[] {
  const opener = new ChunkOpener(with_);
  return chunks.map((chunk, at) => opener.open(chunk, at === chunks.length - 1));
}

describe('a stream of chunks', () => {
  it('opens in order, each chunk 16 bytes longer than its plaintext', () => {
    const chunks = sealed();
    expect(chunks.map(({ length }) => length)).toEqual([
      SEALED_CHUNK_BYTES,
      SEALED_CHUNK_BYTES,
      rest.length + 16,
    ]);
    expect(open(chunks)).toEqual([full, full, rest]);
  });

  it('has the nonces of age: an 11-byte counter and the mark of the last chunk', () => {
    const [first, , last] = sealed();
    const nonce = (counter: number, mark: number): Uint8Array =>
      Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, counter, mark);
    expect(first).toEqual(encrypt(key, nonce(0, 0), full, new Uint8Array(0)));
    expect(last).toEqual(encrypt(key, nonce(2, 1), rest, new Uint8Array(0)));
  });

  it.each([
    ['cut', (c: Uint8Array[]) => c.slice(0, 2)],
    ['with a chunk missing', (c: Uint8Array[]) => [c[0], c[2]]],
    ['reordered', (c: Uint8Array[]) => [c[1], c[0], c[2]]],
    ['with a chunk twice', (c: Uint8Array[]) => [c[0], c[0], c[1], c[2]]],
    ['going on behind its end', (c: Uint8Array[]) => [...c, c[2]]],
  ] as const)('does not open %s', (_, change) => {
    expect(() => open(change(sealed()) as Uint8Array[])).toThrow(/could not be decrypted/);
  });

  it('does not open under another key', () => {
    expect(() => open(sealed(), other)).toThrow(/could not be decrypted/);
  });

  it('refuses plaintext that is no chunk, and anything behind the last one', () => {
    const sealer = new ChunkSealer(key);
    expect(() => sealer.seal(rest, false)).toThrow(RangeError);
    expect(() => sealer.seal(new Uint8Array(0), true)).toThrow(RangeError);
    expect(() => sealer.seal(new Uint8Array(CHUNK_BYTES + 1), true)).toThrow(RangeError);
    sealer.seal(rest, true);
    expect(() => sealer.seal(rest, true)).toThrow(/over/);
  });
});
