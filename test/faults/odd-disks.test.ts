import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';

import { checkVault } from './check.ts';
import { readLedger, type LedgerLine } from './ledger.ts';
import { makeVault, Scratch, type Place } from './places.ts';
import { requireTool } from './tools.ts';

const writer = fileURLToPath(new URL('writer.ts', import.meta.url));

/** Lets clients work on a vault while strace tampers with a system call. Gives what they were told. */
function work(
  place: Place,
  inject: string,
  output: string,
): {
  readonly lines: readonly LedgerLine[];
  readonly stderr: string;
  readonly struck: number;
} {
  const out = openSync(output, 'a');
  const [syscall = ''] = inject.split(':');
  const trace = `${output}.trace`;
  const child = spawnSync(
    'strace',
    ['-f', '-qq', '-o', trace, '-e', `trace=${syscall}`, '-e', `inject=${inject}`]
      .concat([process.execPath, writer, '--path', place.path])
      .concat(['--config', place.configDirectory, '--steps', '6', '--writers', '4'])
      .concat(['--readers', '2', '--pause', '1']),
    { stdio: ['ignore', out, 'pipe'], encoding: 'utf8', timeout: 100_000 },
  );
  closeSync(out);
  const text = readFileSync(trace, 'utf8');
  const struck = text.split(/\((?:INJECTED|DELAYED)\)/).length - 1;
  return { lines: readLedger(output), stderr: child.stderr, struck };
}

beforeAll(() => requireTool('strace', 'strace'));

describe('F7 a disk that does less than it says', () => {
  const LOSSES = [30, 60, 110];

  test.each(LOSSES)(
    'F7 when 100 bytes of write %i never get to the disk, no other value is ever given out, and what is lost is noticed',
    async (when) => {
      using scratch = new Scratch();
      const place = {
        path: scratch.at('vault'),
        configDirectory: scratch.at('config'),
      };
      const acks = await makeVault(place, ['known/a']);
      // The kernel says that 100 bytes were written, and the rest is written behind them.
      const ended = work(place, `pwrite64:retval=100:when=${when}`, scratch.at('ledger'));
      expect(ended.struck).toBe(1);
      expect(ended.stderr).not.toContain('a read gave another value');
      const { problems, lost } = await checkVault(place.path, place.configDirectory, [
        ...acks,
        ...ended.lines,
      ]);
      expect(problems.filter((problem) => /altered|I2/.test(problem))).toEqual([]);
      // Nothing is missing without a word: something else than the ledger knows of it too.
      if (lost > 0) expect(problems.join('\n')).toMatch(/failed with|I5|I6/);
    },
    120_000,
  );

  test('F7 a write of no bytes at all is a full disk, and nothing acknowledged is lost', async () => {
    using scratch = new Scratch();
    const place = {
      path: scratch.at('vault'),
      configDirectory: scratch.at('config'),
    };
    const acks = await makeVault(place, ['known/a']);
    const ended = work(place, 'pwrite64:retval=0:when=40', scratch.at('ledger'));
    expect(ended.struck).toBe(1);
    const refused = ended.lines.filter(({ op, outcome }) => op !== 'stale' && outcome !== 'ok');
    for (const { code } of refused) {
      expect(['storage_full', 'storage_failed', 'outcome_unknown', 'audit_blocked']).toContain(
        code,
      );
    }
    const lines = [...acks, ...ended.lines];
    const { problems } = await checkVault(place.path, place.configDirectory, lines);
    expect(problems).toEqual([]);
  }, 120_000);
});

describe('F10 a slow disk', () => {
  test('F10 with 100 ms for each fsync every call is answered, and calls share them', async () => {
    using scratch = new Scratch();
    const place = {
      path: scratch.at('vault'),
      configDirectory: scratch.at('config'),
    };
    const acks = await makeVault(place, ['known/a']);
    const ended = work(place, 'fsync:delay_enter=100000', scratch.at('ledger'));
    const answered = ended.lines.filter(({ outcome }) => outcome === 'ok');
    const refused = ended.lines.filter(({ op, outcome }) => op !== 'stale' && outcome !== 'ok');
    expect(refused).toEqual([]);
    // Six clients wait together: a queue that let each commit alone would sync once for each answer.
    expect(ended.struck).toBeGreaterThan(0);
    expect(ended.struck).toBeLessThan(answered.length * 0.8);
    const lines = [...acks, ...ended.lines];
    const { problems } = await checkVault(place.path, place.configDirectory, lines);
    expect(problems).toEqual([]);
  }, 120_000);
});
