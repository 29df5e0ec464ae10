import { randomBytes } from '../../crypto/random.ts';
import { wipe } from '../../lib/bytes.ts';
import type { RandomSource } from './random-text.ts';

/** 16 consonants that are hard to mistake for one another, and 4 vowels: 6 bits a syllable. */
const CONSONANTS = 'bdfghjklmnprstvz';
const VOWELS = 'aiou';
const SYLLABLES_A_WORD = 3;
const SYLLABLE_BITS = 6;

/**
 * Makes a passphrase of words that can be spoken but are in no dictionary:
 * three syllables each, 18 bits a word, joined by hyphens.
 *
 * @returns ASCII, which the caller wipes.
 */
export function randomPassphrase(words: number, random: RandomSource = randomBytes): Uint8Array {
  const perWord = SYLLABLES_A_WORD * 2 + 1;
  const text = new Uint8Array(words * perWord - 1).fill('-'.charCodeAt(0));
  const bytes = random(words * SYLLABLES_A_WORD);
  for (const [index, byte] of bytes.entries()) {
    const word = Math.floor(index / SYLLABLES_A_WORD);
    const at = word * perWord + (index % SYLLABLES_A_WORD) * 2;
    // Both alphabets are powers of two, so that no byte has to be thrown away.
    text[at] = CONSONANTS.charCodeAt(byte & 15);
    text[at + 1] = VOWELS.charCodeAt((byte >> 4) & 3);
  }
  wipe(bytes);
  return text;
}

/** Bits of entropy of a passphrase. */
export function passphraseEntropy(words: number): number {
  return words * SYLLABLES_A_WORD * SYLLABLE_BITS;
}
