import { Option, type Command } from 'commander';

import type { SecretAddress } from '../../core/operations/secret-address.ts';
import { StrongroomError } from '../../errors.ts';
import { environmentOption, wholeNumber } from '../option-values.ts';
import { withSuggestion } from '../suggest.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { environmentOf, withSession, type GlobalOptions } from '../vault-access.ts';

interface DeleteOptions extends GlobalOptions {
  readonly environment?: string;
  readonly cas?: number;
  readonly version?: number;
  readonly personal?: boolean;
}

/** `strongroom delete NAME`. It asks nothing, because it can be undone. */
export function registerDelete(program: Command, terminal: Terminal): void {
  const command = program
    .command('delete')
    .alias('rm')
    .description('delete a secret, or one version of it; it can be restored')
    .argument('<secret>', 'its name')
    .addOption(environmentOption())
    .option('--version <version>', 'only this version', wholeNumber('--version', 1))
    .option('--cas <version>', 'only if this is the current version', wholeNumber('--cas', 1))
    .addOption(
      new Option('--personal', 'your own value, which nobody else has').conflicts([
        'cas',
        'version',
      ]),
    )
    .action(async (path: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<DeleteOptions>();
      const environment = environmentOf(options.environment, options, terminal);
      const { workspace, cas, version } = options;
      if (options.personal === true) {
        await deletePersonal({ workspace, environment, path }, options, terminal);
        return;
      }
      const deleted = await withSession(options, terminal, (session) =>
        withSuggestion(session, { workspace, environment, path }, () =>
          session.secrets.delete({ workspace, environment, path, version, cas }).catch(sayAlready),
        ),
      );
      terminal.result(deleted, '');
      if (terminal.isJson) return;
      const of = version === undefined ? '' : ` --version ${version}`;
      const what = version === undefined ? path : `version ${version} of ${path}`;
      terminal.note(`deleted ${what} from ${environment}`);
      terminal.note(`to have it back: strongroom undelete ${path}${of} -e ${environment}`);
    });
  addExamples(command, 'strongroom delete STRIPE_KEY -e staging');
}

async function deletePersonal(
  at: SecretAddress,
  options: DeleteOptions,
  terminal: Terminal,
): Promise<void> {
  const removed = await withSession(options, terminal, (session) =>
    session.secrets.removeOverride(at),
  );
  terminal.result(removed, '');
  if (!terminal.isJson) terminal.note(`deleted your own ${at.path} from ${at.environment}`);
}

/** What it says of a read would be puzzling here. */
function sayAlready(error: unknown): never {
  if (!(error instanceof StrongroomError) || error.code !== 'secret_deleted') throw error;
  const { code, details, hint } = error;
  const message = error.message.replace(' was deleted from ', ' is already deleted from ');
  throw new StrongroomError(code, message, {
    details,
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}

/** `strongroom undelete NAME`. */
export function registerUndelete(program: Command, terminal: Terminal): void {
  const command = program
    .command('undelete')
    .description('restore the secret that was deleted last under a name, or one version')
    .argument('<secret>', 'its name')
    .addOption(environmentOption())
    .option('--version <version>', 'only this version', wholeNumber('--version', 1))
    .action(async (path: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<DeleteOptions>();
      const environment = environmentOf(options.environment, options, terminal);
      const { workspace, version } = options;
      const restored = await withSession(options, terminal, (session) =>
        session.secrets.undelete({ workspace, environment, path, version }),
      );
      terminal.result(restored, '');
      if (!terminal.isJson) {
        terminal.note(`restored ${path} in ${environment}, version ${version ?? restored.version}`);
      }
    });
  addExamples(command, 'strongroom undelete STRIPE_KEY -e staging');
}
