import { describe, expect, it } from 'vitest';

import { utf8, utf8Decode } from '../lib/bytes.ts';
import { ReceivedBytes } from './received-bytes.ts';

describe('bytes that come in pieces', () => {
  it('are all there, in their order, and not where they came', () => {
    const received = new ReceivedBytes();
    const pieces = Array.from({ length: 3000 }, (_, at) => utf8(String(at)));
    const all = Buffer.concat(pieces).toString();
    for (const piece of pieces) received.add(piece);
    expect(utf8Decode(received.bytes)).toBe(all);
    expect(pieces.every((piece) => piece.every((byte) => byte === 0))).toBe(true);
  });

  it('A56 L8 take up twice what they are at most, be it in pieces of one byte', () => {
    const received = new ReceivedBytes();
    for (let at = 0; at < 30_000; at += 1) received.add(Uint8Array.of(7));
    expect(received.bytes).toHaveLength(30_000);
    expect(received.bytes.buffer.byteLength).toBeLessThanOrEqual(60_000);
  });

  it('are wiped where they grew out of their place, and in the end', () => {
    const received = new ReceivedBytes();
    received.add(utf8('x'.repeat(1000)));
    const former = received.bytes;
    received.add(utf8('y'.repeat(1000)));
    expect(former.every((byte) => byte === 0)).toBe(true);
    const { bytes } = received;
    received.wipe();
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    expect(received.bytes).toHaveLength(0);
  });
});
