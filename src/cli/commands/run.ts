import { constants as signalConstants } from 'node:os';

import { InvalidArgumentError, Option, type Command } from 'commander';

import type { SecretResolved } from '../../core/operations/resolve-secret.ts';
import { StrongroomError } from '../../errors.ts';
import { toVariables } from '../../formats/variables.ts';
import { childEnvironment } from '../child-environment.ts';
import { allowedVariables, sayingExcept } from '../allowed-variables.ts';
import { EXIT } from '../exit-codes.ts';
import { findProgram } from '../find-program.ts';
import { collect } from '../global-options.ts';
import { environmentOption } from '../option-values.ts';
import { readEnvironment, tellLeftOut, toExported } from '../read-environment.ts';
import { findVault } from '../project.ts';
import type { Changes } from '../../core/events/bell.ts';
import type { Prepared } from '../run-watched.ts';
import { locateServer } from '../server-target.ts';
import { splitNames } from '../split-names.ts';
import { becomeProgram, endLike, startChild } from '../start-program.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import {
  environmentOf,
  settleKeys,
  withSession,
  type GlobalOptions,
  type OpeningOptions,
} from '../vault-access.ts';

interface RunOptions extends GlobalOptions {
  readonly environment?: string;
  readonly prefix?: string;
  readonly only?: readonly string[];
  readonly except?: readonly string[];
  readonly allowEnv?: readonly string[];
  readonly mask?: boolean;
  readonly watch?: boolean;
  readonly onChange?: 'restart' | 'signal';
  readonly signal?: NodeJS.Signals;
}

/** `strongroom run -- PROGRAM`: starts a program with an environment's secrets as its variables. */
export function registerRun(program: Command, terminal: Terminal): void {
  const command = program
    .command('run')
    .description('start a program with the secrets as its environment variables')
    .argument('<program>', 'the program, after --')
    .argument('[args...]', 'its arguments')
    .passThroughOptions()
    .addOption(environmentOption())
    .option('--prefix <prefix>', 'put this in front of each name, such as SECRET_')
    .option('--only <names>', 'only these, separated by commas', splitNames)
    .option('--except <names>', 'all but these, separated by commas', splitNames)
    .option('--mask', "hide the values in the program's output")
    .option('--allow-env <name>', 'give a variable that changes how programs run', collect)
    .option('--watch', 'start the program again when a secret that it was given changes')
    .addOption(
      new Option('--on-change <what>', 'with --watch: what is done then').choices([
        'restart',
        'signal',
      ]),
    )
    .addOption(
      new Option(
        '--signal <name>',
        'with --on-change signal: which one, such as SIGUSR2',
      ).argParser(parseSignal),
    )
    .action(async (name: string, args: readonly string[], _: object, command: Command) => {
      await run(command.optsWithGlobals<RunOptions>(), [name, ...args], terminal);
    });
  addExamples(
    command,
    'strongroom run -- node server.js',
    'strongroom run -e production --mask -- ./deploy.sh',
    'strongroom run -e production --watch -- node server.js',
  );
  command.addHelpText(
    'after',
    `\nExit codes: the program's own; ${EXIT.runFailed} if it was not started, ${EXIT.notExecutable} if it cannot be executed,\n${EXIT.programNotFound} if there is no such program.`,
  );
}

async function run(
  options: RunOptions,
  args: readonly [string, ...string[]],
  terminal: Terminal,
): Promise<void> {
  requirePrefix(options.prefix);
  requireWatch(options);
  const environment = environmentOf(options.environment, options, terminal);
  // A mistyped program should not put reads on record.
  const allowEnv = allowedVariables(options);
  if (!allowEnv.includes('PATH')) findProgram(args[0], process.env['PATH']);
  if (options.watch === true) {
    await watch(options, { environment, args, allowEnv }, terminal);
    return;
  }
  // The vault is closed when this returns, so others can have it while the program runs.
  const read = await readSecrets(options, environment, terminal);
  const { start, variables, plain } = prepare(options, read, { args, allowEnv });
  if (options.mask === true) {
    const { runMasked } = await import('../run-masked.ts');
    await runMasked(start, { variables, plain }, terminal);
    return;
  }
  becomeProgram(start);
  const child = await startChild(start, 'inherit', terminal.isPresent);
  child.once('exit', endLike);
}

