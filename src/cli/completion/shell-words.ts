import type { CompletionCommand, CompletionOption } from './command-table.ts';

/** A word of bash and zsh. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Every way to type a command. */
export function pathsOf({ path, aliases }: CompletionCommand): readonly string[] {
  return [path, ...aliases];
}

/** The flags that take the next word as their value. */
export function flagsWithValue(options: readonly CompletionOption[]): readonly string[] {
  return options.flatMap(({ flags, value }) => (value === undefined ? [] : flags));
}

/** A flag of a command, in the form `path flag`, for each way to type the command. */
export function flagPatterns(
  command: CompletionCommand,
  flags: readonly string[],
): readonly string[] {
  return pathsOf(command).flatMap((path) => flags.map((flag) => quote(`${path} ${flag}`)));
}

/** A flag of any command, in the same form. */
export function sharedPatterns(flags: readonly string[]): readonly string[] {
  return flags.map((flag) => `*${quote(` ${flag}`)}`);
}

/** The flags of options. */
export function flagsOf(options: readonly CompletionOption[]): readonly string[] {
  return options.flatMap(({ flags }) => flags);
}
