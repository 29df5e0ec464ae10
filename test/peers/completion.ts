import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Report } from './report.ts';
import { commandLine, hasShell, lastLine, run } from './tools.ts';

/** How each shell loads the script, and then says what it would complete. */
const SHELLS: Readonly<Record<string, (file: string) => string>> = {
  bash: (file) => `. "${file}" && complete -p strongroom`,
  zsh: (file) =>
    `autoload -Uz compinit && compinit -u -D && . "${file}" && (( $+_comps[strongroom] ))`,
  fish: (file) => `source "${file}"; and complete -C "strongroom " | string match -q "*init*"`,
};

/** The completion scripts, loaded by the shells that they are for. */
export function completion(directory: string, report: Report): void {
  const cli = commandLine(directory);
  for (const [shell, script] of Object.entries(SHELLS)) {
    const made = cli.strongroom(['completion', shell]);
    report.check(`completion writes a script for ${shell}`, made.ok, lastLine(made));
    if (!made.ok) continue;
    if (!hasShell(shell)) {
      report.leaveOut(shell, 'not installed, and could not be');
      continue;
    }
    const file = join(directory, `strongroom.${shell}`);
    writeFileSync(file, made.stdout);
    const args =
      shell === 'zsh' ? ['-f', '-c'] : shell === 'bash' ? ['--norc', '-c'] : ['-N', '-c'];
    const env = { PATH: process.env['PATH'], HOME: directory, XDG_CONFIG_HOME: directory };
    const loaded = run(shell, [...args, script(file)], { env, cwd: directory });
    const silent = loaded.ok && loaded.stderr === '';
    report.check(`${shell} loads it and completes with it`, silent, lastLine(loaded));
  }
}
