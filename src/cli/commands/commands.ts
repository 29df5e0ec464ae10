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

/** Every command, in the order and under the headings with which help shows them. */
export const COMMANDS: readonly {
  readonly heading: string;
  readonly register: readonly RegisterCommand[];
}[] = [
  {
    heading: 'Every day:',
    register: [registerInit, registerRun, registerImport, registerExport],
  },
  {
    heading: 'Secrets:',
    register: [
      registerSet,
      registerGet,
      registerList,
      registerHistory,
      registerDescribe,
      registerDelete,
      registerUndelete,
    ],
  },
  { heading: 'Record:', register: [registerAudit] },
  {
    heading: 'Vault:',
    register: [
      registerWorkspaces,
      registerEnvironments,
      registerHealth,
      registerConfig,
      registerCompletion,
    ],
  },
];
