import { fromBase64Url, toBase64Url } from '../lib/base64.ts';
import { utf8, wipe } from '../lib/bytes.ts';
import { equalBytes } from '../lib/compare.ts';
import { sha256 } from './hash.ts';

/** What credentials look like, long before it is known whether one is good: what is none is not tried. */
export const TOKEN_FORM: RegExp = /sr_[a-z]+_[A-Za-z0-9_-]{40,60}/;

const CHECK_LABEL = 'strongroom/v1/token';
const CHECK_CHARACTERS = 6;
const TOKEN_BYTES = 32;
const TYPE = /^[a-z]+$/;

/**
 * Writes 256 random bits as a token, `sr_<type>_<43 characters>_<6>`
 * (docs/spec/envelope.md, Tokens). The last six characters are a check
 * against typing errors and no secret.
 *
 * @param type - Lower-case letters, such as `key` or `recovery`.
 * @param bytes - 32 bytes.
 * @throws RangeError if the type or the length is another.
 */
export function formatToken(type: string, bytes: Uint8Array): string {
  if (bytes.length !== TOKEN_BYTES) throw new RangeError('a token has 32 bytes');
  return formatChecked(type, bytes);
}

/**
 * Reads a token of one type strictly.
 *
 * @returns The 32 bytes, which the caller wipes, or `undefined` if the text is not such a token or its check is wrong.
 */
export function parseToken(type: string, text: string): Uint8Array | undefined {
  return parseChecked(type, text, TOKEN_BYTES);
}

/**
 * A token of any length, as shares are.
 *
 * @throws RangeError if the type is not lower-case letters.
 */
export function formatChecked(type: string, bytes: Uint8Array): string {
  if (!TYPE.test(type)) throw new RangeError('a type of lower-case letters was expected');
  const body = `sr_${type}_${toBase64Url(bytes)}`;
  return `${body}_${check(body)}`;
}

/** Reads a token with a given number of bytes; `undefined` if the text is not one. */
export function parseChecked(type: string, text: string, length: number): Uint8Array | undefined {
  const prefix = `sr_${type}_`;
  const end = prefix.length + Math.ceil((length * 4) / 3);
  // By position, because base64url text may itself hold underscores.
  if (!text.startsWith(prefix) || text[end] !== '_') return undefined;
  const expected = utf8(check(text.slice(0, end)));
  if (!equalBytes(expected, utf8(text.slice(end + 1)))) return undefined;
  const bytes = fromBase64Url(text.slice(prefix.length, end));
  if (bytes !== undefined && bytes.length !== length) {
    wipe(bytes);
    return undefined;
  }
  return bytes;
}

function check(body: string): string {
  return toBase64Url(sha256(utf8(CHECK_LABEL + body))).slice(0, CHECK_CHARACTERS);
}
