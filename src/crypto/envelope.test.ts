import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { StrongroomError } from '../errors.ts';
import { concat, tuple, u64 } from '../lib/bytes.ts';
import { uuidBytes, uuidv7 } from '../lib/ids.ts';
import { decrypt } from './aead.ts';
import {
  envelopeCommitment,
  envelopeKeyId,
  openEnvelope,
  openUnlocked,
  rewrapEnvelope,
  sealEnvelope,
  unlockEnvelope,
} from './envelope.ts';
import type { EnvelopeContext, EnvelopeDomain, WrappingKey } from './envelope.ts';
import { randomBytes } from './random.ts';

const PARTS = {
  magic: [0, 4],
  format: [4, 5],
  algorithm: [5, 6],
  keyId: [6, 22],
  wrapNonce: [22, 34],
  wrapped: [34, 82],
  salt: [82, 114],
  commitment: [114, 146],
  nonce: [146, 158],
} as const;

const DOMAINS = [
  'value',
  'metadata',
  'layout',
  'idempotency',
  'personal',
  'factor',
  'method',
] as const satisfies readonly EnvelopeDomain[];

function newKey(): WrappingKey {
  return { id: uuidv7(), key: createSecretKey(randomBytes(32)) };
}

function newContext(changes: Partial<EnvelopeContext> = {}): EnvelopeContext {
  return {
    domain: 'value',
    vaultId: uuidv7(),
    workspaceId: uuidv7(),
    environmentId: uuidv7(),
    subjectId: uuidv7(),
    number: 7,
    ...changes,
  };
}

const wrapping = newKey();
const context = newContext();
const plaintext = Buffer.from('correct horse battery staple');
const onlyKey = (): KeyObject => wrapping.key;

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof StrongroomError) return error.code;
    throw error;
  }
  return 'nothing was thrown';
}

/** The additional data of the value as docs/spec/envelope.md writes it. */
function valueData(place: EnvelopeContext): Uint8Array {
  return tuple(['strongroom/v1/envelope', ...placeParts(place)]);
}

function wrapData(place: EnvelopeContext, keyId: string): Uint8Array {
  return tuple(['strongroom/v1/wrap', ...placeParts(place), uuidBytes(keyId)]);
}

function placeParts(place: EnvelopeContext): (string | Uint8Array)[] {
  const { domain, vaultId, workspaceId, environmentId, subjectId, number } = place;
  const ids = [vaultId, workspaceId, environmentId, subjectId].map(uuidBytes);
  return [domain, Uint8Array.of(1), ...ids, u64(number)];
}

interface Keys {
  readonly encryption: Uint8Array;
  readonly commitment: Uint8Array;
}

function derive(dataKey: Uint8Array, salt: Uint8Array): Keys {
  const keys = new Uint8Array(hkdfSync('sha512', dataKey, salt, 'strongroom/v1/envelope-keys', 64));
  return { encryption: keys.slice(0, 32), commitment: keys.slice(32) };
}

function gcm(key: KeyObject | Uint8Array, nonce: Uint8Array, text: Uint8Array, data: Uint8Array) {
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(data);
  return concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
}

/** Opens nonce ‖ ciphertext ‖ tag. */
function openGcm(key: KeyObject | Uint8Array, sealed: Uint8Array, data: Uint8Array): Uint8Array {
  const nonce = sealed.subarray(0, 12);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
  decipher.setAuthTag(sealed.subarray(-16));
  decipher.setAAD(data);
  return concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
}

function throwing(code: 'key_not_found' | 'wrong_key'): () => KeyObject {
  return () => {
    throw new StrongroomError(code, 'private');
  };
}

interface Ingredients {
  readonly dataKey: Uint8Array;
  readonly salt: Uint8Array;
  readonly nonce: Uint8Array;
  readonly commitment: Uint8Array;
  readonly sealed: Uint8Array;
}

/** Writes an envelope from parts that need not fit together, with a genuine wrap. */
function assemble(parts: Ingredients): Uint8Array {
  const wrapNonce = randomBytes(12);
  const data = wrapData(context, wrapping.id);
  return concat([
    Uint8Array.of(0x53, 0x52, 0x45, 0, 1, 1),
    uuidBytes(wrapping.id),
    wrapNonce,
    gcm(wrapping.key, wrapNonce, parts.dataKey, data),
    parts.salt,
    parts.commitment,
    parts.nonce,
    parts.sealed,
  ]);
}

