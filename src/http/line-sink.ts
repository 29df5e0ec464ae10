import { closeSync, constants, openSync, write } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { StrongroomError } from '../errors.ts';
import { utf8 } from '../lib/bytes.ts';
import { translateFileError } from '../store/file-errors.ts';

/** Takes lines and never makes anyone wait. */
export interface LineSink {
  write(line: string): void;
  /** How many lines were lost, because nobody took them in time. */
  readonly lost: number;
  /** Resolves when all that was taken is written, or after two seconds. */
  close(): Promise<void>;
}

const WAITING_MAX = 1000;
const CLOSING_MS = 2000;
const FILE_MODE = 0o600;

/** Lines to a file descriptor, which stays open. */
export function descriptorSink(descriptor: number): LineSink {
  return new QueuedSink((line) => writeAll(descriptor, utf8(line)));
}

/**
 * Lines to the end of a file, made with mode 0600 if it is not there.
 *
 * @throws {@link StrongroomError} `file_not_found` without its directory; `read_only`, `storage_full`, `storage_failed`.
 */
export function fileSink(path: string): LineSink {
  let file: number;
  try {
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;
    file = openSync(path, flags | constants.O_NOFOLLOW, FILE_MODE);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new StrongroomError('file_not_found', `there is no directory for ${path}`, {
        hint: 'make it first, or look at the path',
      });
    }
    throw translateFileError(error);
  }
  return new QueuedSink(
    (line) => writeAll(file, utf8(line)),
    () => closeSync(file),
  );
}

/**
 * One line after another, as fast as whoever takes them. Of more than 1,000
 * that wait, the newest are lost, and counted: the audit log has what they tell.
 */
export class QueuedSink implements LineSink {
  readonly #send: (line: string) => Promise<void>;
  readonly #end: () => void;
  readonly #waiting: string[] = [];
  #sending: Promise<void> | undefined;
  #isClosed = false;
  #lost = 0;

  constructor(send: (line: string) => Promise<void>, end: () => void = () => undefined) {
    this.#send = send;
    this.#end = end;
  }

  get lost(): number {
    return this.#lost;
  }

  write(line: string): void {
    if (this.#isClosed || this.#waiting.length >= WAITING_MAX) {
      this.#lost += 1;
      return;
    }
    this.#waiting.push(line);
    this.#sending ??= this.#drain();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const timeUp = new AbortController();
    const wait = sleep(CLOSING_MS, undefined, { signal: timeUp.signal }).catch(() => undefined);
    await Promise.race([this.#sending, wait]);
    timeUp.abort();
    this.#lost += this.#waiting.splice(0).length;
    // What is still being written needs its file.
    if (this.#sending === undefined) this.#end();
  }

  async #drain(): Promise<void> {
    for (let line = this.#waiting.shift(); line !== undefined; line = this.#waiting.shift()) {
      try {
        await this.#send(line);
      } catch {
        this.#lost += 1;
      }
    }
    this.#sending = undefined;
  }
}

/** Not through a stream, which would write to a pipe at once and stop everything while that is full. */
function writeAll(descriptor: number, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const from = (at: number): void => {
      write(descriptor, bytes, at, bytes.length - at, undefined, (error, written) => {
        if (error !== null) reject(error);
        else if (at + written >= bytes.length) resolve();
        else from(at + written);
      });
    };
    from(0);
  });
}
