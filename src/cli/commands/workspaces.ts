import type { Command } from 'commander';

import { StrongroomError } from '../../errors.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';

/** `strongroom workspace create|delete|list`. */
export function registerWorkspaces(program: Command, terminal: Terminal): void {
  const group = program
    .command('workspace')
    .description('workspaces: tenants with keys of their own');
  const create = group
    .command('create')
    .description('make a workspace with the usual environments')
    .argument('<name>', 'lower-case letters, digits and hyphens')
    .action(async (name: string, _: object, command: Command) => {
      const made = await withSession(
        command.optsWithGlobals<GlobalOptions>(),
        terminal,
        (session) => session.workspaces.create({ name }),
      );
      terminal.result(made, '');
      if (!terminal.isJson)
        terminal.note(`made the workspace ${made.name}; use it with -w ${made.name}`);
    });
  addExamples(create, 'strongroom workspace create billing');
  registerDeleteWorkspace(group, terminal);
  group
    .command('list')
    .alias('ls')
    .description('list workspaces')
    .action(async (_: object, command: Command) => {
      const workspaces = await withSession(
        command.optsWithGlobals<GlobalOptions>(),
        terminal,
        (session) => session.workspaces.list(),
      );
      const rows = workspaces.map(({ name, id }) => [name, id]);
      terminal.result({ workspaces }, formatTable(['name', 'id'], rows));
    });
}

function registerDeleteWorkspace(group: Command, terminal: Terminal): void {
  const remove = group
    .command('delete')
    .description('destroy a workspace: its keys, and every secret in it')
    .argument('<name>', 'the workspace')
    .action(async (name: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const deleted = await withSession(options, terminal, async (session) => {
        if (!terminal.assumesYes) await requireTyped(name, terminal);
        return session.workspaces.delete({ name });
      });
      terminal.result(deleted, '');
      if (terminal.isJson) return;
      const { secrets } = deleted;
      terminal.note(
        `destroyed the workspace ${name} with its keys and ${secrets} ${secrets === 1 ? 'secret' : 'secrets'}`,
      );
      terminal.note('copies and backups that were made before still hold it');
    });
  addExamples(remove, 'strongroom workspace delete billing');
}

/** It cannot be undone, so Enter alone is no answer. */
async function requireTyped(name: string, terminal: Terminal): Promise<void> {
  const typed = await terminal.askText(
    `Everything in ${name} is destroyed for good. Type its name to go on`,
  );
  if (typed.trim() === name) return;
  throw new StrongroomError('usage', 'that is not the name of the workspace; nothing was changed');
}

/** `strongroom environment create|list`. */
export function registerEnvironments(program: Command, terminal: Terminal): void {
  const group = program
    .command('environment')
    .alias('env')
    .description('environments of a workspace');
  const create = group
    .command('create')
    .description('make an environment')
    .argument('<name>', 'lower-case letters, digits and hyphens')
    .action(async (name: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const { workspace } = options;
      const made = await withSession(options, terminal, (session) =>
        session.environments.create({ workspace, name }),
      );
      terminal.result(made, '');
      if (!terminal.isJson) terminal.note(`made the environment ${made.name} in ${made.workspace}`);
    });
  addExamples(create, 'strongroom environment create preview');
  group
    .command('list')
    .alias('ls')
    .description('list environments in their order')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const { workspace } = options;
      const environments = await withSession(options, terminal, (session) =>
        session.environments.list({ workspace }),
      );
      const rows = environments.map(({ name, id }) => [name, id]);
      terminal.result({ environments }, formatTable(['name', 'id'], rows));
    });
}
