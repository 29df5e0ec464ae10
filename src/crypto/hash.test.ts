import { createHash, createHmac, createSecretKey } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Sha256, sha256 } from './hash.ts';
import { hkdfSha512 } from './hkdf.ts';
import { hmacSha256, storedHmacSha256 } from './mac.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('sha256', () => {
  it('gives the published digests of FIPS 180-4 examples', () => {
    expect(hex(sha256(new Uint8Array(0)))).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
    expect(hex(sha256(Buffer.from('abc')))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
    expect(
      hex(sha256(Buffer.from('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq'))),
    ).toBe('248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1');
  });

  it('agrees with the streaming hash on any bytes, and returns no Buffer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const digest = sha256(bytes);
        expect(Buffer.isBuffer(digest)).toBe(false);
        expect(hex(digest)).toBe(createHash('sha256').update(bytes).digest('hex'));
      }),
    );
  });
});

describe('Sha256', () => {
  it('gives of pieces the hash of the whole, and goes on from a copy', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        const begun = new Sha256().update(a);
        const copy = begun.copy().update(b);
        expect(begun.digest()).toEqual(sha256(a));
        expect(copy.digest()).toEqual(sha256(Uint8Array.of(...a, ...b)));
      }),
    );
  });
});

describe.each([{ hmac: hmacSha256 }, { hmac: storedHmacSha256 }])('$hmac.name', ({ hmac }) => {
  it('gives the tags of RFC 4231 §4.2 and §4.3, and returns no Buffer', () => {
    const first = hmac(createSecretKey(new Uint8Array(20).fill(0x0b)), Buffer.from('Hi There'));
    expect(hex(first)).toBe('b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7');
    expect(Buffer.isBuffer(first)).toBe(false);
    const second = hmac(
      createSecretKey(Buffer.from('Jefe')),
      Buffer.from('what do ya want for nothing?'),
    );
    expect(hex(second)).toBe('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
  });
});

describe('hkdfSha512', () => {
  it('agrees with extract and expand written out as RFC 5869 §2 has them', () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(bytes, bytes, fc.string(), fc.nat({ max: 200 }), (key, salt, info, more) => {
        const length = 1 + more;
        const pseudorandomKey = createHmac('sha512', salt).update(key).digest();
        let block = Buffer.alloc(0);
        let output = Buffer.alloc(0);
        for (let i = 1; output.length < length; i += 1) {
          const mac = createHmac('sha512', pseudorandomKey).update(block).update(info, 'utf8');
          block = mac.update(Uint8Array.of(i)).digest();
          output = Buffer.concat([output, block]);
        }
        const expected = output.subarray(0, length).toString('hex');
        expect(hex(hkdfSha512(key, salt, info, length))).toBe(expected);
        expect(hex(hkdfSha512(createSecretKey(key), salt, info, length))).toBe(expected);
      }),
    );
  });

  it('differs by info and by salt', () => {
    const key = new Uint8Array(32).fill(1);
    const salt = new Uint8Array(32);
    expect(hkdfSha512(key, salt, 'a', 32)).not.toEqual(hkdfSha512(key, salt, 'b', 32));
    expect(hkdfSha512(key, salt, 'a', 32)).not.toEqual(
      hkdfSha512(key, new Uint8Array(32).fill(1), 'a', 32),
    );
  });

  it('refuses more than 255 blocks', () => {
    const empty = new Uint8Array(0);
    expect(hkdfSha512(Uint8Array.of(1), empty, '', 16_320)).toHaveLength(16_320);
    expect(() => hkdfSha512(Uint8Array.of(1), empty, '', 16_321)).toThrow(RangeError);
  });
});
