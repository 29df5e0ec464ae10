import type { Command } from 'commander';

import { StrongroomError } from '../../errors.ts';
import { toVariables, type Variable } from '../../formats/variables.ts';
import { childEnvironment } from '../child-environment.ts';
import { findProgram } from '../find-program.ts';
import { collect } from '../global-options.ts';
import { environmentOption } from '../option-values.ts';
import { readEnvironment, toExported } from '../read-environment.ts';
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
}

async function run(
  options: RunOptions,
  args: readonly [string, ...string[]],
  terminal: Terminal,
): Promise<void> {
  requirePrefix(options.prefix);
  const environment = environmentOf(options.environment, options, terminal);
  // A mistyped program should not put reads on record.
  if (options.allowEnv?.includes('PATH') !== true) findProgram(args[0], process.env['PATH']);
  // The vault is closed when this returns, so others can have it while the program runs.
  const variables = await readVariables(options, environment, terminal);
  const env = childEnvironment(process.env, variables);
  const start: Start = { file: findProgram(args[0], env['PATH']), args, environment: env };
  if (options.mask === true) {
    const { runMasked } = await import('../run-masked.ts');
    await runMasked(start, variables, terminal);
    return;
  }
  becomeProgram(start);
  const child = await startChild(start, 'inherit');
  forwardSignals(child, terminal.canAsk);
  child.once('exit', endLike);
}

async function readVariables(
  options: RunOptions,
  environment: string,
  terminal: Terminal,
): Promise<readonly Variable[]> {
  const { workspace, only, prefix, allowEnv } = options;
  const read = await withSession(options, terminal, (session) =>
    readEnvironment(session, { workspace, environment, only }),
  );
  for (const { path, isExpired } of read) if (isExpired) terminal.note(`${path} has expired`);
  return toVariables(read.map(toExported), {
    ...(prefix === undefined ? {} : { prefix }),
    ...(allowEnv === undefined ? {} : { allowEnv }),
  });
}

function requirePrefix(prefix: string | undefined): void {
  if (prefix === undefined || /^[A-Za-z_][A-Za-z0-9_]*$/.test(prefix)) return;
  throw new StrongroomError(
    'usage',
    '--prefix takes letters, digits and _, as in --prefix SECRET_',
  );
}
