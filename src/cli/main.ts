import { Command, CommanderError } from 'commander';

import { StrongroomError } from '../errors.ts';
import { COMMANDS } from './commands/commands.ts';
import { EXIT, EXIT_CODES } from './exit-codes.ts';
import { Terminal } from './terminal.ts';
import { packageVersion } from './package-version.ts';

/**
 * Runs the command line. Sets the process's exit code and never ends the
 * process itself, so that everything written arrives.
 *
 * @param args - Arguments after the program's name.
 */
export async function main(args: readonly string[]): Promise<void> {
  const terminal = new Terminal({
    json: args.includes('--json'),
    yes: args.includes('--yes') || args.includes('-y'),
  });
  try {
    await program(terminal).parseAsync([...args], { from: 'user' });
  } catch (error) {
    process.exitCode = report(error, terminal);
  }
}

/** The program with all its commands and the options that all of them take. */
export function program(terminal: Terminal): Command {
  const root = new Command('strongroom')
    .description('A secrets manager: encrypted, versioned, every access on record.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .option('--path <directory>', "the vault's directory (STRONGROOM_PATH)")
    .option('-w, --workspace <name>', 'workspace, instead of default')
    .option('--principal <name>', 'act as this principal, instead of the system user')
    .option('--json', 'print results and errors as JSON')
    .option('-y, --yes', 'answer every question with yes')
    .option('--passphrase-file <file>', 'open with the passphrase in a file (- asks for it)')
    .option('--recovery-file <file>', 'open with the recovery key in a file')
    .option('--share-file <file...>', 'open with Shamir shares, one in each file')
    .option('--accept-rollback', 'go on with an older copy of the vault, on record')
    .helpOption('-h, --help', 'print help')
    .showSuggestionAfterError(true)
    .enablePositionalOptions()
    .exitOverride();
  for (const register of COMMANDS) register(root, terminal);
  return root;
}

/** Shows what went wrong; gives the exit code. */
function report(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  if (error instanceof StrongroomError) {
    terminal.fail(error);
    return EXIT_CODES[error.code];
  }
  // The message of an unforeseen error may hold anything, so it is not shown.
  const name = error instanceof Error ? error.name : typeof error;
  const place = error instanceof Error ? firstPlace(error.stack) : '';
  terminal.fail(
    new StrongroomError('internal', `an unforeseen ${name}${place}`, {
      hint: 'this is a defect of strongroom; please report it with this line',
    }),
  );
  return EXIT.internal;
}

function firstPlace(stack: string | undefined): string {
  const place = /\/((?:dist|src)\/[\w./-]+:\d+):\d+/.exec(stack ?? '')?.[1];
  return place === undefined ? '' : ` at ${place}`;
}
