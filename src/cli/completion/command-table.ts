import type { Command, Option } from 'commander';

/** What may stand in a place: names that the vault knows, files, or one of some words. */
export type Candidates =
  'secrets' | 'environments' | 'files' | 'directories' | 'nothing' | 'anything' | readonly string[];

/** A word and what it means. */
export interface CompletionWord {
  readonly word: string;
  readonly description: string;
}

/** An option. */
export interface CompletionOption {
  /** Such as `-e` and `--environment`. */
  readonly flags: readonly string[];
  readonly description: string;
  /** What its value may be, or `undefined` if it takes none. */
  readonly value: Candidates | undefined;
}

/** The program as completion sees it. */
export interface CompletionTable {
  /** What every command takes besides its own options. */
  readonly shared: readonly CompletionOption[];
  /** The program itself, then each command. */
  readonly commands: readonly CompletionCommand[];
}

/** A command as completion sees it. */
export interface CompletionCommand {
  /** Its names from the program's on, such as `audit list`; empty for the program. */
  readonly path: string;
  /** The same path with each of its names, such as `env list` and `environment ls`. */
  readonly aliases: readonly string[];
  readonly subcommands: readonly CompletionWord[];
  /** Its own options; where one is named as a shared one is, it counts instead. */
  readonly options: readonly CompletionOption[];
  /** What its arguments may be, in order. */
  readonly arguments: readonly Candidates[];
}

/**
 * The commands of the program as a table. Everything that completion offers
 * comes from here, and so from the commands themselves.
 */
export function commandTable(root: Command): CompletionTable {
  const help = { flags: ['-h', '--help'], description: 'print help', value: undefined };
  const commands: CompletionCommand[] = [];
  const visit = (command: Command, path: string, aliases: readonly string[]): void => {
    const inner = command.commands.filter(isVisible);
    const isOwn = command === root ? isOwnOfRoot : isShown;
    commands.push({
      path,
      aliases,
      subcommands: inner.map((each) => ({ word: each.name(), description: each.description() })),
      options: command.options.filter(isOwn).map(toOption),
      arguments: command.registeredArguments.map((argument) =>
        candidatesFor(argument.name(), argument.argChoices),
      ),
    });
    for (const each of inner) {
      const names = [each.name(), ...each.aliases()];
      const paths = [path, ...aliases].flatMap((outer) =>
        names.map((name) => (outer === '' ? name : `${outer} ${name}`)),
      );
      visit(each, paths[0] ?? '', paths.slice(1));
    }
  };
  visit(root, '', []);
  const shared = root.options.filter((option) => !isOwnOfRoot(option)).map(toOption);
  return { shared: [...shared, help], commands };
}

/** All options of the program but this one are shared with its commands. */
function isOwnOfRoot(option: Option): boolean {
  return option.long === '--version';
}

/** The hidden options of a command are those that it shares. */
function isShown(option: Option): boolean {
  return !option.hidden;
}

function isVisible(command: Command): boolean {
  return !command.name().startsWith('__');
}

function toOption(option: Option): CompletionOption {
  const flags = [option.short, option.long].filter((flag) => flag !== undefined);
  const placeholder = /[<[]([\w-]+)/.exec(option.flags)?.[1];
  const isEnvironment = option.long === '--environment';
  return {
    flags,
    description: option.description,
    value:
      placeholder === undefined
        ? undefined
        : candidatesFor(isEnvironment ? 'environment' : placeholder, option.argChoices),
  };
}

/** Placeholders in usage lines say what is meant. */
function candidatesFor(placeholder: string, choices: readonly string[] | undefined): Candidates {
  if (choices !== undefined) return choices;
  switch (placeholder.replace(/s$/, '')) {
    case 'secret':
      return 'secrets';
    case 'environment':
      return 'environments';
    case 'file':
    case 'arg':
      return 'files';
    case 'directory':
      return 'directories';
    case 'program':
    case 'command':
      return 'anything';
    default:
      return 'nothing';
  }
}
