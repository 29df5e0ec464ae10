import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The answer to one question: what was measured, against its gate and against the bare limit. */
export interface Row {
  readonly question: string;
  /** `undefined` if it could not be measured; `note` then says why. */
  readonly measured: number | undefined;
  readonly unit: 'µs' | 'ms' | 's' | 'MB' | 'fsyncs' | '×' | '/s' | 'errors' | 'operations';
  /** The gate: at most this, in `unit`. Absent for a figure that is only shown. */
  readonly limit?: number;
  /** The gate, where it is the other way round: at least this, in `unit`. */
  readonly least?: number;
  /** The same work without Strongroom, measured in the same run, in `unit`. */
  readonly bare?: number;
  /** What the bare limit is, or why there is no figure. */
  readonly note?: string;
}

/** What is spent on one item of a round. */
export interface Spent {
  readonly wallUs: number;
  readonly cpuUs: number;
}

/** Gives a row to `bench/run.ts`, or to whoever started the file alone. */
export function report(row: Row): void {
  process.stdout.write(`${JSON.stringify(row)}\n`);
}

/** The middle of some numbers. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which `share` of the values are. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  if (value === undefined) throw new RangeError('nothing was measured');
  return value;
}

/** Runs `work` once and gives what it took for each of `items`. */
export async function spend(items: number, work: () => unknown): Promise<Spent> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await work();
  const wallUs = ((performance.now() - start) * 1000) / items;
  const { user, system } = process.cpuUsage(cpu);
  return { wallUs, cpuUs: (user + system) / items };
}

/** Runs `call` by so many callers at once, each beginning its next call when one is answered. */
export async function atOnce(
  callers: number,
  calls: number,
  call: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < calls) await call(next++);
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

/** Milliseconds that each of `calls` calls takes, one after another. */
export async function oneByOne(
  calls: number,
  call: (index: number) => unknown,
): Promise<readonly number[]> {
  const taken: number[] = [];
  for (let index = 0; index < calls; index += 1) {
    const start = performance.now();
    await call(index);
    taken.push(performance.now() - start);
  }
  return taken;
}

/**
 * The directory for everything that a run leaves behind: the runner's, which
 * several files share, or one of this process's own.
 */
export function workDirectory(): string {
  const shared = process.env['STRONGROOM_BENCH_DIRECTORY'];
  if (shared !== undefined && shared !== '') return shared;
  const own = mkdtempSync(join(tmpdir(), 'strongroom-bench-'));
  process.env['STRONGROOM_BENCH_DIRECTORY'] = own;
  process.on('exit', () => rmSync(own, { recursive: true, force: true }));
  return own;
}

/** A new directory below {@link workDirectory}. */
export function newDirectory(name: string): string {
  const parent = workDirectory();
  mkdirSync(parent, { recursive: true });
  return mkdtempSync(join(parent, `${name}-`));
}

/** Whether the rows that need a vault of a million secrets are left out. */
export function isQuick(): boolean {
  return process.env['STRONGROOM_BENCH_QUICK'] === '1';
}

/** Repeatable choices, so that two runs ask for the same things (mulberry32). */
export function chooser(seed = 1): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
