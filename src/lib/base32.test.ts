import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { fromBase32, toBase32 } from './base32.ts';
import { utf8 } from './bytes.ts';

describe('base32', () => {
  it('is that of RFC 4648 §10, without its padding', () => {
    const texts = ['f', 'fo', 'foo', 'foob', 'fooba', 'foobar'];
    expect(texts.map((text) => toBase32(utf8(text)))).toEqual([
      'MY',
      'MZXQ',
      'MZXW6',
      'MZXW6YQ',
      'MZXW6YTB',
      'MZXW6YTBOI',
    ]);
  });

  it('gives the bytes back, of the one way to write them alone', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes) => {
        expect(fromBase32(toBase32(bytes))).toEqual(bytes);
      }),
    );
    expect(['mzxw6', 'MZXW6=', 'MZ', 'M', '', 'MZXW1'].map(fromBase32)).toEqual(
      Array.from({ length: 6 }, () => undefined),
    );
  });
});
