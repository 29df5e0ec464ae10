import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file to be sourced, and the names of the variables to be read after it. */
export interface SourcedFile {
  readonly text: string;
  readonly names: readonly string[];
}

/** Whether a shell can be run here. */
export function hasShell(shell: string): boolean {
  try {
    execFileSync(shell, ['-c', 'exit 0'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/**
 * Sources files with a real shell, each in a subshell of one process whose directory is empty.
 *
 * @returns For each file the values of its names, as a child process would inherit them.
 * @throws Error if a shell command in a file failed, wrote something or left a file behind.
 */
export function sourcedValues(shell: string, files: readonly SourcedFile[]): string[][] {
  const folder = mkdtempSync(join(tmpdir(), 'sourced-'));
  try {
    const scripts = files.map(({ text, names }, at) => {
      writeFileSync(join(folder, `${at}.env`), text);
      const reads = names.map((name) => `printf '%s\\0' "$${name}"`).join('\n');
      return `(set -a\n. ../${at}.env || echo failed >&2\n${reads}\n)`;
    });
    writeFileSync(join(folder, 'all.sh'), scripts.join('\n'));
    // The shell runs in a folder of its own, so that whatever a value might write would show.
    const read = `mkdir empty && cd empty && exec 2>../errors && . ../all.sh && cd .. && rmdir empty`;
    const output = execFileSync(shell, ['-c', `${read} && cat errors >&2`], {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', HOME: '/home/nobody' },
    });
    const errors = execFileSync('cat', ['errors'], { cwd: folder, encoding: 'utf8' });
    if (errors !== '') throw new Error(`${shell} complained: ${errors.slice(0, 500)}`);
    const values = output.split('\0').slice(0, -1);
    const found = files.map(({ names }) => values.splice(0, names.length));
    if (values.length > 0) throw new Error(`${shell} gave more values than were asked for`);
    return found;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
