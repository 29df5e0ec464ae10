// Kills one operation at each of its system calls that change something on
// disk, and looks at what is left: `node test/faults/syscalls.ts [points|all]`,
// where the points are shared out among the operations: those that could leave a
// vault that nobody opens any more get twice as many as the others.
// Rows F2 and A96 of the fault tests. Needs strace.
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { KEY_CHANGES } from './key-operations.ts';
import { FAULT_OPERATIONS, type Aftermath, type FaultOperation } from './operations.ts';
import type { Place } from './places.ts';
import { requireTool } from './tools.ts';

const SYSCALLS = ['fsync', 'pwrite64', 'write', 'rename', 'unlink', 'ftruncate', 'mkdir'] as const;
const POINTS_DEFAULT = 240;
const LARGER_SHARE = 2;
const WITH_LARGER_SHARE: ReadonlySet<string> = new Set([...KEY_CHANGES, 'restore']);

/** The `when`-th call of `syscall` in the main thread. */
interface Point {
  readonly operation: string;
  readonly syscall: string;
  readonly when: number;
}

const program = fileURLToPath(new URL('one-operation.ts', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'strongroom-syscalls-'));

function placeOf(name: string): Place {
  const base = join(scratch, name);
  return { path: join(base, 'vault'), configDirectory: join(base, 'config') };
}

/** A place for one run, as the operation wants it. */
function prepare(operation: string, name: string): Place {
  const template = join(scratch, `${operation}-template`);
  if (existsSync(template)) cpSync(template, join(scratch, name), { recursive: true });
  return placeOf(name);
}

/** Runs the operation under strace; resolves to its output and whether it was killed. */
function trace(
  operation: string,
  place: Place,
  options: readonly string[],
): Promise<{ readonly output: string; readonly isKilled: boolean }> {
  return new Promise((resolve) => {
    const command = [process.execPath, program, operation, place.path, place.configDirectory];
    const child = spawn('strace', ['-f', '-qq', ...options, ...command], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (data: Buffer) => (output += data.toString()));
    // strace dies of the signal that its child died of.
    child.on('close', (_code, signal) => resolve({ output, isKilled: signal === 'SIGKILL' }));
  });
}

/** The points of an operation: the calls of its main thread once everything is loaded. */
async function pointsOf(operation: string): Promise<Point[]> {
  const log = join(scratch, `${operation}.trace`);
  const options = ['-o', log, '-e', `trace=${SYSCALLS.join(',')}`];
  const { output } = await trace(operation, prepare(operation, `${operation}-count`), options);
  if (!output.includes('done')) throw new Error(`${operation} fails when it is only watched`);
  const lines = readFileSync(log, 'utf8').split('\n');
  const start = lines.findIndex((line) => line.includes('write(1, "begin'));
  const thread = lines[start]?.split(' ', 1)[0] ?? '';
  const counts = new Map<string, number>();
  const points: Point[] = [];
  for (const [index, line] of lines.entries()) {
    const [, caller, syscall] = /^(\d+) +(\w+)\(/.exec(line) ?? [];
    if (caller !== thread || syscall === undefined) continue;
    const when = (counts.get(syscall) ?? 0) + 1;
    counts.set(syscall, when);
    if (index > start) points.push({ operation, syscall, when });
  }
  return points;
}

/** At most `max` of the points: rare calls first, then writes spread over the whole operation. */
function choose(points: readonly Point[], max: number): Point[] {
  const rare = points.filter(({ syscall }) => syscall !== 'pwrite64');
  const writes = points.filter(({ syscall }) => syscall === 'pwrite64');
  const chosen = spread(rare, Math.ceil(max / 2));
  return [...chosen, ...spread(writes, max - chosen.length)];
}

function spread(points: readonly Point[], max: number): Point[] {
  if (points.length <= max) return [...points];
  return Array.from({ length: max }, (_, index) => {
    const point = points[Math.round((index * (points.length - 1)) / Math.max(1, max - 1))];
    if (point === undefined) throw new RangeError('there is no such point');
    return point;
  });
}

/** Kills the operation at a point. Resolves to what is wrong then, and whether it was done. */
async function killAt(point: Point, { look }: FaultOperation): Promise<Aftermath> {
  const { operation, syscall, when } = point;
  const name = `${operation}-${syscall}-${when}`;
  const place = prepare(operation, name);
  const inject = `inject=${syscall}:signal=SIGKILL:when=${when}`;
  const options = ['-o', '/dev/null', '-e', `trace=${syscall}`, '-e', inject];
  const { output, isKilled } = await trace(operation, place, options);
  if (!isKilled) missed += 1;
  try {
    return await look(place, output.includes('done'));
  } finally {
    rmSync(join(scratch, name), { recursive: true, force: true });
  }
}

async function runOperation(
  operation: string,
  subject: FaultOperation,
  max: number,
): Promise<void> {
  await subject.setUp(placeOf(`${operation}-template`));
  const all = await pointsOf(operation);
  const waiting = choose(all, max);
  const total = waiting.length;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let point = waiting.shift(); point !== undefined; point = waiting.shift()) {
      const result = await killAt(point, subject).catch((error: unknown) => ({
        problems: [String(error)],
        isDone: false,
      }));
      if (result.isDone) done += 1;
      if (result.problems.length === 0) {
        passed += 1;
        continue;
      }
      failed += 1;
      const where = `F2 ${operation} killed at ${point.syscall} ${point.when}`;
      process.stdout.write(`${where}: ${result.problems.slice(0, 3).join('; ')}\n`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  process.stdout.write(
    `F2 ${operation}: killed at ${total} of ${all.length} calls, then ${done} times wholly done and ${total - done} times not at all\n`,
  );
}

requireTool('strace', 'strace');
const shareOf = (name: string): number => (WITH_LARGER_SHARE.has(name) ? LARGER_SHARE : 1);
const shares = Object.keys(FAULT_OPERATIONS).reduce((sum, name) => sum + shareOf(name), 0);
const perShare =
  process.argv[2] === 'all' ? Infinity : Number(process.argv[2] ?? POINTS_DEFAULT) / shares;
let passed = 0;
let failed = 0;
let missed = 0;
try {
  for (const [name, operation] of Object.entries(FAULT_OPERATIONS)) {
    await runOperation(name, operation, Math.ceil(perShare * shareOf(name)));
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
// Timers make a late call come or not; more than a few would mean that nothing was killed at all.
if (missed > (passed + failed) / 10) {
  failed += 1;
  process.stdout.write(`F2 ${missed} calls were never reached: too few kills to say anything\n`);
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