/** What is run, and what it may be given. */
interface Asked {
  readonly args: readonly [string, ...string[]];
  readonly allowEnv: readonly string[];
}

/** Names what was read, and finds the program. */
function prepare(
  { prefix }: RunOptions,
  read: readonly SecretResolved[],
  { args, allowEnv }: Asked,
): Prepared {
  const plain = new Set(read.filter(({ type }) => type === 'generic').map(({ path }) => path));
  const naming = { allowEnv, ...(prefix === undefined ? {} : { prefix }) };
  const [variables, environment] = sayingExcept(() => {
    const named = toVariables(read.map(toExported), naming);
    return [named, childEnvironment(process.env, named)];
  });
  const file = findProgram(args[0], environment['PATH']);
  return { start: { file, args, environment }, variables, plain };
}

/** Follows the environment for as long as the program runs. */
async function watch(
  options: RunOptions,
  { environment, ...asked }: Asked & { readonly environment: string },
  terminal: Terminal,
): Promise<void> {
  const { runWatched } = await import('../run-watched.ts');
  const { workspace, mask = false, onChange = 'restart', signal = 'SIGHUP' } = options;
  const server = locateServer(options);
  let opening: OpeningOptions = {};
  let changes: Changes;
  if (server === undefined) {
    // Nobody is asked for a passphrase each time.
    opening = { keys: await settleKeys(options, terminal) };
    const { directoryChanges } = await import('../directory-changes.ts');
    changes = directoryChanges(findVault(options.path));
  } else {
    const { remoteSession } = await import('../remote-session.ts');
    const { environmentChanges } = await import('../../core/events/environment-changes.ts');
    changes = await environmentChanges(remoteSession(server), { workspace, environment });
  }
  const read = (): Promise<readonly SecretResolved[]> =>
    readSecrets(options, environment, terminal, opening);
  await runWatched({
    prepare: async () => prepare(options, await read(), asked),
    changes,
    signal: onChange === 'signal' ? signal : undefined,
    mask,
    terminal,
  });
}

async function readSecrets(
  options: RunOptions,
  environment: string,
  terminal: Terminal,
  opening: OpeningOptions = {},
): Promise<readonly SecretResolved[]> {
  const { workspace, only, except } = options;
  const resolved = await withSession(
    options,
    terminal,
    (session) => readEnvironment(session, { workspace, environment, only, except }),
    opening,
  );
  tellLeftOut(resolved, terminal);
  const read = resolved.secrets;
  for (const { path, isExpired } of read) if (isExpired) terminal.note(`${path} has expired`);
  const isAll = only === undefined && except === undefined;
  if (read.length === 0 && isAll) terminal.note(`no secrets in ${environment}`);
  return read;
}

/** @throws {@link StrongroomError} `usage` for what has a meaning with another option alone. */
function requireWatch({ watch: isWatching, onChange, signal }: RunOptions): void {
  if (isWatching !== true && (onChange !== undefined || signal !== undefined)) {
    throw new StrongroomError('usage', '--on-change and --signal go with --watch');
  }
  if (signal !== undefined && onChange !== 'signal') {
    throw new StrongroomError('usage', '--signal goes with --on-change signal');
  }
}

/** @throws InvalidArgumentError for what is no signal that a program can be sent. */
function parseSignal(text: string): NodeJS.Signals {
  const name = text.startsWith('SIG') ? text : `SIG${text}`;
  if (Object.hasOwn(signalConstants.signals, name)) return name as NodeJS.Signals;
  throw new InvalidArgumentError('it is the name of a signal, such as SIGHUP or SIGUSR2.');
}

function requirePrefix(prefix: string | undefined): void {
  if (prefix === undefined || /^[A-Za-z_][A-Za-z0-9_]*$/.test(prefix)) return;
  throw new StrongroomError(
    'usage',
    '--prefix takes letters, digits and _, as in --prefix SECRET_',
  );
}