/** The sizes of the arrays of one key or two that were filled with zeros, in order. */
function wipedKeys(run: () => unknown): number[] {
  const fill = vi.spyOn(Uint8Array.prototype, 'fill');
  try {
    run();
    const zeros = new Set<Uint8Array>();
    for (const target of fill.mock.contexts) {
      if (!(target instanceof Uint8Array) || target.length % 32 > 0) continue;
      if (target.every((byte) => byte === 0)) zeros.add(target);
    }
    return Array.from(zeros, (target) => target.length);
  } finally {
    fill.mockRestore();
  }
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
}

describe('an envelope', () => {
  it('gives back any plaintext in its own place', () => {
    const domain = fc.constantFrom(...DOMAINS);
    const number = fc.maxSafeNat();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), domain, number, (text, domain, number) => {
        const place = newContext({ domain, number });
        const envelope = sealEnvelope(wrapping, place, text);
        expect(envelope).toHaveLength(174 + text.length);
        expect(openEnvelope(envelope, place, onlyKey)).toEqual(text);
      }),
    );
  });

  it('is sealed so that a program written from the specification opens it', () => {
    const domain = fc.constantFrom(...DOMAINS);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 99 }), domain, fc.maxSafeNat(), (text, domain, n) => {
        const place = newContext({ domain, number: n });
        const envelope = sealEnvelope(wrapping, place, text);
        const wrapped = envelope.subarray(22, 82);
        const dataKey = openGcm(wrapping.key, wrapped, wrapData(place, wrapping.id));
        const keys = derive(dataKey, envelope.subarray(82, 114));
        expect(envelope.slice(114, 146)).toEqual(keys.commitment);
        const sealed = envelope.subarray(146);
        expect(openGcm(keys.encryption, sealed, valueData(place))).toEqual(text);
      }),
    );
  });

  it('that a program wrote from the specification is opened', () => {
    const dataKey = randomBytes(32);
    const salt = randomBytes(32);
    const nonce = randomBytes(12);
    const keys = derive(dataKey, salt);
    const sealed = gcm(keys.encryption, nonce, plaintext, valueData(context));
    const envelope = assemble({ dataKey, salt, nonce, commitment: keys.commitment, sealed });
    expect(openEnvelope(envelope, context, onlyKey)).toEqual(new Uint8Array(plaintext));
  });

  it('names its workspace key, and asks for that key alone', () => {
    const envelope = sealEnvelope(wrapping, context, plaintext);
    expect(envelopeKeyId(envelope)).toBe(wrapping.id);
    const asked: string[] = [];
    openEnvelope(envelope, context, (id) => {
      asked.push(id);
      return wrapping.key;
    });
    expect(asked).toEqual([wrapping.id]);
  });

  it('shows its commitment, the 32 bytes at offset 114, without a copy', () => {
    const envelope = sealEnvelope(wrapping, context, plaintext);
    const commitment = envelopeCommitment(envelope);
    expect(commitment).toEqual(envelope.subarray(114, 146));
    expect(commitment.buffer).toBe(envelope.buffer);
    expect(envelopeCommitment(envelope.subarray(0, 120))).toHaveLength(6);
  });

  it('has fresh data key, salt and nonces each time', () => {
    const seen = { wrapNonce: new Set(), wrapped: new Set(), salt: new Set(), nonce: new Set() };
    for (let i = 0; i < 1000; i += 1) {
      const envelope = sealEnvelope(wrapping, context, plaintext);
      for (const part of ['wrapNonce', 'wrapped', 'salt', 'nonce'] as const) {
        seen[part].add(Buffer.from(envelope.subarray(...PARTS[part])).toString('hex'));
      }
    }
    for (const set of Object.values(seen)) expect(set.size).toBe(1000);
  });

  it('does not open with any bit flipped, nor cut short, nor longer', () => {
    const envelope = sealEnvelope(wrapping, context, plaintext);
    for (let bit = 0; bit < envelope.length * 8; bit += 1) {
      const run = (): unknown => openEnvelope(flipped(envelope, bit), context, onlyKey);
      expect(codeOf(run)).toBe('decryption_failed');
    }
    for (let length = 0; length < envelope.length; length += 1) {
      const run = (): unknown => openEnvelope(envelope.subarray(0, length), context, onlyKey);
      expect(codeOf(run)).toBe('decryption_failed');
      if (length >= 174) continue;
      expect(codeOf(() => envelopeKeyId(envelope.subarray(0, length)))).toBe('decryption_failed');
    }
    const longer = concat([envelope, Uint8Array.of(0)]);
    expect(codeOf(() => openEnvelope(longer, context, onlyKey))).toBe('decryption_failed');
  });

  it('of an unknown magic, format or algorithm is refused before a key is asked for', () => {
    const envelope = sealEnvelope(wrapping, context, plaintext);
    for (let at = 0; at < 6; at += 1) {
      for (const value of [0, 1, 2, 0x52, 0x53, 255]) {
        if (envelope[at] === value) continue;
        const altered = envelope.slice();
        altered[at] = value;
        const run = (): unknown =>
          openEnvelope(altered, context, () => {
            throw new Error('asked for a key');
          });
        expect(codeOf(run)).toBe('decryption_failed');
        expect(codeOf(() => envelopeKeyId(altered))).toBe('decryption_failed');
      }
    }
  });

  it('whose key is unknown fails like any other, and a sealed vault is still told', () => {
    const envelope = sealEnvelope(wrapping, context, plaintext);
    expect(codeOf(() => openEnvelope(envelope, context, throwing('key_not_found')))).toBe(
      'decryption_failed',
    );
    expect(codeOf(() => openEnvelope(envelope, context, throwing('wrong_key')))).toBe('wrong_key');
  });

  it('leaves no data key and no derived key behind, whether it opens or not', () => {
    const envelope = sealEnvelope(wrapping, context, plaintext);
    const altered = flipped(envelope, 8 * (envelope.length - 1));
    const uncommitted = flipped(envelope, 8 * PARTS.commitment[0]);
    for (const run of [
      (): unknown => sealEnvelope(wrapping, context, plaintext),
      (): unknown => openEnvelope(envelope, context, onlyKey),
      (): unknown => codeOf(() => openEnvelope(altered, context, onlyKey)),
      (): unknown => codeOf(() => openEnvelope(uncommitted, context, onlyKey)),
    ]) {
      // Both derived keys are one array, wiped before the data key.
      expect(wipedKeys(run)).toEqual([64, 32]);
    }
  });

  it('is not sealed for a malformed place', () => {
    for (const number of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => sealEnvelope(wrapping, newContext({ number }), plaintext)).toThrow(RangeError);
    }
    const id = uuidv7();
    const malformed = [
      '',
      id.toUpperCase().replace('7', 'A'),
      id.slice(1),
      `${id}0`,
      id.replace('-', '0'),
      id.replaceAll('-', ''),
      `g${id.slice(1)}`,
      `${id.slice(0, 35)}g`,
      `${id.slice(0, 35)}/`,
      `${id.slice(0, 35)}:`,
      `${id.slice(0, 35)}\``,
    ];
    for (const bad of malformed) {
      for (const field of ['vaultId', 'workspaceId', 'environmentId', 'subjectId'] as const) {
        const place = newContext({ [field]: bad });
        expect(() => sealEnvelope(wrapping, place, plaintext)).toThrow(RangeError);
      }
      const badKey = { id: bad, key: wrapping.key };
      expect(() => sealEnvelope(badKey, context, plaintext)).toThrow(RangeError);
    }
    const shortKey = { id, key: createSecretKey(new Uint8Array(16)) };
    expect(() => sealEnvelope(shortKey, context, plaintext)).toThrow(RangeError);
  });
});

