import { StrongroomError } from '../errors.ts';
import { SecretValue } from '../secret-value.ts';
import { fromBase64, toBase64 } from './base64.ts';
import { wipe } from './bytes.ts';

/**
 * How a value of TypeScript looks in JSON over HTTP, as data: members are in
 * `camelCase` here and in `snake_case` there, some have another name, and keys
 * that are the caller's own stay what they are.
 *
 * - `any`: as it is.
 * - `secret`: a `SecretValue` here; there a string, or `{"$base64": …}` for bytes.
 * - `value`: a secret's value to be written: a string, bytes or fields of these.
 * - `list`, `map` (keys stay), `of` (members; `names` for those that have another name).
 */
export type WireShape =
  | 'any'
  | 'secret'
  | 'value'
  | { readonly list: WireShape }
  | { readonly map: WireShape }
  | {
      readonly of: Readonly<Record<string, WireShape>>;
      readonly names?: Readonly<Record<string, string>>;
    };

/** Translates values of one shape. */
export interface WireCodec {
  /**
   * To what `JSON.stringify` takes: what is not there is `undefined`. Secrets are in clear then.
   *
   * @throws {@link StrongroomError} `invalid_input` for members that there are not, if it is exact.
   */
  readonly encode: (value: unknown) => unknown;
  /**
   * From what `JSON.parse` gave. What does not fit the shape is left for the schema to refuse.
   *
   * @throws {@link StrongroomError} `invalid_input` for members that there are not.
   */
  readonly decode: (json: unknown) => unknown;
}

const BASE64 = '$base64';
const MEMBER = /^[a-z][A-Za-z]{0,23}$/;
const AS_IT_IS: WireCodec = { encode: (value) => value, decode: (json) => json };

/** How strictly documents are read and written. */
export interface WireOptions {
  /** Whether members that are not known are refused where one is written, as by whoever sends a request. Default no: they are left out. */
  readonly exact?: boolean | undefined;
  /** Whether members that are not known are passed over, as whoever gets answers does. Default no. */
  readonly lenient?: boolean | undefined;
}

/** Makes the translation once, for a shape that is used often. */
export function wireCodec(shape: WireShape, options: WireOptions = {}): WireCodec {
  if (shape === 'any') return AS_IT_IS;
  if (shape === 'secret') return { encode: encodeSecret, decode: decodeSecret };
  if (shape === 'value') return { encode: encodeValue, decode: decodeValue };
  if ('list' in shape) return listCodec(wireCodec(shape.list, options));
  if ('map' in shape) return mapCodec(wireCodec(shape.map, options));
  return memberCodec(shape, options);
}

/** The name that a member has over HTTP, unless its shape says another. */
export function wireName(member: string): string {
  return member.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The member that a name over HTTP is of, as {@link wireName} makes it. */
export function memberName(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function listCodec(item: WireCodec): WireCodec {
  return {
    encode: (value) => (Array.isArray(value) ? value.map((each) => item.encode(each)) : value),
    decode: (json) => (Array.isArray(json) ? json.map((each) => item.decode(each)) : json),
  };
}

function mapCodec(item: WireCodec): WireCodec {
  const through = (value: unknown, one: (each: unknown) => unknown): unknown =>
    isObject(value)
      ? Object.fromEntries(Object.entries(value).map(([key, each]) => [key, one(each)]))
      : value;
  return {
    encode: (value) => through(value, item.encode),
    decode: (json) => through(json, item.decode),
  };
}

function memberCodec(
  shape: Extract<WireShape, { readonly of: unknown }>,
  options: WireOptions,
): WireCodec {
  const members = Object.entries(shape.of).map(
    ([member, inner]) => [member, shape.names?.[member] ?? wireName(member), inner] as const,
  );
  const encoders = members.map(
    ([member, name, inner]) => [member, name, wireCodec(inner, options).encode] as const,
  );
  // Copies of it share their shape, which objects that grow member by member do not.
  const empty = Object.fromEntries(members.map(([, name]) => [name, undefined]));
  const known = new Set(members.map(([member]) => member));
  const decoders = new Map(
    members.map(([member, name, inner]) => [
      name,
      [member, wireCodec(inner, options).decode] as const,
    ]),
  );
  return {
    encode: (value) => {
      if (!isObject(value)) return value;
      if (options.exact === true) requireKnown(value, known);
      const encoded: Record<string, unknown> = { ...empty };
      for (const [member, name, encode] of encoders) {
        const each = value[member];
        if (each !== undefined) encoded[name] = encode(each);
      }
      return encoded;
    },
    decode: (json) => {
      if (!isObject(json)) return json;
      const decoded: Record<string, unknown> = {};
      for (const [name, each] of Object.entries(json)) {
        const decoder = decoders.get(name);
        if (decoder === undefined && options.lenient === true) continue;
        if (decoder === undefined) throw unknownMember();
        decoded[decoder[0]] = decoder[1](each);
      }
      return decoded;
    },
  };
}

function encodeSecret(value: unknown): unknown {
  if (!(value instanceof SecretValue)) return value;
  if (value.kind === 'text') return value.reveal();
  return bytesAsJson(value.revealBytes());
}

function decodeSecret(json: unknown): unknown {
  if (typeof json === 'string') return SecretValue.text(json);
  const bytes = bytesOf(json);
  return bytes === undefined ? json : SecretValue.bytes(bytes);
}

function encodeValue(value: unknown): unknown {
  if (value instanceof Uint8Array) return { [BASE64]: toBase64(value) };
  if (value instanceof SecretValue) return encodeSecret(value);
  return mapCodec({ encode: encodeValue, decode: decodeValue }).encode(value);
}

function decodeValue(json: unknown): unknown {
  const bytes = bytesOf(json);
  if (bytes !== undefined) return bytes;
  return mapCodec({ encode: encodeValue, decode: decodeValue }).decode(json);
}

function bytesAsJson(bytes: Uint8Array): object {
  try {
    return { [BASE64]: toBase64(bytes) };
  } finally {
    wipe(bytes);
  }
}

/** No field of a secret can be called `$base64`, so what has it alone is bytes. */
function bytesOf(json: unknown): Uint8Array | undefined {
  if (!isObject(json) || Object.keys(json).length !== 1) return undefined;
  const text = json[BASE64];
  if (text === undefined) return undefined;
  const bytes = typeof text === 'string' ? fromBase64(text) : undefined;
  if (bytes === undefined) {
    throw new StrongroomError('invalid_input', 'the bytes of a value are not base64', {
      hint: 'RFC 4648 §4, with its padding',
    });
  }
  return bytes;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return !(value instanceof SecretValue) && !(value instanceof Uint8Array);
}

/** A member is named, as the library does it, if it could only be a name that somebody mistyped. */
function requireKnown(value: Readonly<Record<string, unknown>>, known: ReadonlySet<string>): void {
  const unknown = Object.keys(value).filter(
    (member) => value[member] !== undefined && !known.has(member),
  );
  if (unknown.length === 0) return;
  const named = unknown.filter((member) => MEMBER.test(member)).slice(0, 5);
  if (named.length === 0) throw unknownMember();
  throw new StrongroomError('invalid_input', `the input has no member ${named.join(', ')}`);
}

/** Names what was given nowhere: a value may stand in the wrong place. */
function unknownMember(): StrongroomError {
  return new StrongroomError('invalid_input', 'the input has a member that is not known', {
    hint: 'the reference names them all: GET /api/openapi.json',
  });
}
