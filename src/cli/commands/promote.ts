import type { Command } from 'commander';

import type { Promoted } from '../../core/operations/promote.ts';
import { StrongroomError } from '../../errors.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';

interface PromoteOptions extends GlobalOptions {
  readonly prefix?: string;
  readonly dryRun?: boolean;
  readonly delete?: boolean;
}

/** `strongroom promote FROM TO`: shows what would change, asks, and does it. */
export function registerPromote(program: Command, terminal: Terminal): void {
  const command = program
    .command('promote')
    .description('copy the secrets of an environment into another, after showing what changes')
    .argument('<environment>', 'the environment that is copied')
    .argument('<to-environment>', 'the environment that it is copied into')
    .option('--prefix <text>', 'names that begin with this, such as payments/')
    .option('--delete', 'also delete what the first one does not have')
    .option('--dry-run', 'only show what would change')
    .action(async (from: string, to: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<PromoteOptions>();
      const { workspace, prefix, dryRun = false } = options;
      const input = { workspace, from, to, prefix, delete: options.delete };
      await withSession(options, terminal, async (session) => {
        const { promote } = session.environments;
        const plan = await promote({ ...input, dryRun: true });
        if (dryRun) {
          terminal.result({ ...plan, isDone: false }, table(plan));
          terminal.note(`nothing was changed: ${countsOf(plan)}`);
          return;
        }
        if (!terminal.isJson && changesOf(plan) > 0) terminal.tell(table(plan));
        if (!(await mayPromote(plan, to, terminal))) {
          terminal.note('nothing was changed');
          return;
        }
        const promoted = await promote(input);
        terminal.result({ ...promoted, isDone: true }, '');
        terminal.note(`${countsOf(promoted)} in ${to}`);
      });
    });
  addExamples(
    command,
    'strongroom promote staging production --dry-run',
    'strongroom promote staging production --prefix payments/',
  );
}

async function mayPromote(plan: Promoted, to: string, terminal: Terminal): Promise<boolean> {
  const count = changesOf(plan);
  if (count === 0 || terminal.assumesYes) return true;
  if (terminal.canAsk) return terminal.confirm(`Make ${count} changes in ${to}?`, false);
  throw new StrongroomError('usage', 'nothing was changed, as nobody could be asked', {
    hint: 'use --yes to do it, or --dry-run to see what would change',
  });
}

function changesOf({ added, changed, deleted }: Promoted): number {
  return added.length + changed.length + deleted.length;
}

function countsOf(plan: Promoted): string {
  const { added, changed, unchanged, inactive, withoutValue, deleted } = plan;
  const left = inactive.length === 0 ? '' : `, ${inactive.length} inactive and left out`;
  const without =
    withoutValue.length === 0
      ? ''
      : `, ${withoutValue.length} without a current value and left out`;
  const gone = deleted.length === 0 ? '' : `, ${deleted.length} deleted`;
  const counts = `${added.length} added, ${changed.length} changed, ${unchanged.length} unchanged`;
  return counts + left + without + gone;
}

function table({ added, changed, inactive, withoutValue, deleted }: Promoted): string {
  const rows = [
    ...added.map((path) => [path, 'added']),
    ...changed.map((path) => [path, 'changed']),
    ...inactive.map((path) => [path, 'inactive, left out']),
    ...withoutValue.map((path) => [path, 'without a current value, left out']),
    ...deleted.map((path) => [path, 'deleted']),
  ].toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1));
  return rows.length === 0 ? '' : formatTable(['name', ''], rows);
}
