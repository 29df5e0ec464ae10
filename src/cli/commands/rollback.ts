import type { Command } from 'commander';

import { environmentOption, wholeNumber } from '../option-values.ts';
import { withSuggestion } from '../suggest.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { environmentOf, withSession, type GlobalOptions } from '../vault-access.ts';

interface RollBackOptions extends GlobalOptions {
  readonly environment?: string;
  readonly to?: number;
  readonly cas?: number;
}

interface RetireOptions extends GlobalOptions {
  readonly environment?: string;
  readonly delete?: boolean;
}

/** `strongroom rollback NAME`: the value of an earlier version, as a new one. */
export function registerRollback(program: Command, terminal: Terminal): void {
  const command = program
    .command('rollback')
    .description('give a secret its previous value again, as a new version')
    .argument('<secret>', 'its name')
    .addOption(environmentOption())
    .option('--to <version>', 'the value of this version', wholeNumber('--to', 1))
    .option('--cas <version>', 'only if this is the current version', wholeNumber('--cas', 1))
    .action(async (path: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<RollBackOptions>();
      const environment = environmentOf(options.environment, options, terminal);
      const { workspace, to: version, cas } = options;
      const rolledBack = await withSession(options, terminal, (session) =>
        withSuggestion(session, { workspace, environment, path }, () =>
          session.secrets.rollback({ workspace, environment, path, version, cas }),
        ),
      );
      terminal.result(rolledBack, '');
      if (terminal.isJson) return;
      const from = version === undefined ? 'the previous version' : `version ${version}`;
      terminal.note(
        `${path} in ${environment} has the value of ${from} again, as version ${rolledBack.version}`,
      );
    });
  addExamples(
    command,
    'strongroom rollback DB_PASSWORD -e production',
    'strongroom rollback DB_PASSWORD --to 3',
  );
}

/** `strongroom retire NAME`: ends the stage of the previous version. */
export function registerRetire(program: Command, terminal: Terminal): void {
  const command = program
    .command('retire')
    .description('end the time in which the value before the last rotation is readable as previous')
    .argument('<secret>', 'its name')
    .addOption(environmentOption())
    .option('--delete', 'delete that version too')
    .action(async (path: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<RetireOptions>();
      const environment = environmentOf(options.environment, options, terminal);
      const { workspace, delete: isDeleted } = options;
      const retired = await withSession(options, terminal, (session) =>
        withSuggestion(session, { workspace, environment, path }, () =>
          session.secrets.retire({ workspace, environment, path, delete: isDeleted }),
        ),
      );
      terminal.result(retired, '');
      if (terminal.isJson) return;
      const end = isDeleted === true ? 'deleted' : 'no longer the previous version';
      terminal.note(`version ${retired.retiredVersion} of ${path} in ${environment} is ${end}`);
    });
  addExamples(command, 'strongroom retire DB_PASSWORD -e production --delete');
}