describe('an envelope that was unlocked', () => {
  it('opens as often as is wanted, whatever else is opened or sealed meanwhile', () => {
    const other = newContext();
    const envelopes = [context, other].map((place) => sealEnvelope(wrapping, place, plaintext));
    const [first, second] = envelopes as [Uint8Array, Uint8Array];
    const unlocked = unlockEnvelope(first, context, onlyKey);
    const otherUnlocked = unlockEnvelope(second, other, onlyKey);
    sealEnvelope(newKey(), newContext(), plaintext);
    for (let time = 0; time < 2; time += 1) {
      expect(Buffer.from(openUnlocked(unlocked))).toEqual(plaintext);
      expect(Buffer.from(openUnlocked(otherUnlocked))).toEqual(plaintext);
    }
  });

  it('is not unlocked in the place of another', () => {
    const envelope = sealEnvelope(wrapping, context, plaintext);
    expect(codeOf(() => unlockEnvelope(envelope, newContext(), onlyKey))).toBe('decryption_failed');
  });

  it('has a key id that is told from that of the one before', () => {
    const [a, b] = [newKey(), newKey()];
    const [ofA, ofB] = [sealEnvelope(a, context, plaintext), sealEnvelope(b, context, plaintext)];
    expect([ofA, ofB, ofB, ofA].map((each) => envelopeKeyId(each))).toEqual([
      a.id,
      b.id,
      b.id,
      a.id,
    ]);
  });

  it('has a key id that is read anew if it is a Buffer that is used again', () => {
    const [a, b] = [newKey(), newKey()];
    const buffer = Buffer.from(sealEnvelope(a, context, plaintext));
    expect(envelopeKeyId(buffer)).toBe(a.id);
    buffer.set(sealEnvelope(b, context, plaintext));
    expect(envelopeKeyId(buffer)).toBe(b.id);
  });

  it('stays as it is when it is wrapped anew, if it is a Buffer too', () => {
    const buffer = Buffer.from(sealEnvelope(wrapping, context, plaintext));
    const before = Buffer.from(buffer);
    const other = newKey();
    const rewrapped = rewrapEnvelope(buffer, context, onlyKey, other);
    expect(buffer.equals(before)).toBe(true);
    expect(envelopeKeyId(rewrapped)).toBe(other.id);
    expect(Buffer.from(openEnvelope(rewrapped, context, () => other.key))).toEqual(plaintext);
  });
});

