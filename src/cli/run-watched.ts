import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Changes } from '../core/events/bell.ts';
import { renewals } from '../core/events/renewals.ts';
import { StrongroomError } from '../errors.ts';
import type { Variable } from '../formats/variables.ts';
import { utf8 } from '../lib/bytes.ts';
import { equalBytes } from '../lib/compare.ts';
import { endLike, startChild, type Start } from './start-program.ts';
import type { Terminal } from './terminal.ts';

/** A program with what it is given. */
export interface Prepared {
  readonly start: Start;
  readonly variables: readonly Variable[];
  /** Paths of secrets of no particular type. */
  readonly plain: ReadonlySet<string>;
}

/** How a program is run that follows changes. */
export interface WatchOptions {
  /** Reads what the program is given now. */
  readonly prepare: () => Promise<Prepared>;
  readonly changes: Changes;
  /** The signal that it is sent instead of being started again. */
  readonly signal?: NodeJS.Signals | undefined;
  readonly mask: boolean;
  readonly terminal: Terminal;
}

/** How a program ended. */
type End = readonly [code: number | null, signal: NodeJS.Signals | null];

/** A program that runs. */
interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<End>;
}

/** How long a program may take to end before it is killed. */
const ENDING_MS = 10_000;

const TOLD = {
  following: 'changes are not followed any more',
  reading: 'secrets have changed and cannot be read, so the program runs on',
} as const;

/**
 * Runs a program, and starts it again or sends it a signal when what it was
 * given changes. New values are read before the old program is ended; if that
 * fails, it runs on. One that ends by itself ends this.
 */
export async function runWatched(options: WatchOptions): Promise<void> {
  const { terminal, signal, prepare } = options;
  await using changes = options.changes;
  let given = await prepare();
  let running = await begin(given, options);
  const news = renewals(given, {
    changes,
    read: prepare,
    isSame: (before, now) => isSame(before.variables, now.variables),
    failed: (error, what) => terminal.warn(`${TOLD[what]}: ${whyOf(error)}`),
  });
  let next: Promise<IteratorResult<Prepared, void>> | undefined;
  for (;;) {
    const ended = running.ended.then((end) => ({ end }));
    next ??= news.next();
    const happened = await Promise.race([ended, next]);
    if ('end' in happened) {
      endLike(...happened.end);
      return;
    }
    // What is not followed any more runs on as it is.
    next = happened.done === true ? new Promise(() => undefined) : undefined;
    if (happened.done === true) continue;
    given = happened.value;
    if (signal !== undefined) {
      terminal.note(`secrets have changed: sent ${signal} to the program`);
      running.child.kill(signal);
      continue;
    }
    terminal.note('secrets have changed: starting the program again');
    const end = await stop(running);
    if (end !== undefined) {
      endLike(...end);
      return;
    }
    running = await begin(given, options);
  }
}

async function begin(given: Prepared, { mask, terminal }: WatchOptions): Promise<Running> {
  const { start } = given;
  if (mask) {
    const { startMasked } = await import('./run-masked.ts');
    const { child, ended } = await startMasked(start, given, terminal);
    return { child, ended };
  }
  const child = await startChild(start, 'inherit', terminal.isPresent);
  const ended = new Promise<End>((resolve) => {
    child.once('exit', (code, signal) => resolve([code, signal]));
  });
  return { child, ended };
}

/**
 * Ends a program so that another one can take its place.
 *
 * @returns How it ended, if this process was told to end meanwhile: then there is no other one.
 */
async function stop({ child, ended }: Running): Promise<End | undefined> {
  let isTold = false;
  const told = (): void => {
    isTold = true;
  };
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const;
  for (const signal of signals) process.on(signal, told);
  try {
    child.kill('SIGTERM');
    const waiting = new AbortController();
    const late = sleep(ENDING_MS, undefined, { signal: waiting.signal })
      .then(() => child.kill('SIGKILL'))
      .catch(() => undefined);
    const end = await ended;
    waiting.abort();
    await late;
    return isTold ? end : undefined;
  } finally {
    for (const signal of signals) process.off(signal, told);
  }
}

function whyOf(error: unknown): string {
  return error instanceof StrongroomError ? error.message : 'an unforeseen failure';
}

function isSame(before: readonly Variable[], now: readonly Variable[]): boolean {
  if (before.length !== now.length) return false;
  const values = new Map(before.map(({ name, value }) => [name, value]));
  return now.every(({ name, value }) => {
    const was = values.get(name);
    return was !== undefined && equalBytes(utf8(was), utf8(value));
  });
}
