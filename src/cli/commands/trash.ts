import type { Command } from 'commander';

import type { DeletedSecret, TrashPurged } from '../../core/operations/trash.ts';
import { StrongroomError } from '../../errors.ts';
import { formatAge } from '../age.ts';
import { environmentOption } from '../option-values.ts';
import { everyPage } from '../page-bound.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';

interface TrashOptions extends GlobalOptions {
  readonly environment?: string;
  readonly all?: boolean;
}

/** `strongroom trash list|purge`: what was deleted, and its end. */
export function registerTrash(program: Command, terminal: Terminal): void {
  const group = program.command('trash').description('secrets that were deleted');
  group
    .command('list')
    .alias('ls')
    .description('list what was deleted and can be restored')
    .addOption(environmentOption('only from this environment; without it, from all'))
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<TrashOptions>();
      const secrets = await allOf(options, terminal);
      terminal.result({ secrets }, secrets.length === 0 ? '' : table(secrets));
      if (secrets.length === 0 && !terminal.isJson) terminal.note('the trash is empty');
    });
  const purge = group
    .command('purge')
    .description('destroy what has been in the trash for long enough; it cannot be undone')
    .option('--all', 'everything in the trash')
    .action(async (_: object, command: Command) => {
      await purgeTrash(command.optsWithGlobals<TrashOptions>(), terminal);
    });
  addExamples(purge, 'strongroom trash purge', 'strongroom trash purge --all');
}

function allOf(options: TrashOptions, terminal: Terminal): Promise<readonly DeletedSecret[]> {
  const { workspace, environment } = options;
  const asked = { workspace, environment, limit: 1000 };
  return withSession(options, terminal, (session) =>
    everyPage(async (cursor) => {
      const { secrets: items, next } = await session.trash.list({ ...asked, cursor });
      return { items, next };
    }),
  );
}

async function purgeTrash(options: TrashOptions, terminal: Terminal): Promise<void> {
  const { workspace, all } = options;
  const question =
    all === true
      ? 'Destroy everything in the trash? Nothing brings it back.'
      : 'Destroy what has been in the trash for long enough? Nothing brings it back.';
  if (!(await terminal.confirm(question, false))) {
    throw new StrongroomError('usage', 'nothing was destroyed', {
      hint: 'if it is meant, say --yes',
    });
  }
  const { destroyed, last } = await withSession(options, terminal, async (session) => {
    let part = await session.trash.purge({ workspace, all });
    let done = part.done;
    while (!part.finished) {
      terminal.progress(`destroyed ${done} secrets`);
      part = await session.trash.purge({ workspace, all });
      done += part.done;
    }
    return { destroyed: done, last: part };
  });
  const { shredCompleteAfter } = last;
  terminal.result({ destroyed, shredCompleteAfter }, '');
  if (!terminal.isJson) terminal.note(summary(destroyed, last));
}

function summary(destroyed: number, { shredCompleteAfter }: TrashPurged): string {
  if (destroyed === 0) return 'there was nothing to destroy';
  const until =
    shredCompleteAfter === null
      ? '; a backup that is kept without an end still holds it'
      : Date.parse(shredCompleteAfter) > Date.now()
        ? `; backups hold it until ${shredCompleteAfter}`
        : '';
  return `destroyed ${destroyed} ${destroyed === 1 ? 'secret' : 'secrets'}${until}`;
}

function table(secrets: readonly DeletedSecret[]): string {
  const now = Date.now();
  const rows = secrets.map((secret) => [
    secret.environment,
    secret.path,
    formatAge(secret.deletedAt, now),
    secret.deletedByName,
    secret.purgeAfter.slice(0, 10),
    secret.id,
  ]);
  return formatTable(['environment', 'name', 'deleted', 'by', 'kept until', 'id'], rows);
}
