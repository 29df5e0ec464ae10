import type { LineSink } from './line-sink.ts';

/** How urgent a line is. */
export type LogLevel = 'info' | 'warn' | 'error';

/**
 * What a line of the server's own log may say: an allow-list. There is no
 * member for anything that a client sent, and none may be added.
 */
export interface LogFields {
  readonly address?: string | undefined;
  readonly code?: string | undefined;
  /** Of one of our own errors, which names no value, key or token. */
  readonly message?: string | undefined;
  readonly hint?: string | undefined;
  readonly request?: string | undefined;
  /** The first place in our own code, of an error that nobody foresaw. */
  readonly place?: string | undefined;
  readonly task?: string | undefined;
  readonly count?: number | undefined;
  readonly lost?: number | undefined;
  readonly ms?: number | undefined;
  readonly signal?: string | undefined;
  readonly vault?: string | undefined;
  readonly version?: string | undefined;
}

const MEMBERS: readonly (keyof LogFields)[] = [
  'address',
  'code',
  'message',
  'hint',
  'request',
  'place',
  'task',
  'count',
  'lost',
  'ms',
  'signal',
  'vault',
  'version',
];

/** The server's own log: a line of JSON for each event, never one for each request. */
export class ServerLog {
  readonly #sink: LineSink;
  readonly #now: () => number;

  constructor(sink: LineSink, now: () => number = Date.now) {
    this.#sink = sink;
    this.#now = now;
  }

  /** Writes one line. What is not on the list of members is left out. */
  write(level: LogLevel, event: string, fields: LogFields = {}): void {
    const line: Record<string, unknown> = {
      time: new Date(this.#now()).toISOString(),
      level,
      event,
    };
    for (const member of MEMBERS) if (fields[member] !== undefined) line[member] = fields[member];
    this.#sink.write(`${JSON.stringify(line)}\n`);
  }

  /** As {@link ServerLog.write}, of an error. */
  fail(event: string, error: LoggedError, fields: LogFields = {}): void {
    const { code, message, hint, cause } = error;
    const place = code === 'internal' ? placeOf(cause) : undefined;
    this.write('error', event, { code, message, hint, place, ...fields });
  }

  /** How many lines were lost. */
  get lost(): number {
    return this.#sink.lost;
  }

  /** Resolves when every line is written. */
  close(): Promise<void> {
    return this.#sink.close();
  }
}

/** An error as it may be told. */
interface LoggedError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/** Where in our own code it came from; the message of such an error may hold anything. */
function placeOf(cause: unknown): string | undefined {
  const stack = cause instanceof Error ? cause.stack : undefined;
  return /\/((?:dist|src)\/[\w./-]+:\d+):\d+/.exec(stack ?? '')?.[1];
}
