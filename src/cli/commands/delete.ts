import type { Command } from 'commander';

import { environmentOption, wholeNumber } from '../option-values.ts';
import { withSuggestion } from '../suggest.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { environmentOf, withSession, type GlobalOptions } from '../vault-access.ts';

interface DeleteOptions extends GlobalOptions {
  readonly environment?: string;
  readonly cas?: number;
}

/** `strongroom delete NAME`. It asks nothing, because it can be undone. */
export function registerDelete(program: Command, terminal: Terminal): void {
  const command = program
    .command('delete')
    .alias('rm')
    .description('delete a secret; it can be restored')
    .argument('<secret>', 'its name')
    .addOption(environmentOption())
    .option('--cas <version>', 'only if this is the current version', wholeNumber('--cas', 1))
    .action(async (path: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<DeleteOptions>();
      const environment = environmentOf(options.environment, options, terminal);
      const { workspace, cas } = options;
      const deleted = await withSession(options, terminal, (session) =>
        withSuggestion(session, { workspace, environment, path }, () =>
          session.secrets.delete({ workspace, environment, path, cas }),
        ),
      );
      terminal.result(deleted, '');
      if (terminal.isJson) return;
      terminal.note(`deleted ${path} from ${environment}`);
      terminal.note(`to have it back: strongroom undelete ${path} -e ${environment}`);
    });
  addExamples(command, 'strongroom delete STRIPE_KEY -e staging');
}

/** `strongroom undelete NAME`. */
export function registerUndelete(program: Command, terminal: Terminal): void {
  const command = program
    .command('undelete')
    .description('restore the secret that was deleted last under a name')
    .argument('<secret>', 'its name')
    .addOption(environmentOption())
    .action(async (path: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<DeleteOptions>();
      const environment = environmentOf(options.environment, options, terminal);
      const { workspace } = options;
      const restored = await withSession(options, terminal, (session) =>
        session.secrets.undelete({ workspace, environment, path }),
      );
      terminal.result(restored, '');
      if (!terminal.isJson) {
        terminal.note(`restored ${path} in ${environment}, version ${restored.version}`);
      }
    });
  addExamples(command, 'strongroom undelete STRIPE_KEY -e staging');
}
