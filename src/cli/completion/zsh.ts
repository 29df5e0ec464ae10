import type {
  Candidates,
  CompletionCommand,
  CompletionOption,
  CompletionTable,
} from './command-table.ts';
import { flagPatterns, flagsWithValue, pathsOf, quote, sharedPatterns } from './shell-words.ts';

/** The completion script for zsh: to be sourced, or put as `_strongroom` where `$fpath` points. */
export function zshCompletion(table: CompletionTable): string {
  const { commands, shared } = table;
  return `#compdef strongroom
# Completion of strongroom for zsh. Written by \`strongroom completion zsh\`.
_strongroom_names() {
  local -a names
  names=("\${(@f)$(command strongroom __complete $1 "$current" "\${(@)words[2,CURRENT-1]}" 2>/dev/null </dev/null)}")
  names=(\${names:#})
  (( \${#names} )) && compadd -- "\${names[@]}"
}

_strongroom() {
  local place='' word current=\${words[CURRENT]} previous=\${words[CURRENT-1]} ended=''
  local -i index arguments=0
  local -a offered shared
  shared=(${describedFlags(shared).join(' ')})
  for ((index = 2; index < CURRENT; index++)); do
    word=\${words[index]}
    if [[ -n $ended ]]; then
      arguments+=1
      continue
    fi
    if ((arguments == 0)); then
      case "$place $word" in
${commands.flatMap(stepCases).join('\n')}
      esac
    fi
    case "$word" in
      (--) ended=1 ;;
      (-*)
        case "$place $word" in
${valueCases(table)}
        esac
        ;;
      (*) arguments+=1 ;;
    esac
  done
  if [[ -n $ended ]]; then
    if ((arguments == 0)); then _command_names -e; else _files; fi
    return
  fi
  if [[ $current == --*=* ]]; then
    previous=\${current%%=*}
    current=\${current#*=}
    compset -P '*='
  fi
  case "$place $previous" in
${optionCases(table)}
  esac
  case "$place" in
${commands.map(placeCase).join('\n')}
  esac
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _strongroom "$@"
else
  compdef _strongroom strongroom
fi
`;
}

function stepCases(command: CompletionCommand): readonly string[] {
  if (command.path === '') return [];
  return pathsOf(command).map((path) => {
    const at = path.lastIndexOf(' ');
    const [outer, name] = at === -1 ? ['', path] : [path.slice(0, at), path.slice(at + 1)];
    return `        (${quote(`${outer} ${name}`)})
          place=${quote(path)}
          continue
          ;;`;
  });
}

function valueCases({ commands, shared }: CompletionTable): string {
  const patterns = [
    ...commands.flatMap((command) => flagPatterns(command, flagsWithValue(command.options))),
    ...sharedPatterns(flagsWithValue(shared)),
  ];
  return `          (${patterns.join('|')}) index+=1 ;;`;
}

function optionCases({ commands, shared }: CompletionTable): string {
  const own = commands.flatMap((command) =>
    command.options.flatMap(({ flags, value }) =>
      value === undefined ? [] : [optionCase(flagPatterns(command, flags), value)],
    ),
  );
  const others = shared.flatMap(({ flags, value }) =>
    value === undefined ? [] : [optionCase(sharedPatterns(flags), value)],
  );
  return [...own, ...others].join('\n');
}

function optionCase(patterns: readonly string[], value: Candidates): string {
  return `    (${patterns.join('|')})\n      ${offer(value)}\n      return\n      ;;`;
}

function placeCase(command: CompletionCommand): string {
  const lines = [
    `    (${pathsOf(command).map(quote).join('|')})`,
    `      if [[ $current == -* ]]; then`,
    `        offered=(${[...describedFlags(command.options), '"${shared[@]}"'].join(' ')})`,
    `        _describe -o option offered`,
    `        return`,
    `      fi`,
  ];
  if (command.subcommands.length > 0) {
    const words = command.subcommands.map(({ word, description }) => described(word, description));
    lines.push(`      offered=(${words.join(' ')})`, '      _describe command offered');
  } else if (command.arguments.length > 0) {
    lines.push('      case $arguments in');
    for (const [index, candidates] of command.arguments.entries()) {
      lines.push(`        (${index}) ${offer(candidates)} ;;`);
    }
    lines.push('      esac');
  }
  return [...lines, '      ;;'].join('\n');
}

function describedFlags(options: readonly CompletionOption[]): readonly string[] {
  return options.flatMap(({ flags, description }) =>
    flags.map((flag) => described(flag, description)),
  );
}

function described(word: string, description: string): string {
  return quote(`${word.replaceAll(':', '\\:')}:${description}`);
}

function offer(candidates: Candidates): string {
  if (typeof candidates !== 'string') return `compadd -- ${candidates.map(quote).join(' ')}`;
  switch (candidates) {
    case 'secrets':
    case 'environments':
      return `_strongroom_names ${candidates}`;
    case 'files':
      return '_files';
    case 'directories':
      return '_files -/';
    case 'anything':
      return '_command_names -e';
    default:
      return ':';
  }
}
