import { wipe } from '../lib/bytes.ts';

const ESC = 0x1b;
const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const INTERRUPT = 0x03;
const END_OF_INPUT = 0x04;
const ERASE_LINE = 0x15;
const SPACE = 0x20;
const ERASE: readonly number[] = [0x08, 0x7f];
/** ECMA-48: a control sequence ends with `@` to `~`; after O, or with the Alt key, one character follows. */
const SEQUENCE = /^(?:\[[ -?]*[@-~]|O.|[^[O])$/;
const PASTE_BEGINS = '[200~';
const PASTE_ENDS = '[201~';

/** What the input so far means. */
export type HiddenState = 'open' | 'entered' | 'cancelled';

/** Collects what is typed or pasted at a terminal in raw mode, where nothing edits or echoes it. */
export class HiddenInput implements Disposable {
  #bytes: Uint8Array = new Uint8Array(256);
  #length = 0;
  /** An escape sequence that is not whole yet, without its ESC. */
  #sequence: string | undefined;
  /** The byte that stood for Enter, as long as nothing came after it. */
  #enter: number | undefined;
  /** The byte before, within a paste. */
  #before: number | undefined;
  #isPasting = false;
  #pastes = 0;
  #hasLooseLines = false;

  /** How often something was pasted, as far as the terminal told. */
  get pastes(): number {
    return this.#pastes;
  }

  /** Whether several lines came without the terminal telling that they were pasted. */
  get hasLooseLines(): boolean {
    return this.#hasLooseLines;
  }

  /** Takes bytes as they came. What comes after Enter makes that a line end of something that was pasted. */
  take(chunk: Uint8Array): HiddenState {
    for (const byte of chunk) {
      if (this.#enter !== undefined) {
        // Some terminals send both for one line end.
        if (this.#enter === CARRIAGE_RETURN && byte === LINE_FEED) {
          this.#enter = LINE_FEED;
          continue;
        }
        this.#enter = undefined;
        this.#hasLooseLines = true;
        this.#push(LINE_FEED);
      }
      if (this.#sequence !== undefined && this.#takeSequence(byte)) continue;
      if (this.#isPasting) this.#takePasted(byte);
      else if (this.#takeTyped(byte) === 'cancelled') return 'cancelled';
    }
    return this.#enter === undefined ? 'open' : 'entered';
  }

  /** The bytes, without the one line end that something pasted may have; they are the caller's to wipe. */
  bytes(): Uint8Array {
    const end = this.#bytes[this.#length - 1] === LINE_FEED ? this.#length - 1 : this.#length;
    return this.#bytes.slice(0, this.#length === 0 ? 0 : end);
  }

  [Symbol.dispose](): void {
    wipe(this.#bytes);
    this.#length = 0;
  }

  /** Takes a byte of an escape sequence; gives `false` if it belongs to none. */
  #takeSequence(byte: number): boolean {
    const begun = this.#sequence ?? '';
    if (byte < SPACE || byte >= 0x7f) {
      this.#sequence = undefined;
      return false;
    }
    const sequence = begun + String.fromCharCode(byte);
    this.#sequence = SEQUENCE.test(sequence) ? undefined : sequence;
    if (sequence === PASTE_BEGINS) this.#beginPaste();
    if (sequence === PASTE_ENDS) this.#isPasting = false;
    return true;
  }

  #beginPaste(): void {
    this.#isPasting = true;
    this.#pastes += 1;
    this.#before = undefined;
  }

  #takePasted(byte: number): void {
    const before = this.#before;
    this.#before = byte;
    if (byte === ESC) this.#sequence = '';
    else if (byte === CARRIAGE_RETURN) this.#push(LINE_FEED);
    else if (byte !== LINE_FEED || before !== CARRIAGE_RETURN) this.#push(byte);
  }

  #takeTyped(byte: number): 'cancelled' | undefined {
    if (byte === INTERRUPT || (byte === END_OF_INPUT && this.#length === 0)) return 'cancelled';
    if (byte === CARRIAGE_RETURN || byte === LINE_FEED || byte === END_OF_INPUT) this.#enter = byte;
    else if (byte === ESC) this.#sequence = '';
    else if (byte === ERASE_LINE) this.#erase(0);
    else if (ERASE.includes(byte)) this.#erase(this.#previousCharacter());
    else if (byte >= SPACE || byte === TAB) this.#push(byte);
    return undefined;
  }

  #push(byte: number): void {
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(this.#length * 2);
      larger.set(this.#bytes);
      wipe(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#length] = byte;
    this.#length += 1;
  }

  /** Where the last character begins, which in UTF-8 may have several bytes. */
  #previousCharacter(): number {
    let at = Math.max(0, this.#length - 1);
    while (at > 0 && ((this.#bytes[at] ?? 0) & 0xc0) === 0x80) at -= 1;
    return at;
  }

  #erase(length: number): void {
    this.#bytes.fill(0, length, this.#length);
    this.#length = length;
  }
}
