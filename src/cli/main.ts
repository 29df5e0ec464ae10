import { Command } from 'commander';

import { registerCommands } from './commands/commands.ts';
import { addGlobalOptions, readGlobalOptions } from './global-options.ts';
import { packageVersion } from './package-version.ts';
import { report, runExitCode } from './report.ts';
import { Terminal } from './terminal.ts';
import { requireHelpTopic, translateUsageErrors } from './usage.ts';

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
  const root = program(terminal, args[0]);
  try {
    requireHelpTopic(root, args);
    await root.parseAsync([...args], { from: 'user' });
  } catch (error) {
    const code = report(error, terminal);
    process.exitCode = root.args[0] === 'run' ? runExitCode(code) : code;
  }
}

/**
 * The program with its commands and the options that all of them take.
 *
 * @param asked - The first word that was typed: a command's name makes do with that command. Default: all of them.
 */
export function program(terminal: Terminal, asked?: string): Command {
  const root = new Command('strongroom')
    .description('A secrets manager: encrypted, versioned, every access on record.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .usage('<command> [options]')
    .helpOption('-h, --help', 'print help')
    .configureHelp({ subcommandTerm: termOf })
    .configureOutput({
      // Help is what was asked for, also where only half a command was given; mistakes are reported by us.
      writeOut: (text) => terminal.write(text),
      writeErr: (text) => terminal.write(text),
      outputError: () => {},
    })
    .showSuggestionAfterError(false)
    .enablePositionalOptions();
  registerCommands(root, terminal, asked);
  root.addHelpCommand(
    new Command('help').argument('[command]').description('print help').helpGroup('Vault:'),
  );
  addGlobalOptions(root);
  root.addHelpText('afterAll', ({ command }) =>
    command === root ? '' : '\nOptions of every command: strongroom --help',
  );
  translateUsageErrors(root);
  root.hook('preAction', (_root, command) => readGlobalOptions(command, terminal));
  return root;
}

/** A command in a list of commands. That it has options goes without saying. */
function termOf(command: Command): string {
  const takes = command.registeredArguments.map((argument) =>
    argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
  );
  const inner = command.commands.map((each) => each.name());
  return [
    [command.name(), ...command.aliases()].join(', '),
    ...(inner.length > 0 ? ['<command>'] : takes),
  ].join(' ');
}
