import { Option, type Command } from 'commander';

import type { Terminal } from './terminal.ts';

/** What every command takes, before or after its name. */
const OPTIONS: readonly (readonly [flags: string, description: string])[] = [
  ['--path <directory>', "the vault's directory (STRONGROOM_PATH)"],
  ['--address <url>', 'a server, instead of a vault here (STRONGROOM_ADDR)'],
  ['--profile <name>', 'a server that was signed in to with `login`'],
  ['-w, --workspace <name>', 'workspace, instead of default'],
  ['--principal <name>', 'act as this principal, instead of the system user'],
  ['--json', 'print results and errors as JSON'],
  ['-y, --yes', 'answer every question with yes'],
  ['--key-file <file>', 'open with this key file (STRONGROOM_KEY_FILE)'],
  ['--passphrase-file <file>', 'open with the passphrase in a file (- asks for it)'],
  ['--recovery-file <file>', 'open with the recovery key in a file (- asks for it)'],
  ['--share-file <file>', 'open with Shamir shares; once for each file (- asks for it)'],
  ['--accept-rollback', 'go on with an older copy of the vault, on record'],
];

/** Adds the options that all commands take to the program, and without mention in help to the command that is asked for. */
export function addGlobalOptions(root: Command): void {
  for (const option of options()) root.addOption(option);
  // Only once it is known which: to add them to every command would take longer than all else here.
  root.hook('preSubcommand', (_root, command) => addHidden(command));
}

/** A command's own option of the same name stays, such as the `--recovery-file` that `init` writes. */
function addHidden(command: Command): void {
  for (const option of options()) {
    const isTaken = command.options.some(
      (own) => own.long === option.long || (own.short !== undefined && own.short === option.short),
    );
    if (!isTaken) command.addOption(option.hideHelp());
  }
  for (const inner of command.commands) addHidden(inner);
}

/**
 * Hands what was given after a command's name to the program, so that it counts
 * there before a variable does, and tells the terminal how to behave.
 */
export function readGlobalOptions(command: Command, terminal: Terminal): void {
  const line: Command[] = [];
  for (let each: Command | null = command; each !== null; each = each.parent) line.unshift(each);
  const [root, ...below] = line;
  if (root === undefined) return;
  for (const each of below) {
    for (const option of each.options.filter((own) => own.hidden)) {
      const name = option.attributeName();
      if (each.getOptionValueSource(name) !== 'cli') continue;
      root.setOptionValueWithSource(name, each.getOptionValue(name), 'cli');
    }
  }
  const { json, yes } = root.opts<{ readonly json?: boolean; readonly yes?: boolean }>();
  terminal.configure({ json: json ?? false, yes: yes ?? false });
}

function options(): Option[] {
  return OPTIONS.map(([flags, description]) => {
    const option = new Option(flags, description);
    if (option.long === '--workspace') option.env('STRONGROOM_WORKSPACE');
    return option.long === '--share-file' ? option.argParser(collect) : option;
  });
}

/** Gathers an option that may be given several times. */
export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}
