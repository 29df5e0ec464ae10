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
import { utf8 } from '../lib/bytes.ts';
import { SecretValue } from '../secret-value.ts';

const STDIN_BYTES_MAX = 16 * 1024 * 1024;
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;

/** Where the command line talks to a person or a program. */
export class Terminal {
  #isJson: boolean;
  #assumeYes: boolean;
  #hasOutput = false;

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

  /** Whether standard output is a terminal. */
  get isOutputTerminal(): boolean {
    return isatty(STDOUT);
  }

  /** Whether standard error is a terminal. */
  get isErrorTerminal(): boolean {
    return isatty(STDERR);
  }

  /** Writes a result: as text for people, or with `--json` as JSON. */
  result(json: unknown, text: string): void {
    if (this.isJson) this.write(`${JSON.stringify(json, undefined, 2)}\n`);
    else if (text !== '') this.write(text.endsWith('\n') ? text : `${text}\n`);
  }

  /** Writes exactly these bytes to standard output. */
  write(content: string | Uint8Array, written?: (error?: Error | null) => void): void {
    if (!this.#hasOutput) {
      this.#hasOutput = true;
      // A reader that has seen enough, such as `head`, is no failure.
      process.stdout.on('error', (error) => {
        if ('code' in error && error.code === 'EPIPE') process.exitCode ??= 0;
        else throw error;
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

  /** Tells the person something that is not the result. */
  note(message: string): void {
    writeError(`strongroom: ${message}\n`);
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
    if (hint !== undefined) writeError(`${this.dim(`  hint: ${hint}`)}\n`);
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
    const answer = await confirm({ message: question, initialValue, output: process.stderr });
    if (isCancel(answer)) throw new StrongroomError('usage', 'nothing was changed');
    return answer;
  }

  /**
   * Asks for a value without showing it.
   *
   * @throws {@link StrongroomError} `usage` if nobody can be asked, or the person gave up.
   */
  async askSecret(question: string): Promise<SecretValue> {
    if (!this.canAsk) {
      throw new StrongroomError('usage', 'there is no terminal to ask at', {
        hint: 'give the value on standard input or with a file',
      });
    }
    const { password, isCancel } = await import('@clack/prompts');
    const answer = await password({ message: question, output: process.stderr });
    if (isCancel(answer)) throw new StrongroomError('usage', 'nothing was changed');
    return SecretValue.text(answer);
  }

  /**
   * Reads standard input to its end.
   *
   * @throws {@link StrongroomError} `value_too_large` beyond 16 MiB.
   */
  async readInput(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
      length += chunk.length;
      if (length > STDIN_BYTES_MAX) {
        throw new StrongroomError('value_too_large', 'standard input is larger than 16 MiB');
      }
      chunks.push(chunk);
    }
    return new Uint8Array(Buffer.concat(chunks));
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
