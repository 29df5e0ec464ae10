import type { Command } from 'commander';

import type { SecretHistory } from '../../core/operations/describe-secret.ts';
import { formatAge } from '../age.ts';
import { environmentOption } from '../option-values.ts';
import { withSuggestion } from '../suggest.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';

interface HistoryOptions extends GlobalOptions {
  readonly environment?: string;
}

/** `strongroom history NAME`: which versions there are, from when, and by whom. */
export function registerHistory(program: Command, terminal: Terminal): void {
  const command = program
    .command('history')
    .description("list a secret's versions: when they were made, and by whom")
    .argument('<secret>', 'its name')
    .addOption(environmentOption('environment; without it, all of them'))
    .action(async (path: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<HistoryOptions>();
      const { workspace, environment } = options;
      const history = await withSession(options, terminal, (session) =>
        withSuggestion(session, { workspace, environment, path }, () =>
          session.secrets.history({ workspace, environment, path }),
        ),
      );
      terminal.result(history, table(history));
    });
  addExamples(command, 'strongroom history STRIPE_KEY');
}

function table({ versions }: SecretHistory): string {
  const now = Date.now();
  const rows = versions.map((each) => [
    each.environment,
    String(each.version),
    formatAge(each.createdAt, now),
    each.createdByName,
    each.destroyedAt !== null
      ? 'destroyed'
      : each.deletedAt !== null
        ? 'deleted'
        : each.isCurrent
          ? 'current'
          : each.isPrevious
            ? 'previous'
            : '',
  ]);
  return formatTable(['environment', 'version', 'when', 'who', ''], rows);
}
