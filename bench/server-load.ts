// Servers under load: started on one core, asked by wrk from the other.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { requireTool } from '../test/faults/tools.ts';

/** A server that was started for a benchmark. */
export interface LoadedServer {
  readonly address: string;
  readonly pid: number;
  /** What it said of itself when it stood, in JSON. */
  readonly said: Readonly<Record<string, unknown>>;
  stop(): Promise<void>;
}

/** What a load came to. */
export interface Load {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers that were neither 2xx nor 3xx. */
  readonly failed: number;
}

const SERVER_CORE = '0';
const LOAD_CORE = '1';

/** Starts a program of ours on the servers' core, and waits until it has said where it listens. */
export async function startServer(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<LoadedServer> {
  const child = spawn('taskset', ['-c', SERVER_CORE, process.execPath, file, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const said = await firstDocument(child, file);
  return {
    address: String(said['address'] ?? `http://127.0.0.1:${String(said['port'])}`),
    pid: child.pid ?? 0,
    said,
    stop: async () => {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

/** Runs wrk with scripts of its own from the other core. */
export class Loader {
  readonly #directory: string;

  constructor(directory: string) {
    requireTool('wrk', 'wrk');
    requireTool('taskset', 'util-linux');
    this.#directory = join(directory, 'scripts');
    mkdirSync(this.#directory);
  }

  /** Writes a script, which is Lua (github.com/wg/wrk, SCRIPTING). */
  script(name: string, lua: string): string {
    const file = join(this.#directory, `${name}.lua`);
    writeFileSync(file, lua);
    return file;
  }

  /** Asks as fast as answers come, over so many connections. */
  run(address: string, script: string, connections: number, seconds: number): Load {
    const args = ['-t1', `-c${connections}`, `-d${seconds}`, '--latency', '--timeout', '10'];
    const { stdout, status, stderr } = spawnSync(
      'taskset',
      ['-c', LOAD_CORE, 'wrk', ...args, '-s', script, address],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`wrk failed: ${stderr}`);
    const lost = /Socket errors: (.*)/.exec(stdout)?.[1];
    if (lost !== undefined) throw new Error(`connections failed: ${lost}`);
    return {
      perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
      p50Ms: milliseconds(/^\s+50%\s+([\d.]+)(us|ms|s)/m.exec(stdout)),
      p99Ms: milliseconds(/^\s+99%\s+([\d.]+)(us|ms|s)/m.exec(stdout)),
      failed: Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0),
    };
  }
}

/** Resident memory of a process, in MB. */
export function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1000;
}

/** Processor time that a process used so far, of itself and of the system for it, in µs. */
export function processorUs(pid: number): number {
  // Behind the name, which may hold anything: fields 14 and 15 of proc_pid_stat(5), in hundredths of a second.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

async function firstDocument(child: ChildProcess, file: string): Promise<LoadedServer['said']> {
  let text = '';
  if (child.stdout === null) throw new Error(`${file} says nothing`);
  for await (const line of createInterface({ input: child.stdout })) {
    text += line;
    try {
      return JSON.parse(text) as LoadedServer['said'];
    } catch {
      // It goes on over several lines.
    }
  }
  throw new Error(`${file} did not start`);
}

function milliseconds(match: RegExpExecArray | null): number {
  if (match === null) throw new Error('wrk said no latency');
  const [, value = '', unit = ''] = match;
  return Number(value) * ({ us: 0.001, ms: 1, s: 1000 }[unit] ?? Number.NaN);
}
