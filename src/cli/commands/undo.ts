import type { Command } from 'commander';

import type { SecretsUndone, SecretUndone } from '../../core/operations/undo-change.ts';
import { StrongroomError } from '../../errors.ts';
import { environmentOption } from '../option-values.ts';
import { pastMoment } from '../past-moment.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { environmentOf, withSession, type GlobalOptions } from '../vault-access.ts';

interface UndoOptions extends GlobalOptions {
  readonly environment?: string;
  readonly since?: string;
  readonly prefix?: string;
  readonly dryRun?: boolean;
}

/** `strongroom undo CHANGE`, or `strongroom undo --since TIME`. */
export function registerUndo(program: Command, terminal: Terminal): void {
  const command = program
    .command('undo')
    .description('reverse a change, or all since a moment, by new versions')
    .argument('[change]', 'number of an entry of `audit list`, or a request id')
    .addOption(environmentOption('environment to bring back with --since'))
    .option('--since <time>', 'bring everything back to then, such as 2h', pastMoment('--since'))
    .option('--prefix <text>', 'with --since, names that begin with this, such as payments/')
    .option('--dry-run', 'only show what would be done')
    .action(async (change: string | undefined, _: object, command: Command) => {
      const options = command.optsWithGlobals<UndoOptions>();
      requireOne(change, options);
      if (change !== undefined) await undoOne(change, options, terminal);
      else await undoSince(options.since ?? '', options, terminal);
    });
  addExamples(
    command,
    'strongroom undo 4711',
    'strongroom undo --since 2h --prefix payments/ -e production',
  );
}

/** Either one change is named, or a moment. */
function requireOne(change: string | undefined, { since, prefix, environment }: UndoOptions): void {
  const isOne = change !== undefined;
  if (isOne !== (since !== undefined) && !(isOne && (prefix ?? environment) !== undefined)) return;
  throw new StrongroomError('usage', 'either one change is undone, or all since a moment', {
    hint: 'as in `strongroom undo 4711`, or `strongroom undo --since 2h -e production`',
  });
}

async function undoOne(text: string, options: UndoOptions, terminal: Terminal): Promise<void> {
  const { workspace, dryRun } = options;
  const change = /^\d{1,15}$/.test(text) ? Number(text) : text;
  const isRequest = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
  if (typeof change === 'string' && !isRequest) {
    throw new StrongroomError('usage', 'a change is a number or a request id', {
      hint: 'the first column of `strongroom audit list` has the numbers',
    });
  }
  const undone = await withSession(options, terminal, (session) =>
    session.secrets.undo({ workspace, change, dryRun }),
  );
  tell(undone, { isDone: dryRun !== true }, terminal);
}

async function undoSince(since: string, options: UndoOptions, terminal: Terminal): Promise<void> {
  const environment = environmentOf(options.environment, options, terminal);
  const { workspace, prefix, dryRun = false } = options;
  const input = { workspace, environment, prefix, since };
  await withSession(options, terminal, async (session) => {
    const plan = await session.secrets.rewind({ ...input, dryRun: true });
    if (dryRun) {
      tell(plan, { isDone: false }, terminal);
      return;
    }
    if (!(await mayUndo(plan, terminal))) {
      terminal.note('nothing was changed');
      return;
    }
    tell(await session.secrets.rewind(input), { isDone: true }, terminal);
  });
}

async function mayUndo({ secrets }: SecretsUndone, terminal: Terminal): Promise<boolean> {
  if (secrets.length === 0 || terminal.assumesYes) return true;
  if (terminal.canAsk) {
    terminal.tell(table(secrets));
    return terminal.confirm(`Bring ${secrets.length} back?`, false);
  }
  throw new StrongroomError('usage', 'nothing was changed, as nobody could be asked', {
    hint: 'use --yes to do it, or --dry-run to see what would be done',
  });
}

function tell(
  undone: SecretsUndone,
  { isDone }: { readonly isDone: boolean },
  terminal: Terminal,
): void {
  const { secrets, lost, partOf } = undone;
  terminal.result({ ...undone, isDone }, secrets.length === 0 ? '' : table(secrets));
  if (terminal.isJson) return;
  for (const path of lost) terminal.note(`${path} stays: its value of then was destroyed`);
  if (partOf !== undefined) {
    const { change, secrets: count } = partOf;
    terminal.note(`part of a change of ${count}; to undo all: strongroom undo ${change}`);
  }
  if (!isDone) terminal.note('nothing was changed');
  else if (secrets.length === 0) terminal.note('there is nothing to undo');
}

function table(secrets: readonly SecretUndone[]): string {
  const rows = secrets.map((each) => [
    each.environment,
    each.path,
    each.steps.join(', '),
    each.fromPath === undefined || each.fromPath === each.path ? '' : `was ${each.fromPath}`,
    String(each.version),
  ]);
  return formatTable(['environment', 'name', 'brought back', '', 'version'], rows);
}
