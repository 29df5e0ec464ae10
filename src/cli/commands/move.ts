import type { Command } from 'commander';

import type { SecretPlaced, SecretsPlaced } from '../../core/operations/place-secret.ts';
import type { Session } from '../../core/session.ts';
import { StrongroomError } from '../../errors.ts';
import { environmentOption, wholeNumber } from '../option-values.ts';
import { withSuggestion } from '../suggest.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { environmentOf, withSession, type GlobalOptions } from '../vault-access.ts';

interface PlaceOptions extends GlobalOptions {
  readonly environment?: string;
  readonly as?: string;
  readonly toWorkspace?: string;
  readonly cas?: number;
}

const FOLDER = 'its name; with a / at the end a folder, whole';

/** `strongroom rename OLD NEW`: another name in the same environment. */
export function registerRename(program: Command, terminal: Terminal): void {
  const command = program
    .command('rename')
    .alias('mv')
    .description('give a secret, or a folder, another name; its history stays')
    .argument('<secret>', FOLDER)
    .argument('<new-name>', 'the new name, or a folder with a / at the end')
    .addOption(environmentOption())
    .option('--cas <version>', 'only if this is the current version', wholeNumber('--cas', 1))
    .action(async (path: string, to: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<PlaceOptions>();
      await place(options, terminal, { path, verb: 'renamed' }, (session, environment) => {
        const { workspace, cas } = options;
        return session.secrets.rename({ workspace, environment, path, to, cas });
      });
    });
  addExamples(
    command,
    'strongroom rename STRIPE_KEY PAYMENTS_KEY -e production',
    'strongroom rename payments/ billing/ -e production',
  );
}

/** `strongroom move NAME ENVIRONMENT`. */
export function registerMove(program: Command, terminal: Terminal): void {
  const command = placeCommand(program, 'move')
    .description('move a secret, or a folder, to another environment; its history stays')
    .action(async (path: string, toEnvironment: string | undefined, _: object, it: Command) => {
      const options = it.optsWithGlobals<PlaceOptions>();
      requireTarget(options, toEnvironment, 'move');
      await place(options, terminal, { path, verb: 'moved' }, (session, environment) => {
        const { workspace, toWorkspace, as: to, cas } = options;
        const target = { toWorkspace, toEnvironment, to };
        return session.secrets.move({ workspace, environment, path, ...target, cas });
      });
    });
  addExamples(
    command,
    'strongroom move STRIPE_KEY production -e staging',
    'strongroom move payments/ production -e staging --as billing/',
  );
}

/** `strongroom copy NAME ENVIRONMENT`. */
export function registerCopy(program: Command, terminal: Terminal): void {
  const command = placeCommand(program, 'copy')
    .alias('cp')
    .description('make a new secret, or a folder of them, with the values of another')
    .action(async (path: string, toEnvironment: string | undefined, _: object, it: Command) => {
      const options = it.optsWithGlobals<PlaceOptions>();
      requireTarget(options, toEnvironment, 'copy');
      await place(options, terminal, { path, verb: 'copied' }, (session, environment) => {
        const { workspace, toWorkspace, as: to, cas } = options;
        const target = { toWorkspace, toEnvironment, to };
        return session.secrets.copy({ workspace, environment, path, ...target, cas });
      });
    });
  addExamples(
    command,
    'strongroom copy STRIPE_KEY staging -e development',
    'strongroom copy STRIPE_KEY -e development --as STRIPE_KEY_OLD',
  );
}

function placeCommand(program: Command, name: string): Command {
  return program
    .command(name)
    .argument('<secret>', FOLDER)
    .argument('[environment]', 'the environment that it comes into; without it, the same')
    .addOption(environmentOption('environment that it comes from; without it, as elsewhere'))
    .option('--as <name>', 'another name there')
    .option('--to-workspace <workspace>', 'a workspace that it comes into')
    .option('--cas <version>', 'only if this is the current version', wholeNumber('--cas', 1));
}

function requireTarget(
  { as, toWorkspace }: PlaceOptions,
  environment: string | undefined,
  verb: string,
): void {
  if ([as, toWorkspace, environment].some((part) => part !== undefined)) return;
  throw new StrongroomError('usage', `where to ${verb} it is not said`, {
    hint: `as in \`strongroom ${verb} STRIPE_KEY production -e staging\``,
  });
}

/** Does it, and says what became of what. */
async function place(
  options: PlaceOptions,
  terminal: Terminal,
  { path, verb }: { readonly path: string; readonly verb: string },
  work: (session: Session, environment: string) => Promise<SecretsPlaced>,
): Promise<void> {
  const environment = environmentOf(options.environment, options, terminal);
  const { workspace } = options;
  const placed = await withSession(options, terminal, (session) =>
    withSuggestion(session, { workspace, environment, path }, () => work(session, environment)),
  );
  terminal.result(placed, '');
  if (terminal.isJson) return;
  for (const secret of placed.secrets) terminal.note(`${verb} ${sentence(secret)}`);
}

/** `A in staging to B in production`, without what does not change. */
function sentence({ workspace, environment, path, from }: SecretPlaced): string {
  const isElsewhere = workspace !== from.workspace || environment !== from.environment;
  const there = workspace === from.workspace ? environment : `${workspace}/${environment}`;
  if (!isElsewhere) return `${from.path} to ${path} in ${environment}`;
  const name = path === from.path ? '' : ` as ${path}`;
  return `${from.path} from ${from.environment} to ${there}${name}`;
}
