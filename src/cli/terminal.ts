// The manners of the command line, all in one place:
// - Results go to standard output; everything else goes to standard error.
// - Messages begin with `strongroom: `, without a capital or a full stop; a hint follows where it is safe.
// - A question is asked only where somebody can answer: standard input is a terminal. `--yes` answers it.
// - Colour only on a terminal, and never with NO_COLOR.
// - With --json, results and errors are JSON; errors still go to standard error.
// - No value is ever taken from an argument without a warning, and none stands in a message.

import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';

import { StrongroomError } from '../errors.ts';
import { concat, utf8, wipe } from '../lib/bytes.ts';
import { printable, printableLines } from '../lib/printable.ts';
import { SecretValue } from '../secret-value.ts';

const STDIN_BYTES_MAX = 16 * 1024 * 1024;
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const LINE_FEED = 0x0a;

/** Where the command line talks to a person or a program. */
export class Terminal {
  #isJson: boolean;
  #assumeYes: boolean;
  #hasOutput = false;
  #hasProgress = false;
  readonly #told = new Set<string>();

  constructor(options: { readonly json: boolean; readonly yes: boolean }) {
    this.#isJson = options.json;
    this.#assumeYes = options.yes;
  }

  /** Whether results and errors are JSON. */
  get isJson(): boolean {
    return this.#isJson;
  }

  /** Sets how to behave once it is certain which options are ours and which a program's that we run. */
  configure(options: { readonly json: boolean; readonly yes: boolean }): void {
    this.#isJson = options.json;
    this.#assumeYes = options.yes;
  }

  /** Whether `--yes` answers every question. */
  get assumesYes(): boolean {
    return this.#assumeYes;
  }

  /** Whether a person can be asked: standard input is a terminal. */
  get canAsk(): boolean {
    return isatty(STDIN);
  }

  /** Whether a terminal is there for anything: then its signals reach every process of the group. */
  get isPresent(): boolean {
    return this.canAsk || this.isOutputTerminal || this.isErrorTerminal;
  }

  /** Whether standard output is a terminal. */
  get isOutputTerminal(): boolean {
    return isatty(STDOUT);
  }

  /** The columns of the terminal that results go to, or `undefined` if that is none. */
  get width(): number | undefined {
    const { columns } = process.stdout;
    return this.isOutputTerminal && columns > 0 ? columns : undefined;
  }

  /** Whether standard error is a terminal. */
  get isErrorTerminal(): boolean {
    return isatty(STDERR);
  }

  /** Writes a result: as text for people, or with `--json` as JSON. A terminal may show it: others chose some of it. */
  result(json: unknown, text: string): void {
    const said = this.isJson ? JSON.stringify(json, undefined, 2) : text;
    // In JSON it is the same text as before.
    if (said !== '') this.write(printableLines(said.endsWith('\n') ? said : `${said}\n`));
  }

  /** Writes exactly these bytes to standard output. */
  write(content: string | Uint8Array, written?: (error?: Error | null) => void): void {
    if (!this.#hasOutput) {
      this.#hasOutput = true;
      // A reader that has seen enough, such as `head`, is no failure.
      process.stdout.on('error', (error) => {
        if ('code' in error && error.code === 'EPIPE') process.exitCode ??= 0;
        else throw outputFault(error);
      });
    }
    process.stdout.write(content, written);
  }

  /**
   * Writes to standard output and waits until the reader has room for more.
   *
   * @returns Whether anybody still reads.
   */
  writeAll(text: string): Promise<boolean> {
    return new Promise((resolve) => {
      this.write(text, (error) => resolve(error === undefined || error === null));
    });
  }

  /** Tells the person something that is not the result. With `--json` nobody is told. */
  note(message: string): void {
    const erased = this.#hasProgress ? '\r\u001B[K' : '';
    this.#hasProgress = false;
    if (!this.isJson) writeError(`${erased}strongroom: ${printable(message)}\n`);
  }

  /** Shows how far something is, in place of what was shown before; on a terminal alone. */
  progress(message: string): void {
    if (this.isJson || !this.isErrorTerminal) return;
    this.#hasProgress = true;
    writeError(`\r\u001B[K${printable(message)}`);
  }

  /** Tells something of consequence, also to a program: with `--json`, as JSON. */
  warn(message: string): void {
    if (this.isJson) writeError(`${JSON.stringify({ note: message })}\n`);
    else this.note(message);
  }

