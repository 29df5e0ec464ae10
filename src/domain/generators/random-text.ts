import { randomBytes } from '../../crypto/random.ts';
import { wipe } from '../../lib/bytes.ts';

/** Gives so many random bytes; tests give another than the system's. */
export type RandomSource = (length: number) => Uint8Array;

/** Classes of characters, by name. `special` has none that shells, URLs or quotes trip over most. */
export const CHARACTER_CLASSES = {
  lower: 'abcdefghijklmnopqrstuvwxyz',
  upper: 'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
  digit: '0123456789',
  special: '!#%*+,-.:=?@^_~',
} as const;

/** The name of a class of characters. */
export type CharacterClass = keyof typeof CHARACTER_CLASSES;

/** Random text: so many characters, with at least one of each group. */
export interface TextShape {
  readonly length: number;
  /** Printable ASCII, each character once in all groups together. */
  readonly groups: readonly string[];
}

const BYTE_VALUES = 256;

/**
 * Makes random text. All texts of the shape are equally likely: bytes beyond
 * the last multiple of the alphabet's size are thrown away, and a text that
 * lacks a group is thrown away whole.
 *
 * @param shape - `length` at least the number of groups.
 * @returns ASCII, which the caller wipes.
 */
export function randomText(shape: TextShape, random: RandomSource = randomBytes): Uint8Array {
  const { length, groups } = shape;
  if (length < groups.length) throw new RangeError('the text is too short for its groups');
  const alphabet = groups.join('');
  for (;;) {
    const text = randomCharacters(alphabet, length, random);
    if (groups.length === 1 || hasEach(text, groups)) return text;
    wipe(text);
  }
}

/** Bits of entropy of {@link randomText}: the logarithm of how many texts there are. */
export function textEntropy({ length, groups }: TextShape): number {
  const size = groups.join('').length;
  let texts = 0n;
  // Inclusion and exclusion over the groups that a text may lack.
  for (let lacking = 0; lacking < 2 ** groups.length; lacking += 1) {
    const without = groups.filter((_, index) => (lacking & (1 << index)) !== 0);
    const rest = BigInt(size - without.join('').length) ** BigInt(length);
    texts += without.length % 2 === 0 ? rest : -rest;
  }
  return log2(texts);
}

function randomCharacters(alphabet: string, length: number, random: RandomSource): Uint8Array {
  const limit = BYTE_VALUES - (BYTE_VALUES % alphabet.length);
  const text = new Uint8Array(length);
  let made = 0;
  while (made < length) {
    const bytes = random(length - made);
    for (const byte of bytes) {
      if (byte >= limit) continue;
      text[made] = alphabet.charCodeAt(byte % alphabet.length);
      made += 1;
    }
    wipe(bytes);
  }
  return text;
}

function hasEach(text: Uint8Array, groups: readonly string[]): boolean {
  return groups.every((group) => text.some((code) => group.includes(String.fromCharCode(code))));
}

function log2(value: bigint): number {
  const digits = value.toString(16);
  const lead = Number.parseInt(digits.slice(0, 12), 16);
  return Math.log2(lead) + 4 * (digits.length - Math.min(digits.length, 12));
}
