import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Nothing that is run here takes as long: what does, hangs, and says `SIGKILL`. */
const RUN_MS_MAX = 120_000;
const PROGRAM = join(dirname(fileURLToPath(import.meta.url)), '..', 'bin', 'strongroom.js');

/** What a command gave. */
export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  /** The exit code, or the name of the signal. */
  readonly code: number | string;
}

/** How to run a command. */
export interface CommandOptions {
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

/** A project's directory and a home of its own, where `strongroom` is on the `PATH`. */
export class Sandbox implements Disposable {
  readonly #root: string;
  /** The project's directory. */
  readonly directory: string;
  readonly home: string;

  constructor() {
    this.#root = realpathSync(mkdtempSync(join(tmpdir(), 'strongroom-')));
    this.directory = join(this.#root, 'my-app');
    this.home = join(this.#root, 'home');
    const programs = join(this.#root, 'bin');
    for (const directory of [this.directory, this.home, programs]) mkdirSync(directory);
    const command = join(programs, 'strongroom');
    writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`);
    chmodSync(command, 0o755);
  }

  /** Runs a line of shell in the project's directory, to its end. */
  run(line: string, { stdin = '', env = {} }: CommandOptions = {}): Outcome {
    const { stdout, stderr, status, signal } = spawnSync('sh', ['-c', line], {
      cwd: this.directory,
      env: { ...this.env, ...env },
      input: stdin,
      maxBuffer: 1 << 28,
      timeout: RUN_MS_MAX,
      killSignal: 'SIGKILL',
    });
    return { stdout: stdout.toString(), stderr: stderr.toString(), code: signal ?? status ?? -1 };
  }

  /** Starts a program in the project's directory, with pipes. */
  start(command: string, ...args: readonly string[]): ChildProcess {
    return spawn(command, args, { cwd: this.directory, env: this.env });
  }

  /**
   * Runs a command at a terminal and types a text when it has asked.
   *
   * @returns Exit code or signal, a space, and all that was written.
   */
  async onTerminal(command: string, asked: string, typed: string): Promise<string> {
    const child = this.start('script', '-qec', `exec ${command}`, '/dev/null');
    let output = '';
    child.stdout?.on('data', (chunk: Uint8Array) => (output += Buffer.from(chunk).toString()));
    await written(child, asked);
    child.stdin?.write(typed);
    return `${await ended(child)} ${output.replaceAll('\r\n', '\n')}`;
  }

  /**
   * Answers each question at a terminal, if need be by what was written until then.
   *
   * @returns As {@link Sandbox.onTerminal}.
   */
  async atTerminal(
    command: string,
    answers: readonly (readonly [asked: string, typed: string | ((output: string) => string)])[],
  ): Promise<string> {
    const child = this.start('script', '-qec', `stty cols 120; exec ${command}`, '/dev/null');
    let output = '';
    child.stdout?.on('data', (chunk: Uint8Array) => (output += Buffer.from(chunk).toString()));
    const end = ended(child);
    for (const [asked, typed] of answers) {
      await written(child, asked);
      child.stdin?.write(`${typeof typed === 'string' ? typed : typed(output)}\r`);
    }
    return `${await end} ${output}`;
  }

  /** Puts a file into the project's directory. */
  write(name: string, content: string | Uint8Array): string {
    const path = join(this.directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return path;
  }

  /** The variables that commands get. */
  get env(): Record<string, string> {
    return {
      PATH: `${join(this.#root, 'bin')}:${process.env['PATH'] ?? ''}`,
      HOME: this.home,
      XDG_CONFIG_HOME: join(this.home, '.config'),
      // Compiled code may be shared: it would take most of the time of each command.
      XDG_CACHE_HOME: join(tmpdir(), 'strongroom-test-cache'),
      STRONGROOM_PRINCIPAL: 'ada',
      LC_ALL: 'C.UTF-8',
    };
  }

  [Symbol.dispose](): void {
    rmSync(this.#root, { recursive: true, force: true });
  }
}

/** Waits until a process has written a text to its output; gives all it wrote until then. */
export function written(child: ChildProcess, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    const onEnd = (): void => reject(new Error(`ended without "${text}": ${output}`));
    child.stdout?.on('data', (chunk: Uint8Array) => {
      output += Buffer.from(chunk).toString();
      if (output.includes(text)) resolve(output);
    });
    child.once('close', onEnd);
  });
}

/** Waits for the end of a process; gives its exit code or the name of its signal. */
export function ended(child: ChildProcess): Promise<number | string> {
  return new Promise((resolve) => {
    child.once('close', (code, signal) => resolve(signal ?? code ?? -1));
  });
}
