import { StrongroomError } from '../../errors.ts';
import { CHARACTER_CLASSES } from './random-text.ts';

/** A part of a template: text as it is, or random characters of one alphabet. */
export type TemplatePart =
  { readonly literal: string } | { readonly length: number; readonly alphabet: string };

const { lower, upper, digit, special } = CHARACTER_CLASSES;
const ALPHABETS: Readonly<Record<string, string>> = {
  lower,
  upper,
  digit,
  special,
  alpha: lower + upper,
  alnum: lower + upper + digit,
  hex: `${digit}abcdef`,
  HEX: `${digit}ABCDEF`,
  base64url: `${upper}${lower}${digit}-_`,
};
const TEMPLATE_MAX = 1024;
const RANDOM_PART = /\{(\d{1,4}):([A-Za-z0-9]+)\}/g;
const LITERAL = /^[ -z|~]*$/;
/** A template of fewer bits can be guessed. */
const BITS_MIN = 64;

/**
 * Reads a template such as `sk_live_{32:alnum}`: printable text, and in braces
 * how many characters of which alphabet.
 *
 * @throws {@link StrongroomError} `invalid_input`.
 */
export function parseTemplate(text: string): readonly TemplatePart[] {
  const parts: TemplatePart[] = [];
  let end = 0;
  for (const { 0: all, 1: length, 2: name = '', index } of text.matchAll(RANDOM_PART)) {
    const alphabet = Object.hasOwn(ALPHABETS, name) ? ALPHABETS[name] : undefined;
    if (alphabet === undefined || Number(length) === 0) throw noTemplate();
    parts.push({ literal: text.slice(end, index) }, { length: Number(length), alphabet });
    end = index + all.length;
  }
  parts.push({ literal: text.slice(end) });
  const isPlain = parts.every((part) => !('literal' in part) || LITERAL.test(part.literal));
  if (!isPlain || templateLength(parts) > TEMPLATE_MAX) throw noTemplate();
  if (templateEntropy(parts) < BITS_MIN) {
    throw new StrongroomError('invalid_input', 'a template has at least 64 random bits', {
      hint: 'such as {11:alnum}, better {32:alnum}',
    });
  }
  return parts;
}

/** Bits of entropy of what a template makes. */
export function templateEntropy(parts: readonly TemplatePart[]): number {
  return parts.reduce(
    (bits, part) => bits + ('literal' in part ? 0 : part.length * Math.log2(part.alphabet.length)),
    0,
  );
}

/** Characters of what a template makes. */
export function templateLength(parts: readonly TemplatePart[]): number {
  return parts.reduce(
    (length, part) => length + ('literal' in part ? part.literal.length : part.length),
    0,
  );
}

function noTemplate(): StrongroomError {
  return new StrongroomError('invalid_input', 'that is no template', {
    hint: `printable text with parts such as {32:alnum}; alphabets are ${Object.keys(ALPHABETS).join(', ')}`,
  });
}
