import type { Command } from 'commander';

import type { Terminal } from '../terminal.ts';
import { registerAudit } from './audit.ts';
import { registerCompletion } from './completion.ts';
import { registerConfig } from './config.ts';
import { registerDelete, registerUndelete } from './delete.ts';
import { registerDescribe } from './describe.ts';
import { registerExport } from './export.ts';
import { registerGet } from './get.ts';
import { registerHealth } from './health.ts';
import { registerHistory } from './history.ts';
import { registerImport } from './import.ts';
import { registerInit } from './init.ts';
import { registerList } from './list.ts';
import { registerRun } from './run.ts';
import { registerSet } from './set.ts';
import { registerEnvironments, registerWorkspaces } from './workspaces.ts';

/** Adds a command to the program. */
export type RegisterCommand = (program: Command, terminal: Terminal) => void;

/** Every command by its name, in the order and under the headings with which help shows them. */
export const COMMANDS: readonly {
  readonly heading: string;
  readonly commands: Readonly<Record<string, RegisterCommand>>;
}[] = [
  {
    heading: 'Every day:',
    commands: {
      init: registerInit,
      run: registerRun,
      import: registerImport,
      export: registerExport,
    },
  },
  {
    heading: 'Secrets:',
    commands: {
      set: registerSet,
      get: registerGet,
      list: registerList,
      history: registerHistory,
      describe: registerDescribe,
      delete: registerDelete,
      undelete: registerUndelete,
    },
  },
  { heading: 'Record:', commands: { audit: registerAudit } },
  {
    heading: 'Vault:',
    commands: {
      workspace: registerWorkspaces,
      environment: registerEnvironments,
      health: registerHealth,
      config: registerConfig,
      completion: registerCompletion,
    },
  },
];

/** Commands that tell of all others. */
const OF_ALL: ReadonlySet<string> = new Set(['completion']);

/**
 * Adds commands to the program: the one that is asked for alone, which is
 * quicker; all of them if it is none that can stand alone.
 *
 * @param asked - The first word that was typed.
 */
export function registerCommands(
  program: Command,
  terminal: Terminal,
  asked: string | undefined,
): void {
  const alone =
    asked === undefined || OF_ALL.has(asked)
      ? undefined
      : COMMANDS.find(({ commands }) => Object.hasOwn(commands, asked))?.commands[asked];
  if (alone !== undefined) {
    alone(program, terminal);
    return;
  }
  for (const { heading, commands } of COMMANDS) {
    program.commandsGroup(heading);
    for (const register of Object.values(commands)) register(program, terminal);
  }
}
