import { StrongroomError } from '../../errors.ts';
import { SECRET_TYPES, type SecretType } from '../../formats/secret-type.ts';
import { CHARACTER_CLASSES, type CharacterClass, type TextShape } from './random-text.ts';
import { parseTemplate, type TemplatePart } from './template.ts';

/** A kind of key pair. */
export type KeyPairKind =
  | { readonly algorithm: 'rsa'; readonly bits: number }
  | { readonly algorithm: 'ec'; readonly curve: Curve }
  | { readonly algorithm: 'ed25519' };

/** A curve for ECDSA, as people write it. */
export type Curve = 'p256' | 'p384' | 'p521';

/** What makes a value. */
export type Recipe =
  | ({ readonly kind: 'text' } & TextShape)
  | { readonly kind: 'template'; readonly parts: readonly TemplatePart[] }
  | { readonly kind: 'bytes'; readonly encoding: BytesEncoding; readonly bytes: number }
  | { readonly kind: 'passphrase'; readonly words: number }
  | { readonly kind: 'uuid' }
  | { readonly kind: 'key-pair'; readonly pair: KeyPairKind; readonly isSsh: boolean }
  | ({ readonly kind: 'database' } & TextShape);

/** How random bytes are written as text. */
export type BytesEncoding = 'hex' | 'base64' | 'base64url';

/** How a new value is generated. */
export interface Generator {
  /** The generator as text, in the form in which it is kept. */
  readonly text: string;
  /** The one field that it fills, if the value has fields and the others stay. */
  readonly field: string | undefined;
  readonly recipe: Recipe;
}

const TEXT_MAX = 1024;
const BYTES_MIN = 16;
const BYTES_MAX = 1024;
const WORDS_MAX = 24;
const RSA_BITS: readonly number[] = [2048, 3072, 4096];
const CURVES: readonly Curve[] = ['p256', 'p384', 'p521'];
/** Bytes of a secret for each HMAC, as many as its hash has (RFC 7518 §3.2). */
const JWT_BYTES: Readonly<Record<string, number>> = { HS256: 32, HS384: 48, HS512: 64 };

/** The generator of each type of secrets; `undefined` where somebody else makes the value. */
export const DEFAULT_GENERATORS: Readonly<Record<SecretType, string | undefined>> = {
  generic: 'text:32',
  api_key: 'base64url:32',
  password: 'password:24',
  database_credential: 'database:32',
  oauth_token: 'base64url:32',
  encryption_key: 'base64:32',
  jwt_secret: 'jwt:HS256',
  ssh_key: 'ssh:ed25519',
  certificate: undefined,
  webhook_secret: 'base64:32',
};

const ALNUM: readonly CharacterClass[] = ['lower', 'upper', 'digit'];
const ALL: readonly CharacterClass[] = [...ALNUM, 'special'];
/** Special characters that mean nothing in a URL (RFC 3986 §2.3). */
const URL_SPECIAL = '-._~';
const CLASS_NAMES: Readonly<Record<string, readonly CharacterClass[]>> = {
  lower: ['lower'],
  upper: ['upper'],
  digit: ['digit'],
  special: ['special'],
  alpha: ['lower', 'upper'],
  alnum: ALNUM,
  all: ALL,
};

/** Says what generators there are, in a hint. */
const GENERATORS_HINT =
  'one of password:24, text:32:alnum, template:sk_live_{32:alnum}, hex:32, base64:32, base64url:32, passphrase:6, uuid, jwt:HS256, rsa:3072, ec:p256, ed25519, ssh:ed25519, database:32, or a type of secrets';