  /** As {@link Terminal.warn}, but not what was told before. */
  warnOnce(message: string): void {
    if (this.#told.has(message)) return;
    this.#told.add(message);
    this.warn(message);
  }

  /** Writes text for the person as it is, without prefix. */
  tell(text: string): void {
    writeError(text.endsWith('\n') ? text : `${text}\n`);
  }

  /**
   * Shows something secret to a person: on a terminal, never where it would end in a file or a pipe.
   *
   * @throws Error if there is no terminal.
   */
  show(text: string): void {
    if (this.isErrorTerminal) this.tell(text);
    else if (this.isOutputTerminal) this.write(text.endsWith('\n') ? text : `${text}\n`);
    else throw new Error('there is no terminal to show it on');
  }

  /** Shows an error, with its code for programs and its hint for people. */
  fail(error: StrongroomError): void {
    const { code, message, hint, details } = error;
    if (this.isJson) {
      writeError(`${JSON.stringify({ error: { code, message, hint, details } })}\n`);
      return;
    }
    this.note(message);
    if (hint !== undefined) writeError(`${this.dim(`  hint: ${printable(hint)}`)}\n`);
  }

  /**
   * Asks yes or no. Without a terminal the answer is no, unless `--yes` was given.
   *
   * @param initialValue - What Enter alone answers. Default yes.
   * @throws {@link StrongroomError} `usage` if the person gave up, which is neither.
   */
  async confirm(question: string, initialValue: boolean = true): Promise<boolean> {
    if (this.#assumeYes) return true;
    if (!this.canAsk) return false;
    const { confirm, isCancel } = await import('@clack/prompts');
    const answer = await confirm({
      message: printable(question),
      initialValue,
      output: process.stderr,
    });
    if (isCancel(answer)) throw new StrongroomError('usage', 'nothing was changed');
    return answer;
  }

  /**
   * Asks for text that may be seen.
   *
   * @throws {@link StrongroomError} `usage` if nobody can be asked, or the person gave up.
   */
  async askText(question: string): Promise<string> {
    if (!this.canAsk) {
      throw new StrongroomError('usage', 'there is no terminal to ask at', {
        hint: 'say --yes to answer every question',
      });
    }
    const { text, isCancel } = await import('@clack/prompts');
    const answer = await text({ message: printable(question), output: process.stderr });
    if (isCancel(answer)) throw new StrongroomError('usage', 'nothing was changed');
    return answer ?? '';
  }

  /**
   * Asks for a value without showing it.
   *
   * @throws {@link StrongroomError} `usage` if nobody can be asked, or the person gave up.
   */
  async askSecret(question: string): Promise<SecretValue> {
    if (!this.canAsk) {
      throw new StrongroomError('usage', 'there is no terminal to ask at', {
        hint: 'a file can have it, or with - standard input: --help names the option',
      });
    }
    const { readHidden } = await import('./hidden-prompt.ts');
    const entry = await readHidden(printable(question));
    if (entry === undefined) throw new StrongroomError('usage', 'nothing was changed');
    const lines = entry.bytes.reduce((count, byte) => count + (byte === LINE_FEED ? 1 : 0), 1);
    const secret = SecretValue.fromUtf8(entry.bytes);
    // Enter may have been meant as the end.
    const isMeant =
      !entry.hasLooseLines || (await this.confirm(`That was ${lines} lines. Keep them all?`));
    if (!isMeant) {
      secret.wipe();
      throw new StrongroomError('usage', 'nothing was changed', {
        hint: 'give a value of several lines on standard input or with a file',
      });
    }
    if (lines > 1) this.note(`${lines} lines`);
    return secret;
  }

  /**
   * Reads standard input to its end. What it came in is wiped; the result is the caller's to wipe.
   *
   * @throws {@link StrongroomError} `value_too_large` beyond 16 MiB.
   */
  async readInput(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    try {
      for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
        chunks.push(chunk);
        length += chunk.length;
        if (length > STDIN_BYTES_MAX) {
          throw new StrongroomError('value_too_large', 'standard input is larger than 16 MiB');
        }
      }
      return concat(chunks);
    } finally {
      for (const chunk of chunks) wipe(chunk);
    }
  }

  /** Makes text stand back, where colour is shown. */
  dim(text: string): string {
    return this.#hasColour ? `\u001B[2m${text}\u001B[22m` : text;
  }

  /** Makes text stand out, where colour is shown. */
  bold(text: string): string {
    return this.#hasColour ? `\u001B[1m${text}\u001B[22m` : text;
  }

  get #hasColour(): boolean {
    return this.isErrorTerminal && (process.env['NO_COLOR'] ?? '') === '';
  }
}

/** What cannot be written is the fault of whatever standard output is, and the result is incomplete. */
function outputFault(cause: Error): StrongroomError {
  const code = 'code' in cause ? String(cause.code) : cause.name;
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG'
    ? new StrongroomError('storage_full', 'no space is left for standard output', { cause })
    : new StrongroomError('read_only', `standard output cannot be written (${code})`, { cause });
}

const RETRY_MS = 5;

/** Writes to standard error at once, also where whoever started us made it non-blocking. */
function writeError(text: string): void {
  const bytes = utf8(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(STDERR, bytes, at);
    } catch (error) {
      const isFull = error instanceof Error && 'code' in error && error.code === 'EAGAIN';
      // Nobody hears us any more; that is no reason to fail.
      if (!isFull) return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}