describe('A73: an envelope opens in its own place only', () => {
  const dimensions: readonly [string, Partial<EnvelopeContext>][] = [
    ['domain', { domain: 'metadata' }],
    ['vault', { vaultId: uuidv7() }],
    ['workspace', { workspaceId: uuidv7() }],
    ['environment', { environmentId: uuidv7() }],
    ['secret', { subjectId: uuidv7() }],
    ['version', { number: 8 }],
  ];

  it.each(dimensions)('A73: not with another %s', (_name, change) => {
    const envelope = sealEnvelope(wrapping, context, plaintext);
    const elsewhere = { ...context, ...change };
    const run = (): unknown => openEnvelope(envelope, elsewhere, onlyKey);
    expect(codeOf(run)).toBe('decryption_failed');
  });

  it.each(dimensions)('A73: not with a value moved under the wrap of another %s', (_n, change) => {
    const elsewhere = { ...context, ...change };
    const here = sealEnvelope(wrapping, context, plaintext);
    const there = sealEnvelope(wrapping, elsewhere, plaintext);
    const mixed = concat([here.subarray(0, 82), there.subarray(82)]);
    expect(codeOf(() => openEnvelope(mixed, context, onlyKey))).toBe('decryption_failed');
    expect(codeOf(() => openEnvelope(mixed, elsewhere, onlyKey))).toBe('decryption_failed');
  });

  it.each(dimensions)(
    'A73: the value is bound to its %s of itself, not by its wrap alone',
    (_n, change) => {
      const dataKey = randomBytes(32);
      const salt = randomBytes(32);
      const nonce = randomBytes(12);
      const { encryption, commitment } = derive(dataKey, salt);
      const elsewhere = { ...context, ...change };
      const sealed = gcm(encryption, nonce, plaintext, valueData(elsewhere));
      const envelope = assemble({ dataKey, salt, nonce, commitment, sealed });
      expect(codeOf(() => openEnvelope(envelope, context, onlyKey))).toBe('decryption_failed');
    },
  );

  it('A73: not with two ids exchanged with each other', () => {
    const envelope = sealEnvelope(wrapping, context, plaintext);
    const ids = ['vaultId', 'workspaceId', 'environmentId', 'subjectId'] as const;
    for (const a of ids) {
      for (const b of ids) {
        if (a === b) continue;
        const exchanged = { ...context, [a]: context[b], [b]: context[a] };
        const run = (): unknown => openEnvelope(envelope, exchanged, onlyKey);
        expect(codeOf(run)).toBe('decryption_failed');
      }
    }
  });

  it('A73: not with any part exchanged for that of another envelope of the same key', () => {
    const a = sealEnvelope(wrapping, context, plaintext);
    const b = sealEnvelope(wrapping, newContext({ number: 8 }), plaintext);
    const parts = ['wrapNonce', 'wrapped', 'salt', 'commitment', 'nonce'] as const;
    for (const part of parts) {
      const mixed = a.slice();
      mixed.set(b.subarray(...PARTS[part]), PARTS[part][0]);
      expect(codeOf(() => openEnvelope(mixed, context, onlyKey))).toBe('decryption_failed');
    }
    const body = concat([a.subarray(0, 158), b.subarray(158)]);
    expect(codeOf(() => openEnvelope(body, context, onlyKey))).toBe('decryption_failed');
  });

  it('A73: not under another key id, though the key itself is right', () => {
    const envelope = sealEnvelope(wrapping, context, plaintext);
    envelope.set(uuidBytes(uuidv7()), 6);
    expect(codeOf(() => openEnvelope(envelope, context, onlyKey))).toBe('decryption_failed');
  });
});

