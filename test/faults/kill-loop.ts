// Kills clients of a vault at random moments, and looks at what they left
// behind: `npm run test:kills [cycles]`. Row F1 of the fault tests.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { init } from '../../src/index.ts';
import { checkVault } from './check.ts';
import { readLedger, sha256, valueOf, type LedgerLine } from './ledger.ts';

const CYCLES_DEFAULT = 200;
/** A vault serves so many cycles, so that what earlier kills left behind is met again. */
const CYCLES_PER_VAULT = 20;
const READY_MS_MAX = 3000;
const KILL_MS = [50, 1000] as const;

/** A vault, the ledger lines about it, and the newest checkpoint that a check saw. */
interface Subject {
  readonly path: string;
  readonly config: string;
  readonly acks: LedgerLine[];
  checkpoint: string | undefined;
}

/** Does something to a vault and kills it at some moment; adds to the ledger. */
type Fault = (subject: Subject, run: string) => Promise<void>;

const here = fileURLToPath(new URL('.', import.meta.url));
const cli = fileURLToPath(new URL('../../bin/strongroom.js', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'strongroom-kills-'));

/** Eight writers and eight readers in one process. */
const killWriter: Fault = async (subject, run) => {
  const ledger = join(scratch, `${run}.ledger`);
  const out = openSync(ledger, 'a', 0o600);
  const { path, config } = subject;
  const child = spawn(
    process.execPath,
    [join(here, 'writer.ts'), '--path', path, '--config', config, '--run', run],
    { stdio: ['ignore', out, 'inherit'] },
  );
  await killAfter(child, between(...KILL_MS));
  closeSync(out);
  subject.acks.push(...readLedger(ledger));
};

/** One command after another, the last one cut short. */
const killCommand: Fault = async (subject, run) => {
  const deadline = performance.now() + between(...KILL_MS);
  for (let count = 0; performance.now() < deadline; count += 1) {
    const path = `${run}/cli/${count}`;
    const value = valueOf(path, 1);
    const child = spawn(process.execPath, [cli, 'set', path, '-e', 'development'], {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: environmentOf(subject),
    });
    let words = '';
    child.stderr?.on('data', (data: Buffer) => (words += data.toString()));
    child.stdin?.on('error', () => undefined).end(value);
    const code = await killAfter(child, deadline - performance.now());
    if (code !== null && code !== 0) throw new Error(`set ended with ${code}: ${words}`);
    if (code !== 0) continue;
    const ack = { op: 'create', path, version: 1, sha256: sha256(value), outcome: 'ok' } as const;
    subject.acks.push(ack);
  }
};

/** A vault that is being made beside the subject: it is there whole, or can be made again. */
const killInit: Fault = async (_subject, run) => {
  const [path, config] = [join(scratch, `${run}.init`), join(scratch, `${run}.init-config`)];
  const child = spawn(process.execPath, [join(here, 'one-operation.ts'), 'init', path, config], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  const began = new Promise<void>((resolve) => {
    child.stdout?.on('data', (data: Buffer) => {
      output += data.toString();
      resolve();
    });
  });
  await began;
  await killAfter(child, between(0, 70));
  const isThere = existsSync(join(path, 'vault.db'));
  if (output.includes('done') && !isThere) throw new Error('a vault that was made is not there');
  if (!isThere) await init({ path, owner: 'ada', configDirectory: config });
  const { problems } = await checkVault(path, config, []);
  if (problems.length > 0) throw new Error(`init: ${problems.join('; ')}`);
  rmSync(path, { recursive: true });
};

/** What is done in turn: mostly the writers. */
const FAULTS: readonly Fault[] = [
  killWriter,
  killWriter,
  killInit,
  killWriter,
  killCommand,
  killWriter,
  killWriter,
  killInit,
  killWriter,
  killCommand,
];

async function newSubject(name: string): Promise<Subject> {
  const [path, config] = [join(scratch, name), join(scratch, `${name}-config`)];
  mkdirSync(config);
  await init({ path, owner: 'ada', configDirectory: config });
  return { path, config, acks: [], checkpoint: undefined };
}

/** The command finds its keys by the environment, and must not find the user's own. */
function environmentOf({ path, config }: Subject): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: config,
    XDG_CONFIG_HOME: config,
    STRONGROOM_PATH: path,
    STRONGROOM_PRINCIPAL: 'ada',
  };
}

/** Resolves to the exit code, or to `null` if the process had to be killed. */
async function killAfter(child: ChildProcess, ms: number): Promise<number | null> {
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const timer = setTimeout(() => child.kill('SIGKILL'), Math.max(0, ms));
  const code = await ended;
  clearTimeout(timer);
  return code;
}

function between(from: number, to: number): number {
  return from + Math.random() * (to - from);
}

let slowest = 0;
let looked = 0;

/** One cycle: fault, reopen, check. Resolves to what was wrong. */
async function cycle(subject: Subject, number: number): Promise<readonly string[]> {
  try {
    const fault = FAULTS[number % FAULTS.length] ?? killWriter;
    const before = subject.acks.length;
    await fault(subject, `c${number}`);
    const report = await checkVault(subject.path, subject.config, subject.acks, {
      known: subject.checkpoint,
    });
    subject.checkpoint = report.checkpoint;
    slowest = Math.max(slowest, report.readyMs);
    looked += subject.acks.length - before;
    if (report.readyMs <= READY_MS_MAX) return report.problems;
    return [...report.problems, `ready only after ${Math.round(report.readyMs)} ms`];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

const cycles = Number(process.argv[2] ?? CYCLES_DEFAULT);
const began = performance.now();
let failed = 0;
let subject: Subject | undefined;
for (let number = 0; number < cycles; number += 1) {
  if (subject === undefined || number % CYCLES_PER_VAULT === 0) {
    if (subject !== undefined) rmSync(subject.path, { recursive: true });
    subject = await newSubject(`v${number}`);
  }
  const problems = await cycle(subject, number);
  if (problems.length === 0) continue;
  failed += 1;
  for (const problem of problems.slice(0, 5))
    process.stdout.write(`F1 cycle ${number}: ${problem}\n`);
  // What is left is worth looking at; the next cycle begins with a new vault.
  process.stdout.write(`F1 cycle ${number}: the vault is kept in ${subject.path}\n`);
  subject = undefined;
}
const seconds = Math.round((performance.now() - began) / 1000);
process.stdout.write(
  `F1 kill -9: ${looked} answers held against the vaults, slowest open ${Math.round(slowest)} ms, ${seconds} s\n`,
);
process.stdout.write(`${cycles - failed} passed, ${failed} failed\n`);
if (failed === 0) rmSync(scratch, { recursive: true, force: true });
process.exitCode = failed === 0 ? 0 : 1;
