import { spawnSync } from 'node:child_process';
import { closeSync, cpSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';

import { checkVault } from './check.ts';
import { readLedger, type LedgerLine } from './ledger.ts';
import { makeVault, Scratch, type Place } from './places.ts';
import { requireTool } from './tools.ts';

const writer = fileURLToPath(new URL('writer.ts', import.meta.url));
const cli = fileURLToPath(new URL('../../bin/strongroom.js', import.meta.url));

/** What a refused call may say. None of them is an answer. */
const CODES = [
  'outcome_unknown',
  'storage_failed',
  'audit_blocked',
  'database_corrupt',
  'read_only',
];

/** A failing disk: these system calls fail with EIO, from the `first` on, or only that one. */
interface Fault {
  readonly syscall: 'fsync' | 'pwrite64' | 'pread64';
  readonly first: number;
  readonly forever?: boolean;
}

interface Ended {
  readonly status: number | null;
  readonly stderr: string;
  /** How many system calls were made to fail. */
  readonly struck: number;
}

/** Runs a Node program on a failing disk; its standard output goes to a file. */
function runOn(fault: Fault, args: readonly string[], output: string, env = process.env): Ended {
  const when = `${fault.first}${fault.forever === true ? '+' : ''}`;
  const out = openSync(output, 'a');
  const trace = `${output}.trace`;
  const child = spawnSync(
    'strace',
    ['-f', '-qq', '-o', trace, '-e', `trace=${fault.syscall}`]
      .concat(['-e', `inject=${fault.syscall}:error=EIO:when=${when}`])
      .concat([process.execPath, ...args]),
    { stdio: ['ignore', out, 'pipe'], encoding: 'utf8', timeout: 30_000, env },
  );
  closeSync(out);
  const struck = readFileSync(trace, 'utf8').split('(INJECTED)').length - 1;
  return { status: child.status, stderr: child.stderr, struck };
}

/** Lets clients work on a vault while the disk fails. */
function work(place: Place, fault: Fault, ledger: string): Ended {
  const { path, configDirectory } = place;
  const load = ['--steps', '6', '--writers', '4', '--readers', '2', '--pause', '1'];
  return runOn(fault, [writer, '--path', path, '--config', configDirectory, ...load], ledger);
}

/** Holds the vault, on a disk that works again, against what clients were told. */
async function problemsOf(place: Place, acks: readonly LedgerLine[]): Promise<readonly string[]> {
  return (await checkVault(place.path, place.configDirectory, acks)).problems;
}

beforeAll(() => requireTool('strace', 'strace'));

describe('F7 a disk that fails', () => {
  const once: Fault[] = [
    ...[3, 6, 9, 14].map((first): Fault => ({ syscall: 'fsync', first })),
    ...[8, 40, 90].map((first): Fault => ({ syscall: 'pwrite64', first })),
    ...[5, 60, 100].map((first): Fault => ({ syscall: 'pread64', first })),
  ];

  test.each(once)(
    'F7 after one failed $syscall ($first) every acknowledged write is there and nothing is half there',
    async (fault) => {
      using scratch = new Scratch();
      const place = { path: scratch.at('vault'), configDirectory: scratch.at('config') };
      const acks = await makeVault(place, ['known/a']);
      const ended = work(place, fault, scratch.at('ledger'));
      const lines = readLedger(scratch.at('ledger'));
      expect(ended.struck).toBe(1);
      expect(ended.stderr).not.toContain('a read gave another value');
      for (const { code } of lines.filter(
        ({ op, outcome }) => op !== 'stale' && outcome !== 'ok',
      )) {
        expect(CODES).toContain(code);
      }
      expect(await problemsOf(place, [...acks, ...lines])).toEqual([]);
    },
  );

  test('F7 a commit whose fsync failed is outcome_unknown to all of its cohort, and the process goes on', async () => {
    using scratch = new Scratch();
    const place = { path: scratch.at('vault'), configDirectory: scratch.at('config') };
    const acks = await makeVault(place, ['known/a']);
    let unknown = 0;
    let afterwards = 0;
    for (const first of [8, 10, 12]) {
      const ledger = scratch.at(`ledger-${first}`);
      const copy = { path: scratch.at(`v${first}`), configDirectory: scratch.at(`c${first}`) };
      cpSync(place.path, copy.path, { recursive: true });
      cpSync(place.configDirectory, copy.configDirectory, { recursive: true });
      expect(work(copy, { syscall: 'fsync', first }, ledger).struck).toBe(1);
      const lines = readLedger(ledger);
      const at = lines.findIndex(({ outcome }) => outcome === 'unknown');
      if (at !== -1) unknown += 1;
      if (at !== -1 && lines.slice(at).some(({ outcome }) => outcome === 'ok')) afterwards += 1;
      expect(await problemsOf(copy, [...acks, ...lines])).toEqual([]);
    }
    expect(unknown).toBeGreaterThan(0);
    expect(afterwards).toBeGreaterThan(0);
  });

  const forever: Fault[] = [
    { syscall: 'fsync', first: 6, forever: true },
    { syscall: 'pwrite64', first: 40, forever: true },
  ];

  test.each(forever)(
    'F7 when every $syscall fails from some moment on, nothing is acknowledged any more and the process ends by itself',
    async (fault) => {
      using scratch = new Scratch();
      const place = { path: scratch.at('vault'), configDirectory: scratch.at('config') };
      const acks = await makeVault(place, ['known/a']);
      const ended = work(place, fault, scratch.at('ledger'));
      expect(ended.status).not.toBeNull();
      const lines = readLedger(scratch.at('ledger'));
      const broken = lines.findIndex(({ code }) => code !== undefined && code !== 'cas_mismatch');
      expect(ended.struck).toBeGreaterThan(0);
      expect(broken, 'nobody was told of the fault').not.toBe(-1);
      expect(lines.slice(broken).filter(({ outcome }) => outcome === 'ok')).toEqual([]);
      expect(await problemsOf(place, [...acks, ...lines])).toEqual([]);
    },
  );

  test('F7 the command ends with 75 when the disk fails, and the vault is as it was or has the whole change', async () => {
    using scratch = new Scratch();
    const place = { path: scratch.at('vault'), configDirectory: scratch.at('config') };
    const acks = await makeVault(place, ['known/a']);
    const env = {
      PATH: process.env['PATH'],
      HOME: place.configDirectory,
      XDG_CONFIG_HOME: place.configDirectory,
      STRONGROOM_PATH: place.path,
      STRONGROOM_PRINCIPAL: 'ada',
    };
    for (const [index, syscall] of (['fsync', 'pwrite64'] as const).entries()) {
      const fault = { syscall, first: 1, forever: true };
      const args = [cli, 'set', `cli/w/${index}`, 'value', '-e', 'development'];
      const ended = runOn(fault, args, scratch.at('output'), env);
      expect(ended.struck).toBeGreaterThan(0);
      expect(ended.stderr).toMatch(/^strongroom: /m);
      expect(ended.status).toBe(75);
    }
    expect(await problemsOf(place, acks)).toEqual([]);
  });
});