/** The first word of a generator, and what the rest of it means. */
const KINDS: Readonly<Record<string, (rest: string | undefined) => readonly [string, Recipe]>> = {
  password: (rest) => ofLength('password', 'text', { rest, length: 24, classes: ALL }),
  database: (rest) => ofLength('database', 'database', { rest, length: 32, classes: ALNUM }),
  text: textRecipe,
  template: (rest = '') => [`template:${rest}`, { kind: 'template', parts: parseTemplate(rest) }],
  hex: (rest) => bytesRecipe('hex', rest),
  base64: (rest) => bytesRecipe('base64', rest),
  base64url: (rest) => bytesRecipe('base64url', rest),
  passphrase: passphraseRecipe,
  uuid: (rest) => {
    if (rest !== undefined) throw noGenerator('uuid takes no more');
    return ['uuid', { kind: 'uuid' }];
  },
  jwt: jwtRecipe,
  rsa: (rest) => pairRecipe(joined('rsa', rest)),
  ec: (rest) => pairRecipe(joined('ec', rest)),
  ed25519: (rest) => pairRecipe(joined('ed25519', rest)),
  ssh: (rest = 'ed25519') => pairRecipe(rest, true),
};

/** The words that a generator begins with. */
export const GENERATOR_WORDS: readonly string[] = Object.keys(KINDS);

/**
 * Reads a generator: a word, and after colons what it takes, such as
 * `text:40:lower+digit`; then `@field` if it fills one field of several. The
 * name of a type stands for the type's own.
 *
 * @throws {@link StrongroomError} `invalid_input`.
 */
export function parseGenerator(text: string): Generator {
  const [, main = '', field] = /^(.*?)(?:@([A-Za-z0-9._-]{1,128}))?$/s.exec(text) ?? [];
  const [word = '', ...more] = defaultOf(main).split(':');
  const rest = more.length === 0 ? undefined : more.join(':');
  const make = Object.hasOwn(KINDS, word) ? KINDS[word] : undefined;
  if (make === undefined) throw noGenerator('there is no such generator');
  const [canonical, recipe] = make(rest);
  if (field !== undefined && (recipe.kind === 'key-pair' || recipe.kind === 'database')) {
    throw noGenerator(`${word} knows its fields itself`);
  }
  return { text: field === undefined ? canonical : `${canonical}@${field}`, field, recipe };
}

/** What values of a type must have in a workspace; members that are absent ask for nothing. */
export interface CharacterRules {
  readonly minLength?: number;
  readonly upper?: boolean;
  readonly lower?: boolean;
  readonly digit?: boolean;
  readonly special?: boolean;
}

/**
 * A generator that also keeps the rules of a workspace. Of text by classes it
 * adds those that are demanded and what it is too short by; others stay as they are.
 */
