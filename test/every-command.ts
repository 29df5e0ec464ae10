import type { Command } from 'commander';

import { program } from '../src/cli/main.ts';
import { Terminal } from '../src/cli/terminal.ts';
import { pathOf } from '../src/cli/usage.ts';

const leaves = (command: Command): readonly string[] =>
  command.commands.length === 0 ? [pathOf(command)] : command.commands.flatMap(leaves);

/** Every command of the command line as it is typed, such as `strongroom audit list`. */
export const EVERY_COMMAND: readonly string[] = leaves(
  program(new Terminal({ json: false, yes: false })),
);