/** Multiplication in GF(2¹²⁸) as NIST SP 800-38D §6.3 has it; the first bit is the highest. */
function multiply(x: bigint, y: bigint): bigint {
  let product = 0n;
  let v = y;
  for (let i = 127n; i >= 0n; i -= 1n) {
    if ((x >> i) & 1n) product ^= v;
    v = v & 1n ? (v >> 1n) ^ (0xe1n << 120n) : v >> 1n;
  }
  return product;
}

/** The inverse is the power 2¹²⁸ − 2. */
function invert(x: bigint): bigint {
  let result = 1n << 127n;
  let square = x;
  for (let i = 1; i < 128; i += 1) {
    square = multiply(square, square);
    result = multiply(result, square);
  }
  return result;
}

function blocks(bytes: Uint8Array): bigint[] {
  const padded = Buffer.alloc(Math.ceil(bytes.length / 16) * 16);
  padded.set(bytes);
  const list: bigint[] = [];
  for (let i = 0; i < padded.length; i += 16) {
    list.push(BigInt(`0x${padded.subarray(i, i + 16).toString('hex')}`));
  }
  return list;
}

function blockBytes(block: bigint): Uint8Array {
  return Buffer.from(block.toString(16).padStart(32, '0'), 'hex');
}

/** What one key makes of a ciphertext of one unknown block: tag = unknown·H² + rest. */
function tagEquation(key: Uint8Array, nonce: Uint8Array, data: Uint8Array) {
  const ecb = (input: Uint8Array): bigint => {
    const cipher = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
    return blocks(concat([cipher.update(input), cipher.final()]))[0]!;
  };
  const h = ecb(new Uint8Array(16));
  const lengths = (BigInt(data.length * 8) << 64n) | 128n;
  let state = 0n;
  for (const block of [...blocks(data), 0n, lengths]) state = multiply(state ^ block, h);
  const mask = ecb(concat([nonce, Uint8Array.of(0, 0, 0, 1)]));
  return { factor: multiply(h, h), rest: state ^ mask };
}

describe('A72: an envelope opens under one data key only', () => {
  const salt = randomBytes(32);
  const nonce = randomBytes(12);
  const dataKeys = [randomBytes(32), randomBytes(32)] as const;
  const derived = [derive(dataKeys[0], salt), derive(dataKeys[1], salt)] as const;
  const data = valueData(context);
  const [a, b] = [
    tagEquation(derived[0].encryption, nonce, data),
    tagEquation(derived[1].encryption, nonce, data),
  ];
  const block = multiply(a.rest ^ b.rest, invert(a.factor ^ b.factor));
  const sealed = concat([blockBytes(block), blockBytes(multiply(block, a.factor) ^ a.rest)]);

  it('A72: a ciphertext can be made that raw AES-256-GCM accepts under two keys', () => {
    const texts = derived.map((keys) => decrypt(keys.encryption, nonce, sealed, data));
    expect(texts[0]).toHaveLength(16);
    expect(texts[1]).toHaveLength(16);
    expect(texts[0]).not.toEqual(texts[1]);
  });

  it('A72: with the commitment to one key, the other key is refused', () => {
    for (const [mine, other] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const commitment = derived[mine].commitment;
      const own = assemble({ dataKey: dataKeys[mine], salt, nonce, commitment, sealed });
      expect(openEnvelope(own, context, onlyKey)).toHaveLength(16);
      const swapped = assemble({ dataKey: dataKeys[other], salt, nonce, commitment, sealed });
      expect(codeOf(() => openEnvelope(swapped, context, onlyKey))).toBe('decryption_failed');
    }
  });

  it('A72: with any other commitment, both keys are refused', () => {
    for (const commitment of [new Uint8Array(32), randomBytes(32), derived[0].encryption]) {
      for (const dataKey of dataKeys) {
        const envelope = assemble({ dataKey, salt, nonce, commitment, sealed });
        expect(codeOf(() => openEnvelope(envelope, context, onlyKey))).toBe('decryption_failed');
      }
    }
  });

  it('A72: a flip of any of the 256 bits of the commitment is refused', () => {
    const envelope = sealEnvelope(wrapping, context, plaintext);
    for (let bit = PARTS.commitment[0] * 8; bit < PARTS.commitment[1] * 8; bit += 1) {
      const run = (): unknown => openEnvelope(flipped(envelope, bit), context, onlyKey);
      expect(codeOf(run)).toBe('decryption_failed');
    }
  });
});

