import { StrongroomError } from '../errors.ts';
import { fromBase64, toBase64 } from '../lib/base64.ts';
import type { FieldContent, SecretContent } from './secret-content.ts';

/** The one member of an object that stands for bytes. */
const BYTES_MARK = '$base64';
const NUMBER_OR_WORD = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false/y;

/**
 * Writes secrets as one JSON object. Bytes become `{"$base64":"…"}`, fields an object; a
 * field whose own name begins with `$` gets one more `$`, so that nothing is mistaken.
 *
 * @param values - Name or path to content, in the order to be written.
 * @returns JSON over several lines, from which {@link parseJson} gives back the same.
 */
export function renderJson(values: ReadonlyMap<string, SecretContent>): string {
  return `${objectText(
    [...values].map(([name, content]) => [name, contentText(content)]),
    '',
  )}\n`;
}

/**
 * Reads what {@link renderJson} writes, and objects of the same shape written by hand.
 * A number, `true` or `false` reads as the text that stands there.
 *
 * @param text - JSON; a byte order mark in front is skipped.
 * @throws {@link StrongroomError} `invalid_input` with `line` and `column` (from 1) if it is not
 *   JSON, not of this shape, or names a member twice.
 */
export function parseJson(text: string): Map<string, SecretContent> {
  const reader = new JsonReader(text);
  return reader.readSecrets();
}

function contentText(content: SecretContent): string {
  if (typeof content === 'string') return JSON.stringify(content);
  if (content instanceof Uint8Array) return `{ "${BYTES_MARK}": "${toBase64(content)}" }`;
  const members: [string, string][] = [...content].map(([field, value]) => [
    field.startsWith('$') ? `$${field}` : field,
    contentText(value),
  ]);
  return objectText(members, '  ');
}

function objectText(members: readonly (readonly [string, string])[], indent: string): string {
  if (members.length === 0) return '{}';
  const lines = members.map(([name, value]) => `${indent}  ${JSON.stringify(name)}: ${value}`);
  return `{\n${lines.join(',\n')}\n${indent}}`;
}

/**
 * Reads objects, at most two deep and bytes below, straight into maps: `JSON.parse` would
 * reorder members with numeric names, take the last of two alike and quote the text in its errors.
 */
class JsonReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    if (text.startsWith('\uFEFF')) this.#at = 1;
  }

  readSecrets(): Map<string, SecretContent> {
    const secrets = this.#readObject((): SecretContent => this.#readContent());
    this.#skipSpaces();
    if (this.#at < this.#text.length) throw this.#error('nothing may follow the closing brace');
    return secrets;
  }

  #readContent(): SecretContent {
    if (this.#peek() !== '{') return this.#readScalar();
    const start = this.#at;
    const members = this.#readObject((): FieldContent => this.#readField());
    return this.#bytesOf(members, start) ?? this.#fieldsOf(members, start);
  }

  #readField(): FieldContent {
    if (this.#peek() !== '{') return this.#readScalar();
    const start = this.#at;
    const members = this.#readObject((): FieldContent => this.#readScalar());
    const bytes = this.#bytesOf(members, start);
    if (bytes === undefined) throw this.#error('a field holds text or base64, no object', start);
    return bytes;
  }

  #bytesOf(members: ReadonlyMap<string, FieldContent>, start: number): Uint8Array | undefined {
    const marked = members.get(BYTES_MARK);
    if (marked === undefined || members.size !== 1 || typeof marked !== 'string') return undefined;
    const bytes = fromBase64(marked);
    if (bytes === undefined) throw this.#error(`${BYTES_MARK} is not valid base64`, start);
    return bytes;
  }

  #fieldsOf(members: ReadonlyMap<string, FieldContent>, start: number): Map<string, FieldContent> {
    const fields = new Map<string, FieldContent>();
    for (const [name, value] of members) {
      if (/^\$(?!\$)/.test(name)) {
        throw this.#error('a field name that begins with $ is written with $$', start);
      }
      fields.set(name.startsWith('$') ? name.slice(1) : name, value);
    }
    return fields;
  }

  #readObject<T>(readValue: () => T): Map<string, T> {
    const members = new Map<string, T>();
    this.#expect('{');
    if (this.#peek() === '}') {
      this.#at += 1;
      return members;
    }
    do {
      this.#skipSpaces();
      const start = this.#at;
      const name = this.#readString();
      if (members.has(name)) throw this.#error('the same name stands twice in one object', start);
      this.#expect(':');
      this.#skipSpaces();
      members.set(name, readValue());
    } while (this.#takeComma());
    this.#expect('}');
    return members;
  }

  #takeComma(): boolean {
    if (this.#peek() !== ',') return false;
    this.#at += 1;
    return true;
  }

  #readScalar(): string {
    const next = this.#peek();
    if (next === '"') return this.#readString();
    NUMBER_OR_WORD.lastIndex = this.#at;
    const word = NUMBER_OR_WORD.exec(this.#text)?.[0];
    if (word === undefined) throw this.#error('a value must be text, a number, true or false');
    this.#at += word.length;
    return word;
  }

  #readString(): string {
    const start = this.#at;
    this.#expect('"');
    const quoteOrBackslash = /["\\]/g;
    quoteOrBackslash.lastIndex = this.#at;
    for (let match = quoteOrBackslash.exec(this.#text); match !== null;) {
      if (match[0] === '"') {
        this.#at = match.index + 1;
        return this.#decodeString(start);
      }
      quoteOrBackslash.lastIndex = match.index + 2;
      match = quoteOrBackslash.exec(this.#text);
    }
    throw this.#error('the text that begins here is never closed', start);
  }

  #decodeString(start: number): string {
    try {
      return String(JSON.parse(this.#text.slice(start, this.#at)));
    } catch {
      // The parser's own message quotes the text, which may be a secret.
      throw this.#error('this text holds a wrong escape or a raw control character', start);
    }
  }

  #expect(character: string): void {
    if (this.#peek() !== character) throw this.#error(`expected ${character}`);
    this.#at += 1;
  }

  #peek(): string {
    this.#skipSpaces();
    return this.#text.charAt(this.#at);
  }

  #skipSpaces(): void {
    const spaces = /[ \t\r\n]*/y;
    spaces.lastIndex = this.#at;
    this.#at += spaces.exec(this.#text)?.[0].length ?? 0;
  }

  #error(what: string, offset: number = this.#at): StrongroomError {
    const before = this.#text.slice(0, offset).split(/\r\n?|\n/);
    const line = before.length;
    const column = Array.from((before.at(-1) ?? '').replace(/^\uFEFF/, '')).length + 1;
    return new StrongroomError(
      'invalid_input',
      `not the JSON that is expected: line ${line}, column ${column}: ${what}`,
      { details: { line, column } },
    );
  }
}
