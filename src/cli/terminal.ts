// The manners of the command line, all in one place:
// - Results go to standard output; everything else goes to standard error.
// - Messages begin with `strongroom: `, without a capital or a full stop; a hint follows where it is safe.
// - A question is asked only where somebody can answer: standard input is a terminal. `--yes` answers it.
// - Colour only on a terminal, and never with NO_COLOR.
// - With --json, results and errors are JSON; errors still go to standard error.
// - No value is ever taken from an argument without a warning, and none stands in a message.

import { StrongroomError } from '../errors.ts';
import { SecretValue } from '../secret-value.ts';

const STDIN_BYTES_MAX = 16 * 1024 * 1024;

/** Where the command line talks to a person or a program. */
export class Terminal {
  readonly isJson: boolean;
  readonly #assumeYes: boolean;

  constructor(options: { readonly json: boolean; readonly yes: boolean }) {
    this.isJson = options.json;
    this.#assumeYes = options.yes;
    // A reader that has seen enough, such as `head`, is no failure.
    process.stdout.on('error', (error) => {
      if ('code' in error && error.code === 'EPIPE') process.exitCode ??= 0;
      else throw error;
    });
  }

  /** Whether a person can be asked: standard input is a terminal. */
  get canAsk(): boolean {
    return process.stdin.isTTY;
  }

  /** Whether standard output is a terminal. */
  get isOutputTerminal(): boolean {
    return process.stdout.isTTY;
  }

  /** Writes a result: as text for people, or with `--json` as JSON. */
  result(json: unknown, text: string): void {
    if (this.isJson) this.write(`${JSON.stringify(json, undefined, 2)}\n`);
    else if (text !== '') this.write(text.endsWith('\n') ? text : `${text}\n`);
  }

  /** Writes exactly these bytes to standard output. */
  write(content: string | Uint8Array): void {
    process.stdout.write(content);
  }

  /** Tells the person something that is not the result. */
  note(message: string): void {
    process.stderr.write(`strongroom: ${message}\n`);
  }

  /** Writes text for the person as it is, without prefix. */
  tell(text: string): void {
    process.stderr.write(text.endsWith('\n') ? text : `${text}\n`);
  }

  /** Shows an error, with its code for programs and its hint for people. */
  fail(error: StrongroomError): void {
    const { code, message, hint, details } = error;
    if (this.isJson) {
      process.stderr.write(`${JSON.stringify({ error: { code, message, hint, details } })}\n`);
      return;
    }
    this.note(message);
    if (hint !== undefined) process.stderr.write(`${this.dim(`  hint: ${hint}`)}\n`);
  }

  /**
   * Asks yes or no. Without a terminal the answer is no, unless `--yes` was given.
   */
  async confirm(question: string): Promise<boolean> {
    if (this.#assumeYes) return true;
    if (!this.canAsk) return false;
    const { confirm, isCancel } = await import('@clack/prompts');
    const answer = await confirm({ message: question, output: process.stderr });
    return !isCancel(answer) && answer;
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
    return process.stderr.isTTY && (process.env['NO_COLOR'] ?? '') === '';
  }
}
