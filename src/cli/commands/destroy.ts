import type { Command } from 'commander';

import type { SecretDestroyed } from '../../core/operations/destroy-secret.ts';
import { StrongroomError } from '../../errors.ts';
import { environmentOption, wholeNumber } from '../option-values.ts';
import { withSuggestion } from '../suggest.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { environmentOf, withSession, type GlobalOptions } from '../vault-access.ts';

interface DestroyOptions extends GlobalOptions {
  readonly environment?: string;
  readonly version?: readonly number[];
  readonly all?: boolean;
  readonly id?: string;
}

/** `strongroom destroy NAME`: takes versions, or a whole secret, away for good. */
export function registerDestroy(program: Command, terminal: Terminal): void {
  const command = program
    .command('destroy')
    .description('take versions of a secret, or all of it, away for good; it cannot be undone')
    .argument('<secret>', 'its name')
    .addOption(environmentOption())
    .option('--version <version>', 'this version; once for each', collectNumbers)
    .option('--all', 'the whole secret, whether it is there or in the trash')
    .option('--id <id>', 'of several that had the name, the one with this id')
    .action(async (path: string, _: object, command: Command) => {
      await destroy(path, command.optsWithGlobals<DestroyOptions>(), terminal);
    });
  addExamples(
    command,
    'strongroom destroy STRIPE_KEY -e production --version 3',
    'strongroom destroy STRIPE_KEY -e production --all',
  );
}

async function destroy(path: string, options: DestroyOptions, terminal: Terminal): Promise<void> {
  const { workspace, version: versions, all, id } = options;
  if ((versions === undefined) === (all !== true)) {
    throw new StrongroomError('usage', 'say which versions to destroy, or --all', {
      hint: `as in \`strongroom destroy ${path} --version 3\`, or \`strongroom destroy ${path} --all\``,
    });
  }
  const environment = environmentOf(options.environment, options, terminal);
  const what = versions === undefined ? 'all of it' : named(versions);
  const question = `Destroy ${path} in ${environment}, ${what}? Nothing brings it back.`;
  if (!(await terminal.confirm(question, false))) {
    throw new StrongroomError('usage', 'nothing was destroyed', {
      hint: 'if it is meant, say --yes',
    });
  }
  const destroyed = await withSession(options, terminal, (session) =>
    withSuggestion(session, { workspace, environment, path }, () =>
      session.secrets.destroy({ workspace, environment, path, versions, all, id }),
    ),
  );
  terminal.result(destroyed, '');
  if (terminal.isJson) return;
  terminal.note(`destroyed ${path} in ${environment}, ${what}`);
  for (const line of afterwards(destroyed)) terminal.note(line);
}

/** What else is to be known: where copies of it may be, and what went along. */
function afterwards(destroyed: SecretDestroyed): readonly string[] {
  const { layoutRemoved } = destroyed;
  return [
    whenForgotten(destroyed),
    ...(layoutRemoved
      ? ['the layout of the imported .env file went too, as it has the value']
      : []),
  ];
}

/** Until when backups hold what was destroyed, for people. */
export function whenForgotten({
  shredCompleteAfter,
  destroyedAt,
}: Pick<SecretDestroyed, 'shredCompleteAfter'> & { readonly destroyedAt?: string }): string {
  if (shredCompleteAfter === null) return 'a backup that is kept without an end still holds it';
  if (shredCompleteAfter === destroyedAt) return 'no backup holds it';
  return `backups hold it until ${shredCompleteAfter}`;
}

function named(versions: readonly number[]): string {
  return `${versions.length === 1 ? 'version' : 'versions'} ${versions.join(', ')}`;
}

function collectNumbers(text: string, before: readonly number[] | undefined): readonly number[] {
  return [...(before ?? []), wholeNumber('--version', 1)(text)];
}
