import { isUtf8 } from 'node:buffer';
import { toBase64 } from './lib/base64.ts';
import { utf8, utf8Decode, wipe } from './lib/bytes.ts';
import { compilePatterns, PatternScan, type PatternTables } from './lib/pattern-scan.ts';
import { SECRET_PLACEHOLDER, type SecretValue } from './secret-value.ts';

/**
 * The length in bytes, white space at the ends not counted, below which values
 * are not masked: to mask `1` or `yes` would make any output unreadable, and
 * show by the gaps what was masked.
 */
export const MASK_BYTES_MIN = 4;

/**
 * Values made ready to be masked, once for many texts or streams.
 *
 * Each value is found
 * - as it is, also without the white space at its ends,
 * - in base64 and base64url, with or without padding, alone or anywhere inside
 *   a longer encoded text (there, up to 4 bits of its first and last byte stay
 *   in the characters it shares with its neighbours),
 * - in hexadecimal, all lower-case or all upper-case,
 * - URL-encoded with `%20` or `+` for a space, by the rules of
 *   `encodeURIComponent`, RFC 3986 and HTML forms,
 * - escaped as in JSON, also as the encoders of Python, Go and PHP do it.
 *
 * Every occurrence goes, also where two overlap. A value that was changed in
 * another way, such as cut into lines, reversed or compressed, is not found.
 *
 * It keeps copies of the values in clear and cannot be wiped; it takes several
 * hundred bytes of memory for each byte of the values.
 *
 * @example
 * const mask = new Mask([password]);
 * mask.text('login failed for admin:hunter2!'); // login failed for admin:[secret]
 */
export class Mask {
  /** How many of the values are shorter than {@link MASK_BYTES_MIN} and stay visible. */
  readonly unmasked: number;
  readonly #tables: PatternTables;

  /**
   * @param values - What to hide; strings stand for their UTF-8.
   * @throws {@link StrongroomError} `secret_wiped` if a value was wiped.
   */
  constructor(values: readonly (SecretValue | string)[]) {
    const patterns: Uint8Array[] = [];
    let unmasked = 0;
    for (const value of values) {
      const bytes = typeof value === 'string' ? utf8(value) : value.revealBytes();
      const forms = formsOf(bytes);
      if (forms.length === 0) unmasked += 1;
      for (const form of forms) patterns.push(form);
      wipe(bytes);
    }
    this.unmasked = unmasked;
    this.#tables = compilePatterns(patterns);
    patterns.forEach(wipe);
  }

  /** Starts a search for the values in an input of bytes. */
  scan(): PatternScan {
    return new PatternScan(this.#tables);
  }

  /**
   * Replaces every value in a text by `[secret]`.
   *
   * @returns The text itself if it has none of the values.
   */
  text(text: string): string {
    const bytes = utf8(text);
    const scan = this.scan();
    scan.feed(bytes);
    const indexOf = bytes.length === text.length ? (at: number): number => at : indexing(text);
    let masked = '';
    let copied = 0;
    for (const span of scan.spans) {
      masked += text.slice(copied, indexOf(span.start, 'down')) + SECRET_PLACEHOLDER;
      copied = indexOf(span.end, 'up');
    }
    return masked + text.slice(copied);
  }
}

/**
 * Replaces values in a text by `[secret]`, in all the forms that {@link Mask}
 * finds. Values under {@link MASK_BYTES_MIN} bytes stay. For several texts,
 * build one {@link Mask}.
 *
 * @throws {@link StrongroomError} `secret_wiped` if a value was wiped.
 *
 * @example
 * maskSecret('Authorization: Basic YWRtaW46aHVudGVyMiE=', ['hunter2!']);
 */
export function maskSecret(text: string, values: readonly (SecretValue | string)[]): string {
  return new Mask(values).text(text);
}

function formsOf(value: Uint8Array): Uint8Array[] {
  if (!isUtf8(value)) return value.length < MASK_BYTES_MIN ? [] : byteForms(value);
  const text = utf8Decode(value);
  const trimmed = text.trim();
  const core = utf8(trimmed);
  if (core.length < MASK_BYTES_MIN) return [];
  const texts = trimmed === text ? [text] : [text, trimmed];
  return texts.flatMap((form) => [...byteForms(utf8(form)), ...textForms(form).map(utf8)]);
}

function byteForms(bytes: Uint8Array): Uint8Array[] {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
  const forms = [hex, hex.toUpperCase()];
  for (const before of [0, 1, 2]) {
    for (const form of base64At(bytes, before)) {
      forms.push(form, form.replaceAll('+', '-').replaceAll('/', '_'));
    }
  }
  return [new Uint8Array(bytes), ...forms.map(utf8)];
}

/**
 * The base64 of bytes that follow `before` others, modulo 3: the characters
 * that they decide alone, and those to the end of a text that ends with them.
 */
function base64At(bytes: Uint8Array, before: number): string[] {
  const shifted = new Uint8Array(before + bytes.length);
  shifted.set(bytes, before);
  const encoded = toBase64(shifted);
  wipe(shifted);
  const start = Math.ceil((before * 8) / 6);
  const inside = encoded.slice(start, Math.floor((shifted.length * 8) / 6));
  const toEnd = encoded.slice(start);
  return [inside, toEnd.replace(/=+$/, ''), toEnd];
}

function textForms(text: string): string[] {
  const component = encodeURIComponent(text);
  const strict = component.replace(/[!'()*]/g, percent);
  const form = new URLSearchParams([['', text]]).toString().slice(1);
  const plus = [component, strict].map((encoded) => encoded.replaceAll('%20', '+'));
  const upper = [component, strict, form, ...plus];
  const lower = upper.map((encoded) =>
    encoded.replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase()),
  );
  return [...new Set([...upper, ...lower, ...jsonForms(text)])];
}

function jsonForms(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1);
  // What Python escapes by default, what Go does, and what PHP does.
  const ascii = json.replace(/[^\0-\x7e]/g, unicodeEscape);
  const html = json.replace(/[<>&\u2028\u2029]/g, unicodeEscape);
  const slashes = ascii.replaceAll('/', '\\/');
  return [json, ascii, html, slashes];
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

function unicodeEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Turns rising offsets in the UTF-8 of a text into indices, `down` or `up` to a whole character. */
function indexing(text: string): (offset: number, round: 'down' | 'up') => number {
  let index = 0;
  let reached = 0;
  return (offset, round) => {
    while (reached < offset) {
      const point = text.codePointAt(index) ?? 0;
      const width = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
      if (round === 'down' && reached + width > offset) break;
      reached += width;
      index += point < 0x10000 ? 1 : 2;
    }
    return index;
  };
}
