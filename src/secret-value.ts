import { isUtf8 } from 'node:buffer';
import { inspect } from 'node:util';
import { StrongroomError } from './errors.ts';
import { utf8Decode, wipe } from './lib/bytes.ts';
import { equalBytes } from './lib/compare.ts';

/** What is shown in place of a value, wherever a value would be printed. */
export const SECRET_PLACEHOLDER = '[secret]';

/** Whether a value was written as text or as bytes that may not be text. */
export type SecretKind = 'text' | 'bytes';

const MASK_CHARACTER = '*';
const MASK_LENGTH = 12;
const MASK_TAIL_LENGTH = 4;
const MASK_TAIL_CHARACTERS_MIN = 20;

/**
 * A value that does not print itself, and wipes itself.
 *
 * Printing, logging, inspecting, serialising or interpolating it gives
 * `[secret]`; a structured clone, and what a worker receives, is an empty
 * object. {@link SecretValue.reveal} and {@link SecretValue.revealBytes} are
 * the only ways out. Two values are compared with {@link SecretValue.equals}:
 * for everything else, such as `assert.deepStrictEqual`, all values look alike.
 *
 * Wiping overwrites the bytes held here. Strings and copies that were revealed
 * belong to the caller; JavaScript cannot overwrite a string.
 *
 * @example
 * {
 *   using password = SecretValue.text('correct horse battery staple');
 *   console.log(`the password is ${password}`); // the password is [secret]
 *   connect({ password: password.reveal() });
 * } // the bytes are zeros from here on
 */
export class SecretValue implements Disposable {
  #bytes: Uint8Array | undefined;
  readonly #kind: SecretKind;

  private constructor(bytes: Uint8Array, kind: SecretKind) {
    this.#bytes = bytes;
    this.#kind = kind;
    Object.freeze(this);
  }

  /**
   * Makes a value of text. The empty text is a value too.
   *
   * @throws {@link StrongroomError} `invalid_input` if the text has half of a surrogate pair, which UTF-8 cannot hold.
   * @throws TypeError if it is not a string.
   */
  static text(value: string): SecretValue {
    if (typeof value !== 'string')
      throw new TypeError(`a string was expected, not ${typeof value}`);
    if (!value.isWellFormed()) {
      throw new StrongroomError('invalid_input', 'the value is not well-formed Unicode text', {
        hint: 'pass it as bytes instead',
      });
    }
    return new SecretValue(new TextEncoder().encode(value), 'text');
  }

  /**
   * Makes a value of bytes, of which it keeps its own copy.
   *
   * @throws TypeError if it is not a `Uint8Array`.
   */
  static bytes(value: Uint8Array): SecretValue {
    assertBytes(value);
    return new SecretValue(new Uint8Array(value), 'bytes');
  }

  /**
   * Makes a value of text from its UTF-8 and takes the bytes over: the caller
   * must not use them again. Bytes that share their memory with others, such as
   * those of a pooled `Buffer`, are copied and wiped.
   *
   * @throws {@link StrongroomError} `not_text` if the bytes are not well-formed UTF-8; they stay the caller's.
   * @throws TypeError if it is not a `Uint8Array`.
   */
  static fromUtf8(bytes: Uint8Array): SecretValue {
    assertBytes(bytes);
    if (!isUtf8(bytes)) throw notText();
    const alone =
      bytes.buffer instanceof ArrayBuffer && bytes.buffer.byteLength === bytes.byteLength;
    if (alone) return new SecretValue(bytes, 'text');
    const copy = new Uint8Array(bytes);
    wipe(bytes);
    return new SecretValue(copy, 'text');
  }

  /** Whether it is text, which `reveal()` gives, or bytes, for `revealBytes()`. */
  get kind(): SecretKind {
    return this.#kind;
  }

  /**
   * The length in bytes. A method, because inspection can be made to read
   * getters and would print it.
   *
   * @throws {@link StrongroomError} `secret_wiped` after it was wiped.
   */
  byteLength(): number {
    return this.#held().length;
  }

