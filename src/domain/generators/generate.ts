import { randomUUID } from 'node:crypto';

import { randomBytes } from '../../crypto/random.ts';
import { toBase64, toBase64Url } from '../../lib/base64.ts';
import { utf8, wipe } from '../../lib/bytes.ts';
import { SecretValue } from '../../secret-value.ts';
import type { BytesEncoding, Generator, Recipe } from './generator.ts';
import { keyPairStrength, makeKeyPair, makeRsaPair, type KeyPairText } from './key-pairs.ts';
import { passphraseEntropy, randomPassphrase } from './passphrase-words.ts';
import { randomText, textEntropy, type RandomSource } from './random-text.ts';
import { templateEntropy, templateLength, type TemplatePart } from './template.ts';

/** Version and variant take 6 of the 128 bits of a UUID (RFC 9562 §5.4). */
const UUID_BITS = 122;

/** What a generator made: one value, or the fields of a key pair. The caller wipes it. */
export type Generated =
  | { readonly value: SecretValue; readonly fields?: undefined }
  | { readonly fields: Readonly<Record<string, SecretValue>>; readonly value?: undefined };

/**
 * Makes a value. Only a generator of an RSA key pair takes long (`isSlow`): the
 * others are for {@link generateNow} too.
 */
export async function generate(
  generator: Generator,
  random: RandomSource = randomBytes,
): Promise<Generated> {
  const { recipe } = generator;
  if (recipe.kind === 'key-pair' && recipe.pair.algorithm === 'rsa') {
    return asFields(await makeRsaPair(recipe.pair, recipe.isSsh));
  }
  return generateNow(generator, random);
}

/**
 * Makes a value at once.
 *
 * @throws TypeError for an RSA key pair, which takes too long.
 */
export function generateNow({ recipe }: Generator, random: RandomSource = randomBytes): Generated {
  if (recipe.kind !== 'key-pair') return { value: SecretValue.fromUtf8(makeText(recipe, random)) };
  const { pair, isSsh } = recipe;
  if (pair.algorithm === 'rsa') throw new TypeError('an RSA key pair is not made at once');
  return asFields(makeKeyPair(pair, isSsh));
}

/** Overwrites what was generated. */
export function wipeGenerated({ value, fields }: Generated): void {
  value?.wipe();
  for (const field of Object.values(fields ?? {})) field.wipe();
}

/** Bits of entropy of what a generator makes; of key pairs, the bits of security. */
export function generatorEntropy({ recipe }: Generator): number {
  switch (recipe.kind) {
    case 'text':
    case 'database':
      return textEntropy(recipe);
    case 'template':
      return templateEntropy(recipe.parts);
    case 'bytes':
      return recipe.bytes * 8;
    case 'passphrase':
      return passphraseEntropy(recipe.words);
    case 'key-pair':
      return keyPairStrength(recipe.pair);
    default:
      return UUID_BITS;
  }
}

function makeText(
  recipe: Exclude<Recipe, { readonly kind: 'key-pair' }>,
  random: RandomSource,
): Uint8Array {
  switch (recipe.kind) {
    case 'text':
    case 'database':
      return randomText(recipe, random);
    case 'template':
      return fillTemplate(recipe.parts, random);
    case 'bytes':
      return encodedBytes(recipe.bytes, recipe.encoding, random);
    case 'passphrase':
      return randomPassphrase(recipe.words, random);
    default:
      return utf8(randomUUID());
  }
}

function fillTemplate(parts: readonly TemplatePart[], random: RandomSource): Uint8Array {
  const text = new Uint8Array(templateLength(parts));
  let at = 0;
  for (const part of parts) {
    const isLiteral = 'literal' in part;
    const bytes = isLiteral
      ? utf8(part.literal)
      : randomText({ length: part.length, groups: [part.alphabet] }, random);
    text.set(bytes, at);
    at += bytes.length;
    if (!isLiteral) wipe(bytes);
  }
  return text;
}

function encodedBytes(length: number, encoding: BytesEncoding, random: RandomSource): Uint8Array {
  const bytes = random(length);
  try {
    if (encoding === 'hex') return utf8(Buffer.from(bytes.buffer).toString('hex'));
    return utf8(encoding === 'base64' ? toBase64(bytes) : toBase64Url(bytes));
  } finally {
    wipe(bytes);
  }
}

function asFields(pair: KeyPairText): Generated {
  const fields = Object.entries(pair).map(([name, text]) => [name, SecretValue.text(String(text))]);
  return { fields: Object.fromEntries(fields) as Readonly<Record<string, SecretValue>> };
}
