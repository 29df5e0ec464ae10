import type {
  Candidates,
  CompletionCommand,
  CompletionOption,
  CompletionTable,
} from './command-table.ts';
import { flagsWithValue, pathsOf } from './shell-words.ts';

/** The completion script for fish. */
export function fishCompletion({ commands, shared }: CompletionTable): string {
  const skipped = flagsWithValue(shared).map((flag) => quote(`* ${flag}`));
  return `# Completion of strongroom for fish. Written by \`strongroom completion fish\`.
# Prints the command that is being typed on one line, and the number of its arguments on the next.
function __strongroom_state
    set -l place ''
    set -l arguments 0
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip -eq 1
            set skip 0
            continue
        end
        if test $arguments -eq 0
            switch "$place $word"
${commands.flatMap(stepCases).join('\n')}
            end
        end
        switch $word
            case --
            case '-*'
                switch "$place $word"
${commands.flatMap(valueCases).join('\n')}
                    case ${skipped.join(' ')}
                        set skip 1
                end
            case '*'
                set arguments (math $arguments + 1)
        end
    end
    echo $place
    echo $arguments
end

# Whether a command is being typed, and so many of its arguments are there.
function __strongroom_at
    set -l state (__strongroom_state)
    contains -- "$state[1]" (string split '|' -- $argv[1]); or return 1
    test (count $argv) -lt 2; or test "$state[2]" -eq $argv[2]
end

function __strongroom_names
    set -l words (commandline -opc)
    command strongroom __complete $argv[1] (commandline -ct) $words[2..-1] 2>/dev/null </dev/null
end

complete -c strongroom -f
${shared.map((option) => optionLine(option)).join('\n')}
${commands.flatMap(completions).join('\n')}
`;
}

function stepCases(command: CompletionCommand): readonly string[] {
  if (command.path === '') return [];
  return pathsOf(command).map((path) => {
    const at = path.lastIndexOf(' ');
    const [outer, name] = at === -1 ? ['', path] : [path.slice(0, at), path.slice(at + 1)];
    return `                case ${quote(`${outer} ${name}`)}
                    set place ${quote(path)}
                    continue`;
  });
}

function valueCases(command: CompletionCommand): readonly string[] {
  const flags = flagsWithValue(command.options);
  if (flags.length === 0) return [];
  const patterns = pathsOf(command).flatMap((path) =>
    flags.map((flag) => quote(`${path} ${flag}`)),
  );
  return [`                    case ${patterns.join(' ')}`, '                        set skip 1'];
}

function completions(command: CompletionCommand): readonly string[] {
  const place = quote(pathsOf(command).join('|'));
  const lines = command.subcommands.map(
    ({ word, description }) =>
      `complete -c strongroom -n ${quote(`__strongroom_at ${place} 0`)} -a ${quote(word)} -d ${quote(description)}`,
  );
  for (const option of command.options) {
    lines.push(optionLine(option, ` -n ${quote(`__strongroom_at ${place}`)}`));
  }
  for (const [index, candidates] of command.arguments.entries()) {
    const offered = offer(candidates, false);
    if (offered === '') continue;
    lines.push(
      `complete -c strongroom -n ${quote(`__strongroom_at ${place} ${index}`)} ${offered}`,
    );
  }
  return lines;
}

function optionLine(
  { flags, description, value }: CompletionOption,
  condition: string = '',
): string {
  const named = flags.map((flag) =>
    flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
  );
  const takes = value === undefined ? '' : ` ${offer(value, true)}`;
  return `complete -c strongroom${condition} ${named.join(' ')}${takes} -d ${quote(description)}`;
}

function offer(candidates: Candidates, isRequired: boolean): string {
  const only = isRequired ? '-x ' : '';
  if (typeof candidates !== 'string') return `${only}-a ${quote(candidates.join(' '))}`;
  switch (candidates) {
    case 'secrets':
    case 'environments':
      return `${only}-a ${quote(`(__strongroom_names ${candidates})`)}`;
    case 'files':
      return isRequired ? '-r -F' : '-F';
    case 'directories':
      return `${only}-a '(__fish_complete_directories)'`;
    case 'anything':
      return `${only}-a '(__fish_complete_command)'`;
    default:
      return only.trim();
  }
}

/** In single quotes fish knows two escapes. */
function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`;
}
