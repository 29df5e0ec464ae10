// Runs the benchmarks, each file as a process of its own, and shows what came out.
//
//   npm run bench                   everything
//   npm run bench -- quick          without the vault of a million secrets
//   npm run bench -- reads creates  these files only
//   npm run -s bench -- --markdown  the table as docs/performance.md has it
//   npm run bench -- --peer URL     beside a Vault-compatible server (bench/peer.ts)
//   npm run bench -- soak           ten minutes of half load, which runs where it is named alone
//
// A missed gate is shown, not hidden, and does not fail the run; a benchmark that cannot run does.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import type { Row } from './harness.ts';

/** The files, in the order in which they run; the first makes the vault that later ones share. */
const FILES = [
  'build',
  'reads',
  'creates',
  'rotations',
  'decisions',
  'lists',
  'time-travel',
  'audit-query',
  'health',
  'key-rotation',
  'opening',
  'memory',
  'commits',
  'run-command',
  'init-command',
  'backups',
  'http',
  'connections',
  'tokens',
  'soak',
  'at-once',
  'peer',
  'unaudited',
] as const;

type File = (typeof FILES)[number];

interface Ran {
  readonly rows: readonly Row[];
  readonly failed: readonly string[];
}

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { markdown: { type: 'boolean', default: false }, peer: { type: 'string' } },
});
const names = positionals.filter((name) => name !== 'quick');
const unknown = names.filter((name) => !FILES.some((file) => file === name));
if (unknown.length > 0) {
  process.stderr.write(
    `bench: no benchmark ${unknown.join(', ')}; there are ${FILES.join(', ')}\n`,
  );
  process.exit(2);
}

const directory = mkdtempSync(join(tmpdir(), 'strongroom-bench-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

const [loadBefore = 0] = loadavg();
const begin = performance.now();
const ran = runAll(FILES.filter((file) => names.length === 0 || names.includes(file)));
const seconds = (performance.now() - begin) / 1000;
process.stdout.write(flags.markdown ? markdown(ran.rows) : table(ran.rows));
process.stderr.write(`bench: ${summary(ran, seconds)}\n`);
for (const file of ran.failed) process.stderr.write(`bench: ${file} failed\n`);
process.exitCode = ran.failed.length === 0 ? 0 : 1;

function runAll(files: readonly File[]): Ran {
  const rows: Row[] = [];
  const failed: string[] = [];
  for (const file of files) {
    process.stderr.write(`bench: ${file}\n`);
    const { status, stdout } = spawnSync(
      process.execPath,
      [join(import.meta.dirname, `${file}.ts`)],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
        env: {
          ...process.env,
          STRONGROOM_BENCH_DIRECTORY: directory,
          ...(flags.peer === undefined ? {} : { STRONGROOM_BENCH_PEER: flags.peer }),
          STRONGROOM_BENCH_QUICK: positionals.includes('quick') ? '1' : '0',
          STRONGROOM_BENCH_SOAK: names.includes('soak') ? '1' : '0',
        },
      },
    );
    if (status !== 0) failed.push(file);
    for (const line of stdout.split('\n')) {
      if (line.startsWith('{')) rows.push(JSON.parse(line) as Row);
    }
  }
  return { rows, failed };
}

/** What the figures depend on besides the program. */
function machine(): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() ?? 'unknown processor';
  const gigabytes = (totalmem() / 1024 ** 3).toFixed(0);
  return [
    `${model}, ${processors.length} cores, ${gigabytes} GB`,
    `${type()} ${release()}, ${fileSystem()}`,
    `Node ${process.versions.node}, SQLite ${process.versions['sqlite'] ?? 'unknown'}`,
    `load average before the run ${loadBefore.toFixed(1)}`,
  ].join('; ');
}

/** The type of the file system that the vaults were on. */
function fileSystem(): string {
  const { status, stdout } = spawnSync('df', ['--output=fstype', directory], { encoding: 'utf8' });
  return (status === 0 ? stdout.trim().split('\n').at(-1) : undefined) ?? 'unknown file system';
}

function table(rows: readonly Row[]): string {
  const head = ['', 'measured', 'gate', '', 'bare limit', 'ratio', ''];
  const cells = [head, ...rows.map((row) => [row.question, ...figures(row), reason(row)])];
  const widths = head.map((_, column) =>
    Math.max(...cells.map((line) => line[column]?.length ?? 0)),
  );
  const lines = cells.map((line) =>
    line
      .map((cell, column) =>
        column % 6 === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  return `${machine()}\n\n${lines.join('\n')}\n`;
}

function markdown(rows: readonly Row[]): string {
  const lines = rows.map(
    (row) => `| ${[row.question, ...figures(row), row.note ?? ''].join(' | ')} |`,
  );
  return [
    `${machine()}.`,
    '',
    '| | measured | gate | | bare limit | ratio | remarks |',
    '| --- | ---: | ---: | --- | ---: | ---: | --- |',
    ...lines,
    '',
  ].join('\n');
}

/** Why there is no figure. */
function reason({ measured, note = '' }: Row): string {
  return measured === undefined ? note : '';
}

/** Measured, gate, whether it was met, bare limit, ratio. */
function figures(row: Row): string[] {
  const { measured, unit, limit, least, bare } = row;
  const bound = limit ?? least;
  const gate =
    bound === undefined ? '' : `${limit === undefined ? '≥' : '≤'} ${figure(bound)} ${unit}`;
  if (measured === undefined) return ['not measured', gate, '', '', ''];
  return [
    `${figure(measured)} ${unit}`,
    gate,
    bound === undefined ? '' : isMet(row) ? 'met' : 'missed',
    bare === undefined ? '' : `${figure(bare)} ${unit}`,
    bare === undefined ? '' : `${figure(measured / bare)} ×`,
  ];
}

/** Three digits that count. */
function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

function isMet({ measured, limit, least }: Row): boolean {
  if (measured === undefined) return false;
  return measured <= (limit ?? Number.POSITIVE_INFINITY) && measured >= (least ?? 0);
}

function summary({ rows }: Ran, seconds: number): string {
  const gated = rows.filter((row) => (row.limit ?? row.least) !== undefined);
  const met = gated.filter(isMet);
  const open = gated.filter((row) => row.measured === undefined);
  const missed = gated.length - met.length - open.length;
  return `${met.length} gates met, ${missed} missed, ${open.length} not measured, in ${seconds.toFixed(0)} s`;
}