  /**
   * The text in clear.
   *
   * @throws {@link StrongroomError} `not_text` if it is a value of bytes.
   * @throws {@link StrongroomError} `secret_wiped` after it was wiped.
   */
  reveal(): string {
    const bytes = this.#held();
    if (this.#kind !== 'text') throw notText();
    return utf8Decode(bytes);
  }

  /**
   * The bytes in clear; for text, its UTF-8.
   *
   * @returns A copy in memory of its own, which the caller should wipe.
   * @throws {@link StrongroomError} `secret_wiped` after it was wiped.
   */
  revealBytes(): Uint8Array {
    return new Uint8Array(this.#held());
  }

  /**
   * The same value once more; each of the two is wiped without the other.
   *
   * @throws {@link StrongroomError} `secret_wiped` after it was wiped.
   */
  copy(): SecretValue {
    return new SecretValue(this.revealBytes(), this.#kind);
  }

  /**
   * A mask for people to tell values apart by: always 12 characters, of which
   * the last 4 are those of the value if it is text of 20 characters or more.
   * What is not printable ASCII, and all of a wiped value, stays masked.
   */
  masked(): string {
    const tail = this.#kind === 'text' && this.#bytes !== undefined ? visibleTail(this.#bytes) : '';
    return tail.padStart(MASK_LENGTH, MASK_CHARACTER);
  }

  /**
   * Whether both are of one kind and have the same bytes, in time that depends
   * on the lengths alone.
   *
   * @throws {@link StrongroomError} `secret_wiped` if one of them was wiped.
   */
  equals(other: SecretValue): boolean {
    const same = equalBytes(this.#held(), other.#held());
    return same && this.#kind === other.#kind;
  }

  /** Overwrites the bytes with zeros. What asks for them afterwards fails with `secret_wiped`. */
  wipe(): void {
    if (this.#bytes !== undefined) wipe(this.#bytes);
    this.#bytes = undefined;
  }

  /** Wipes the value at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.wipe();
  }

  /** Always `[secret]`. */
  toString(): string {
    return SECRET_PLACEHOLDER;
  }

  /** Always `[secret]`. */
  toJSON(): string {
    return SECRET_PLACEHOLDER;
  }

  /** Always `[secret]`, for every hint. */
  [Symbol.toPrimitive](): string {
    return SECRET_PLACEHOLDER;
  }

  /** Makes inspection without custom functions, as in assertion messages, say `SecretValue [secret] {}`. */
  get [Symbol.toStringTag](): string {
    return 'secret';
  }

  #held(): Uint8Array {
    if (this.#bytes === undefined) {
      throw new StrongroomError('secret_wiped', 'the value was wiped and cannot be read again');
    }
    return this.#bytes;
  }
}

// Declared here, because isolated declarations know no symbol but those of the language.
Object.defineProperty(SecretValue.prototype, inspect.custom, { value: () => SECRET_PLACEHOLDER });

// Otherwise one assignment to the prototype would make every value print itself.
Object.freeze(SecretValue.prototype);

function assertBytes(value: Uint8Array): void {
  if (!(value instanceof Uint8Array)) {
    throw new TypeError(`a Uint8Array was expected, not ${typeof value}`);
  }
}

function notText(): StrongroomError {
  return new StrongroomError('not_text', 'the value is not text', { hint: 'read it as bytes' });
}

/** Works on the UTF-8, so that no string of the value is made. */
function visibleTail(bytes: Uint8Array): string {
  let characters = 0;
  for (let i = 0; i < bytes.length && characters < MASK_TAIL_CHARACTERS_MIN; i += 1) {
    if (!isContinuation(bytes[i] ?? 0)) characters += 1;
  }
  if (characters < MASK_TAIL_CHARACTERS_MIN) return '';
  let tail = '';
  for (let i = bytes.length - 1; tail.length < MASK_TAIL_LENGTH; i -= 1) {
    const byte = bytes[i] ?? 0;
    if (isContinuation(byte)) continue;
    tail = (byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : MASK_CHARACTER) + tail;
  }
  return tail;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
