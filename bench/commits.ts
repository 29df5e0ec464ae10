// How many fsyncs a read costs, counted by strace.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { newDirectory, report } from './harness.ts';
import { useArguments } from './use-vault.ts';
import { vaultOf } from './vaults.ts';

const SECRETS = 1000;

const hasStrace = spawnSync('strace', ['-V']).status === 0;
const { path, configDirectory } = await vaultOf(SECRETS);

function countSyncs(reads: number, callers: number): number {
  const summary = join(newDirectory('strace'), 'summary');
  const use = useArguments({ path, configDirectory, secrets: SECRETS, reads, callers });
  const { status, stderr } = spawnSync(
    'strace',
    ['-f', '-c', '-e', 'trace=fsync,fdatasync', '-o', summary, process.execPath, ...use],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`strace failed: ${stderr}`);
  let calls = 0;
  for (const line of readFileSync(summary, 'utf8').split('\n')) {
    const columns = line.trim().split(/\s+/);
    if (/^f(?:data)?sync$/.test(columns.at(-1) ?? '')) calls += Number(columns[3]);
  }
  return calls;
}

/** fsyncs for each read: those of a process that reads, less those of one that only opens and closes. */
function syncsPerRead(reads: number, callers: number): number | undefined {
  if (!hasStrace) return undefined;
  return (countSyncs(reads, callers) - countSyncs(0, callers)) / reads;
}

const missing = 'strace is not installed';
report({
  question: 'fsyncs for each read, 64 at once',
  measured: syncsPerRead(64 * 100, 64),
  unit: 'fsyncs',
  limit: 1 / 20,
  bare: 1 / 64,
  note: hasStrace
    ? 'one for each cohort; those of SQLite and log checkpoints are counted too'
    : missing,
});
report({
  question: 'fsyncs for each read, alone',
  // Few enough that no checkpoint, of SQLite or of the log, falls into the count.
  measured: syncsPerRead(100, 1),
  unit: 'fsyncs',
  limit: 1,
  bare: 1,
  note: hasStrace
    ? 'one for each commit; checkpoints come on top, off the way of an answer'
    : missing,
});