export function keepRules(generator: Generator, rules: CharacterRules): Generator {
  const { recipe } = generator;
  const isOwn = /^text:\d+:\[/.test(generator.text);
  if ((recipe.kind !== 'text' && recipe.kind !== 'database') || isOwn) return generator;
  const special = recipe.kind === 'database' ? URL_SPECIAL : CHARACTER_CLASSES.special;
  const demanded = ALL.filter((name) => rules[name] === true).map((name) =>
    name === 'special' ? special : CHARACTER_CLASSES[name],
  );
  const groups = [...new Set([...recipe.groups, ...demanded])];
  const length = Math.max(recipe.length, rules.minLength ?? 0, groups.length);
  return { ...generator, recipe: { ...recipe, groups, length } };
}

/** Whether a generator takes so long that nothing else should wait for it. */
export function isSlow({ recipe }: Generator): boolean {
  return recipe.kind === 'key-pair' && recipe.pair.algorithm === 'rsa';
}

function defaultOf(text: string): string {
  if (!SECRET_TYPES.some((type) => type === text)) return text;
  const byDefault = DEFAULT_GENERATORS[text as SecretType];
  if (byDefault !== undefined) return byDefault;
  throw noGenerator(`a ${text} is made elsewhere`);
}

function textRecipe(rest: string | undefined): readonly [string, Recipe] {
  const [, length = '32', characters = 'alnum'] = /^(\d+)(?::(.+))?$/s.exec(rest ?? '32') ?? [
    '',
    '0',
  ];
  const groups = groupsOf(characters);
  const shape = { length: number(length, groups.length, TEXT_MAX), groups };
  return [`text:${shape.length}:${characters}`, { kind: 'text', ...shape }];
}

/**
 * Groups of characters by the names of classes, joined by `+`; or one group of the
 * characters between brackets.
 *
 * @throws {@link StrongroomError} `invalid_input`.
 */
export function groupsOf(characters: string): readonly string[] {
  const own = /^\[([!-~]{2,})\]$/.exec(characters)?.[1];
  if (own !== undefined) {
    if (new Set(own).size === own.length) return [own];
    throw noGenerator('the alphabet has a character twice');
  }
  const names = characters.split('+').flatMap((name) => {
    const classes = Object.hasOwn(CLASS_NAMES, name) ? CLASS_NAMES[name] : undefined;
    if (classes === undefined)
      throw noGenerator('characters are named by classes, such as lower+digit');
    return classes;
  });
  return [...new Set(names)].map((name) => CHARACTER_CLASSES[name]);
}

function ofLength(
  word: string,
  kind: 'text' | 'database',
  by: {
    readonly rest: string | undefined;
    readonly length: number;
    readonly classes: readonly CharacterClass[];
  },
): readonly [string, Recipe] {
  const length = by.rest === undefined ? by.length : number(by.rest, 8, TEXT_MAX);
  const groups = by.classes.map((name) => CHARACTER_CLASSES[name]);
  return [`${word}:${length}`, { kind, length, groups }];
}

function bytesRecipe(encoding: BytesEncoding, rest = '32'): readonly [string, Recipe] {
  const bytes = number(rest, BYTES_MIN, BYTES_MAX);
  return [`${encoding}:${bytes}`, { kind: 'bytes', encoding, bytes }];
}

function passphraseRecipe(rest = '6'): readonly [string, Recipe] {
  const words = number(rest, 4, WORDS_MAX);
  return [`passphrase:${words}`, { kind: 'passphrase', words }];
}

function jwtRecipe(rest = 'HS256'): readonly [string, Recipe] {
  const bytes = Object.hasOwn(JWT_BYTES, rest) ? JWT_BYTES[rest] : undefined;
  if (bytes === undefined) throw noGenerator('jwt takes HS256, HS384 or HS512');
  return [`jwt:${rest}`, { kind: 'bytes', encoding: 'base64url', bytes }];
}

function pairRecipe(text: string, isSsh: boolean = false): readonly [string, Recipe] {
  const [algorithm, parameter, ...more] = text.split(':');
  const prefix = isSsh ? 'ssh:' : '';
  if (more.length === 0 && algorithm === 'rsa') {
    const bits = Number(parameter ?? 3072);
    if (!RSA_BITS.includes(bits)) throw noGenerator('rsa takes 2048, 3072 or 4096 bits');
    return [`${prefix}rsa:${bits}`, { kind: 'key-pair', pair: { algorithm, bits }, isSsh }];
  }
  if (more.length === 0 && algorithm === 'ec') {
    const curve = CURVES.find((each) => each === (parameter ?? 'p256'));
    if (curve === undefined) throw noGenerator('ec takes p256, p384 or p521');
    return [`${prefix}ec:${curve}`, { kind: 'key-pair', pair: { algorithm, curve }, isSsh }];
  }
  if (algorithm === 'ed25519' && parameter === undefined) {
    return [`${prefix}ed25519`, { kind: 'key-pair', pair: { algorithm }, isSsh }];
  }
  throw noGenerator('there is no such key pair');
}

function joined(word: string, rest: string | undefined): string {
  return rest === undefined ? word : `${word}:${rest}`;
}

function number(text: string, min: number, max: number): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw noGenerator(`the number is not from ${min} to ${max}`);
}

function noGenerator(reason: string): StrongroomError {
  return new StrongroomError('invalid_input', `that is no generator: ${reason}`, {
    hint: GENERATORS_HINT,
  });
}
