import type { Command } from 'commander';

import type { Terminal } from '../terminal.ts';
import { registerAccess } from './access.ts';
import { registerAppRoles } from './approle.ts';
import { registerAudit } from './audit.ts';
import { registerBackup } from './backup.ts';
import { registerCompletion } from './completion.ts';
import { registerConfig } from './config.ts';
import { registerDelete, registerUndelete } from './delete.ts';
import { registerDescribe } from './describe.ts';
import { registerDiff } from './diff.ts';
import { registerDue } from './due.ts';
import { registerDestroy } from './destroy.ts';
import { registerExport } from './export.ts';
import { registerFactors } from './factor.ts';
import { registerGenerate } from './generate.ts';
import { registerGet } from './get.ts';
import { registerHealth } from './health.ts';
import { registerHistory } from './history.ts';
import { registerImport } from './import.ts';
import { registerInherit } from './inherit.ts';
import { registerInit } from './init.ts';
import { registerJobs } from './jobs.ts';
import { registerKeys } from './keys.ts';
import { registerList } from './list.ts';
import { registerLogin, registerWhoAmI } from './login.ts';
import { registerLogout } from './logout.ts';
import { registerCopy, registerMove, registerRename } from './move.ts';
import { registerPromote } from './promote.ts';
import { registerMachines, registerUsers } from './principals.ts';
import { registerRetire, registerRollback } from './rollback.ts';
import { registerRotate } from './rotate.ts';
import { registerRun } from './run.ts';
import { registerExpiring, registerSearch } from './search.ts';
import { registerSeal, registerUnseal } from './seal.ts';
import { registerServe } from './serve.ts';
import { registerSet } from './set.ts';
import { registerGroups, registerRoles } from './sets.ts';
import { registerSettings } from './settings.ts';
import { registerSso } from './sso.ts';
import { registerStatistics } from './statistics.ts';
import { registerTokens } from './token.ts';
import { registerTrash } from './trash.ts';
import { registerTrusts } from './trust.ts';
import { registerUndo } from './undo.ts';
import { registerUpdate } from './update.ts';
import { registerVerify } from './verify.ts';
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
      search: registerSearch,
      expiring: registerExpiring,
      statistics: registerStatistics,
      update: registerUpdate,
      verify: registerVerify,
      history: registerHistory,
      describe: registerDescribe,
      delete: registerDelete,
      undelete: registerUndelete,
      destroy: registerDestroy,
      trash: registerTrash,
    },
  },
  {
    heading: 'Changes:',
    commands: {
      rename: registerRename,
      move: registerMove,
      copy: registerCopy,
      promote: registerPromote,
      diff: registerDiff,
      undo: registerUndo,
    },
  },
  {
    heading: 'Rotation:',
    commands: {
      generate: registerGenerate,
      rotate: registerRotate,
      rollback: registerRollback,
      retire: registerRetire,
      due: registerDue,
      jobs: registerJobs,
    },
  },
  {
    heading: 'Access:',
    commands: {
      access: registerAccess,
      user: registerUsers,
      machine: registerMachines,
      group: registerGroups,
      role: registerRoles,
      factor: registerFactors,
      token: registerTokens,
      approle: registerAppRoles,
      trust: registerTrusts,
      sso: registerSso,
    },
  },
  { heading: 'Record:', commands: { audit: registerAudit } },
  {
    heading: 'Server:',
    commands: {
      serve: registerServe,
      unseal: registerUnseal,
      seal: registerSeal,
      login: registerLogin,
      logout: registerLogout,
      whoami: registerWhoAmI,
    },
  },
  {
    heading: 'Vault:',
    commands: {
      workspace: registerWorkspaces,
      environment: registerEnvironments,
      inherit: registerInherit,
      backup: registerBackup,
      keys: registerKeys,
      health: registerHealth,
      config: registerConfig,
      settings: registerSettings,
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
