import { describe, expect, it } from 'vitest';
import { utf8 } from '../lib/bytes.ts';
import { SecretValue } from '../secret-value.ts';
import { givenPassphraseBytes, newPassphraseBytes } from './passphrase.ts';

const TYPED = 'five words that are easy';
/** Every code point of the category Zs (Unicode 17). */
const SPACES = [
  0x20, 0xa0, 0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008,
  0x2009, 0x200a, 0x202f, 0x205f, 0x3000,
].map((codePoint) => String.fromCodePoint(codePoint));

function bothBytes(text: string): (Uint8Array | undefined)[] {
  const passphrase = SecretValue.text(text);
  return [newPassphraseBytes(passphrase), givenPassphraseBytes(passphrase)];
}

describe('a passphrase, new or given (RFC 8265 §4.2)', () => {
  it.each(SPACES.map((space) => [space.codePointAt(0)?.toString(16), space]))(
    'has U+0020 for each U+%s',
    (_, space) => {
      const bytes = utf8(TYPED);
      expect(bothBytes(TYPED.replaceAll(' ', space))).toEqual([bytes, bytes]);
    },
  );

  it('keeps its spaces, however many and wherever', () => {
    const bytes = utf8('  two  and  one ......');
    expect(bothBytes('\u3000 two\u00a0\u3000and \u00a0one ......')).toEqual([bytes, bytes]);
  });

  it('keeps what looks like a space or none, but is not of the category', () => {
    for (const other of ['\u200b', '\u2060', '\ufeff', '\u180e', '\u2800']) {
      const text = TYPED.replaceAll(' ', other);
      expect(bothBytes(text)).toEqual([utf8(text), utf8(text)]);
    }
  });

  it('is composed (NFC) after that, and neither folded in case nor in width', () => {
    const bytes = utf8('Caf\u00e9 \uff21\uff22\uff23 \ufb01ne words');
    const decomposed = 'Cafe\u0301\u3000\uff21\uff22\uff23\u00a0\ufb01ne words';
    expect(bothBytes(decomposed)).toEqual([bytes, bytes]);
  });
});
