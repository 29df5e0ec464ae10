import { Argument, type Command } from 'commander';

import type { Terminal } from '../terminal.ts';
import { registerComplete } from './complete.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

const INSTALL = `
To have it in every new shell:
  bash  echo 'source <(strongroom completion bash)' >> ~/.bashrc
  zsh   echo 'source <(strongroom completion zsh)' >> ~/.zshrc   (after compinit)
  fish  strongroom completion fish > ~/.config/fish/completions/strongroom.fish

Names of secrets are completed if the key file opens the vault; each time they are, that is on record.`;

/** `strongroom completion SHELL`: a script that completes commands, options and names. */
export function registerCompletion(program: Command, terminal: Terminal): void {
  program
    .command('completion')
    .description('print a script that completes commands and names in your shell')
    .addArgument(new Argument('<shell>', 'your shell').choices(SHELLS))
    .addHelpText('after', INSTALL)
    .action(async (shell: Shell) => {
      terminal.write(await script(shell, program));
    });
  registerComplete(program, terminal);
}

async function script(shell: Shell, program: Command): Promise<string> {
  const { commandTable } = await import('../completion/command-table.ts');
  const table = commandTable(program);
  if (shell === 'bash') return (await import('../completion/bash.ts')).bashCompletion(table);
  if (shell === 'zsh') return (await import('../completion/zsh.ts')).zshCompletion(table);
  return (await import('../completion/fish.ts')).fishCompletion(table);
}
