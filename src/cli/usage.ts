import type { Command, CommanderError } from 'commander';

import { StrongroomError } from '../errors.ts';
import { nearest } from './suggest.ts';

const EXAMPLES = new WeakMap<Command, readonly string[]>();

/** Gives a command examples, which help shows; the first is the hint where an argument is missing. */
export function addExamples(command: Command, ...lines: readonly string[]): void {
  EXAMPLES.set(command, lines);
  command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}

/**
 * Makes commander's complaints ours. They are written anew, because its own
 * quote whatever was typed, and a value may stand in the wrong place.
 */
export function translateUsageErrors(command: Command): void {
  command.exitOverride((error) => {
    if (error.exitCode === 0 || error.code === 'commander.help') throw error;
    throw usageError(command, error);
  });
  for (const inner of command.commands) translateUsageErrors(inner);
}

function usageError(command: Command, error: CommanderError): StrongroomError {
  const name = pathOf(command);
  const quoted = /'([^']*)'/.exec(error.message)?.[1] ?? '';
  const see = `see \`${name} --help\``;
  const example = EXAMPLES.get(command)?.[0];
  switch (error.code) {
    case 'commander.unknownCommand':
      return unknownCommand(command, command.args[0] ?? '', see);
    case 'commander.unknownOption':
      return unknownOption(command, quoted, see);
    case 'commander.missingArgument':
      return usage(
        `\`${name}\` needs a ${quoted}`,
        example === undefined ? see : `as in \`${example}\``,
      );
    case 'commander.optionMissingArgument':
      return usage(`an option needs more: ${quoted}`, see);
    case 'commander.missingMandatoryOptionValue':
      return usage(
        `\`${name}\` needs ${quoted}`,
        example === undefined ? see : `as in \`${example}\``,
      );
    case 'commander.conflictingOption':
      return usage(conflict(error.message), see);
    case 'commander.excessArguments':
      return usage(
        `too many arguments for \`${name}\``,
        `it is used as \`${name} ${command.usage()}\``,
      );
    case 'commander.invalidArgument':
      return invalidChoice(command, quoted, see);
    default:
      return usage(`\`${name}\` cannot be used like that`, see);
  }
}

/** Commander names both options, and nothing that was typed. */
function conflict(message: string): string {
  const [first = '', second = ''] = Array.from(message.matchAll(/--[a-z-]+/g), ([flag]) => flag);
  return `${first} and ${second} exclude each other`;
}

/**
 * Refuses help about a command that there is not; commander would show all help.
 *
 * @throws {@link StrongroomError} `usage`.
 */
export function requireHelpTopic(root: Command, args: readonly string[]): void {
  const [first, topic] = args;
  if (first !== 'help' || topic === undefined || topic.startsWith('-') || topic === 'help') return;
  const isKnown = root.commands.some(
    (each) => each.name() === topic || each.aliases().includes(topic),
  );
  if (!isKnown) throw unknownCommand(root, topic, 'see `strongroom --help`');
}

function unknownCommand(command: Command, typed: string, see: string): StrongroomError {
  const names = command.commands
    .filter((each) => !each.name().startsWith('_'))
    .flatMap((each) => [each.name(), ...each.aliases()]);
  const near = nearest(typed, names);
  const hint = near === undefined ? see : `did you mean \`${pathOf(command)} ${near}\`?`;
  const shown = /^[a-z][a-z-]{0,30}$/.test(typed) ? ` ${typed}` : ' of that name';
  return usage(`there is no command${shown}`, hint);
}

/** What follows `set` may be a value that begins with a hyphen, so it is not repeated there. */
function unknownOption(command: Command, typed: string, see: string): StrongroomError {
  if (command.parent === null && ['-e', '--environment'].includes(typed)) {
    return usage(
      `${typed} goes after the command`,
      `as in \`strongroom list ${typed} production\``,
    );
  }
  const known = command.options.flatMap((option) => option.long ?? []);
  const [name = ''] = typed.split('=', 1);
  if (name !== typed && known.includes(name)) return usage(`${name} takes no value`, see);
  const isSafe = command.name() !== 'set' && /^--?[a-z][a-z-]{0,30}$/.test(typed);
  const near = isSafe ? nearest(typed, known) : undefined;
  return usage(
    isSafe ? `there is no option ${typed}` : 'there is no such option',
    near === undefined ? see : `did you mean ${near}?`,
  );
}

function invalidChoice(command: Command, flags: string, see: string): StrongroomError {
  const option = command.options.find((each) => each.flags === flags);
  const argument = command.registeredArguments.find((each) => each.argChoices !== undefined);
  const choices = option?.argChoices ?? argument?.argChoices;
  return usage(
    option === undefined
      ? `that is not a ${argument?.name() ?? 'choice'}`
      : `that is no value of ${flags}`,
    choices === undefined ? see : `it is one of ${choices.join(', ')}`,
  );
}

/** A command as it is typed, such as `strongroom audit list`. */
export function pathOf(command: Command): string {
  const name = command.name();
  return command.parent === null ? name : `${pathOf(command.parent)} ${name}`;
}

function usage(message: string, hint: string): StrongroomError {
  return new StrongroomError('usage', message, { hint });
}
