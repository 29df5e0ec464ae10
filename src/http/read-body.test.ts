import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

import { describe, expect, it } from 'vitest';

import { utf8, utf8Decode } from '../lib/bytes.ts';
import { readBody } from './read-body.ts';
import { SharedRoom } from './shared-room.ts';

/** A request whose body comes in these pieces, and then fails if it is told to. */
function requestOf(pieces: readonly Uint8Array[], failure?: Error): IncomingMessage {
  async function* body(): AsyncGenerator<Uint8Array> {
    yield* pieces;
    if (failure !== undefined) throw failure;
  }
  return Readable.from(body(), { objectMode: true }) as unknown as IncomingMessage;
}

const pieces = (): readonly Uint8Array[] => ['a val', 'ue of', ' mine'].map((text) => utf8(text));
const isWiped = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);
const LIMITS = { contentLength: undefined, bytesMax: 100 };

describe('a body', () => {
  it('is given whole, and wiped with its pieces once something was made of it', async () => {
    const received = pieces();
    let given: Uint8Array = new Uint8Array();
    const text = await readBody(requestOf(received), LIMITS, (body) => {
      given = body;
      return utf8Decode(body);
    });
    expect(text).toBe('a value of mine');
    expect([...received, given].map(isWiped)).toEqual([true, true, true, true]);
  });

  it('is wiped as well where nothing can be made of it', async () => {
    const received = pieces();
    let given: Uint8Array = new Uint8Array();
    const reading = readBody(requestOf(received), LIMITS, (body) => {
      given = body;
      throw new RangeError('it is none');
    });
    await expect(reading).rejects.toThrow('it is none');
    expect(given).toHaveLength(15);
    expect([...received, given].map(isWiped)).toEqual([true, true, true, true]);
  });

  it.each([
    ['that is too long', 'request_too_large', { bytesMax: 8 }],
    ['for which there is no room', 'rate_limited', { held: heldBy(8) }],
    ['that breaks off', 'invalid_request', {}],
  ])('%s is wiped as far as it came', async (_, code, more) => {
    const received = pieces();
    const request = requestOf(received, new Error('it broke off'));
    const reading = readBody(request, { ...LIMITS, ...more }, () => 'made');
    await expect(reading).rejects.toMatchObject({ code });
    const came = code === 'invalid_request' ? received : received.slice(0, 2);
    expect(came.every(isWiped)).toBe(true);
  });
});

function heldBy(bytes: number): { readonly room: SharedRoom; readonly ip: string } {
  return { room: new SharedRoom({ total: bytes }), ip: '192.0.2.1' };
}
