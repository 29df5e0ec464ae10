import { Command } from 'commander';

import { COMMANDS } from './commands/commands.ts';
import { addGlobalOptions, readGlobalOptions } from './global-options.ts';
import { packageVersion } from './package-version.ts';
import { report } from './report.ts';
import { Terminal } from './terminal.ts';
import { translateUsageErrors } from './usage.ts';

/**
 * Runs the command line. Sets the process's exit code and never ends the
 * process itself, so that everything written arrives.
 *
 * @param args - Arguments after the program's name.
 */
export async function main(args: readonly string[]): Promise<void> {
  const end = args.indexOf('--');
  const own = end === -1 ? args : args.slice(0, end);
  const terminal = new Terminal({
    json: own.includes('--json'),
    yes: own.includes('--yes') || own.includes('-y'),
  });
  // A verifier that crashes must not look like one that succeeded, nor like one that found a fault.
  process.once('uncaughtException', (error) => process.exit(report(error, terminal)));
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
    .helpOption('-h, --help', 'print help')
    .configureOutput({
      // Help is what was asked for, also where only half a command was given; mistakes are reported by us.
      writeErr: (text) => process.stdout.write(text),
      outputError: () => {},
    })
    .showSuggestionAfterError(false)
    .enablePositionalOptions();
  for (const register of COMMANDS) register(root, terminal);
  addGlobalOptions(root);
  translateUsageErrors(root);
  root.hook('preAction', (_root, command) => readGlobalOptions(command, terminal));
  return root;
}
