import type { Command } from 'commander';

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
import { splitNames } from '../split-names.ts';
import {
  becomeProgram,
  endLike,
  forwardSignals,
  startChild,
  type Start,
} from '../start-program.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { environmentOf, withSession, type GlobalOptions } from '../vault-access.ts';

interface RunOptions extends GlobalOptions {
  readonly environment?: string;
  readonly prefix?: string;
  readonly only?: readonly string[];
  readonly except?: readonly string[];
  readonly allowEnv?: readonly string[];
  readonly mask?: boolean;
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
    .action(async (name: string, args: readonly string[], _: object, command: Command) => {
      await run(command.optsWithGlobals<RunOptions>(), [name, ...args], terminal);
    });
  addExamples(
    command,
    'strongroom run -- node server.js',
    'strongroom run -e production --mask -- ./deploy.sh',
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
  const environment = environmentOf(options.environment, options, terminal);
  // A mistyped program should not put reads on record.
  const allowEnv = allowedVariables(options);
  if (!allowEnv.includes('PATH')) findProgram(args[0], process.env['PATH']);
  // The vault is closed when this returns, so others can have it while the program runs.
  const read = await readSecrets(options, environment, terminal);
  const plain = new Set(read.filter(({ type }) => type === 'generic').map(({ path }) => path));
  const { prefix } = options;
  const naming = { allowEnv, ...(prefix === undefined ? {} : { prefix }) };
  const [variables, env] = sayingExcept(() => {
    const named = toVariables(read.map(toExported), naming);
    return [named, childEnvironment(process.env, named)];
  });
  const start: Start = { file: findProgram(args[0], env['PATH']), args, environment: env };
  if (options.mask === true) {
    const { runMasked } = await import('../run-masked.ts');
    await runMasked(start, { variables, plain }, terminal);
    return;
  }
  becomeProgram(start);
  const child = await startChild(start, 'inherit');
  forwardSignals(child, terminal.isPresent);
  child.once('exit', endLike);
}

async function readSecrets(
  options: RunOptions,
  environment: string,
  terminal: Terminal,
): Promise<readonly SecretResolved[]> {
  const { workspace, only, except } = options;
  const resolved = await withSession(options, terminal, (session) =>
    readEnvironment(session, { workspace, environment, only, except }),
  );
  tellLeftOut(resolved, terminal);
  const read = resolved.secrets;
  for (const { path, isExpired } of read) if (isExpired) terminal.note(`${path} has expired`);
  const isAll = only === undefined && except === undefined;
  if (read.length === 0 && isAll) terminal.note(`no secrets in ${environment}`);
  return read;
}

function requirePrefix(prefix: string | undefined): void {
  if (prefix === undefined || /^[A-Za-z_][A-Za-z0-9_]*$/.test(prefix)) return;
  throw new StrongroomError(
    'usage',
    '--prefix takes letters, digits and _, as in --prefix SECRET_',
  );
}