describe('an envelope whose data key is wrapped anew', () => {
  const next = newKey();
  const sealed = sealEnvelope(wrapping, context, plaintext);
  const keyById = (id: string): KeyObject => (id === next.id ? next.key : wrapping.key);

  it('opens under the new key, and all but the wrap are the bytes of before', () => {
    const before = Buffer.from(sealed).toString('hex');
    const rewrapped = rewrapEnvelope(sealed, context, keyById, next);
    expect(Buffer.from(sealed).toString('hex')).toBe(before);
    expect(envelopeKeyId(rewrapped)).toBe(next.id);
    expect(rewrapped.subarray(0, 6)).toEqual(sealed.subarray(0, 6));
    expect(rewrapped.subarray(...PARTS.wrapNonce)).not.toEqual(sealed.subarray(...PARTS.wrapNonce));
    expect(rewrapped.subarray(...PARTS.wrapped)).not.toEqual(sealed.subarray(...PARTS.wrapped));
    expect(rewrapped.subarray(PARTS.salt[0])).toEqual(sealed.subarray(PARTS.salt[0]));
    expect(envelopeCommitment(rewrapped)).toEqual(envelopeCommitment(sealed));
    expect(Buffer.from(openEnvelope(rewrapped, context, keyById)).equals(plaintext)).toBe(true);
    expect(codeOf(() => openEnvelope(rewrapped, context, onlyKey))).toBe('decryption_failed');
  });

  it('A73 is refused in any other place, and with any byte of the wrap flipped', () => {
    for (const changes of [
      { domain: 'metadata' as const },
      { vaultId: uuidv7() },
      { workspaceId: uuidv7() },
      { environmentId: uuidv7() },
      { subjectId: uuidv7() },
      { number: 8 },
    ]) {
      const elsewhere = { ...context, ...changes };
      expect(codeOf(() => rewrapEnvelope(sealed, elsewhere, keyById, next))).toBe(
        'decryption_failed',
      );
    }
    for (let at = 0; at < PARTS.salt[0]; at += 1) {
      const flipped = sealed.slice();
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      expect(codeOf(() => rewrapEnvelope(flipped, context, keyById, next))).toBe(
        'decryption_failed',
      );
    }
  });

  it('A72 is refused when it does not hold the commitment to its data key', () => {
    for (let at: number = PARTS.salt[0]; at < PARTS.nonce[0]; at += 1) {
      const flipped = sealed.slice();
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      expect(codeOf(() => rewrapEnvelope(flipped, context, keyById, next))).toBe(
        'decryption_failed',
      );
    }
  });

  it('A71 is refused when it is shorter than an envelope', () => {
    for (const length of [0, 5, 22, 34, 82, 173]) {
      expect(codeOf(() => rewrapEnvelope(sealed.subarray(0, length), context, keyById, next))).toBe(
        'decryption_failed',
      );
    }
  });

  it('A70 has a nonce of its own in each of 100,000 wraps, which nobody can choose', () => {
    expect(rewrapEnvelope.length).toBe(4);
    expect(sealEnvelope.length).toBe(3);
    const nonces = new Set<string>();
    for (let count = 0; count < 100_000; count += 1) {
      const rewrapped = rewrapEnvelope(sealed, context, keyById, next);
      nonces.add(Buffer.from(rewrapped.subarray(...PARTS.wrapNonce)).toString('latin1'));
    }
    expect(nonces.size).toBe(100_000);
  });
});
