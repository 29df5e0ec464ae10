import type { Candidates, CompletionCommand, CompletionTable } from './command-table.ts';
import {
  flagPatterns,
  flagsOf,
  flagsWithValue,
  pathsOf,
  quote,
  sharedPatterns,
} from './shell-words.ts';

const HELPERS = `# Completion of strongroom for bash. Written by \`strongroom completion bash\`.
_strongroom_names() {
  local line
  while IFS= read -r line; do
    COMPREPLY+=("$line")
  done < <(command strongroom __complete "$1" "$cur" "\${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null </dev/null)
}

_strongroom_files() {
  local line
  compopt -o filenames 2>/dev/null
  while IFS= read -r line; do
    COMPREPLY+=("$line")
  done < <(compgen "$1" -- "$cur")
}

_strongroom_words() {
  local line
  while IFS= read -r line; do
    COMPREPLY+=("$line")
  done < <(compgen -W "$1" -- "$cur")
}

`;

/** The completion script for bash. It needs no package; bash 3.2 runs it. */
export function bashCompletion(table: CompletionTable): string {
  const { commands, shared } = table;
  return `${HELPERS}_strongroom() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]}
  local path='' word i arguments=0 ended='' shared=${quote(flagsOf(shared).join(' '))}
  COMPREPLY=()
  # bash takes --option=value apart.
  if [[ $cur == = ]]; then
    cur=''
  elif [[ $prev == = ]]; then
    prev=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ -n $ended ]]; then
      arguments=$((arguments + 1))
      continue
    fi
    case "$path $word" in
${commands.map(stepCases).join('\n')}
    esac
    case "$word" in
      --) ended=1 ;;
      =) i=$((i + 1)) ;;
      -*)
        case "$path $word" in
${valueCases(table)}
        esac
        ;;
      *) arguments=$((arguments + 1)) ;;
    esac
  done
  if [[ -n $ended ]]; then
    [[ $arguments -eq 0 ]] && _strongroom_files -c || _strongroom_files -f
    return
  fi
  case "$path $prev" in
${optionCases(table)}
  esac
  case "$path" in
${commands.map(placeCase).join('\n')}
  esac
}

complete -F _strongroom strongroom
`;
}

/** From a command to those below it; their names count as no arguments. */
function stepCases(command: CompletionCommand): string {
  if (command.path === '') return '      # commands';
  return pathsOf(command)
    .map((path) => {
      const at = path.lastIndexOf(' ');
      const [outer, name] = at === -1 ? ['', path] : [path.slice(0, at), path.slice(at + 1)];
      return `      ${quote(`${outer} ${name}`)})
        if [[ $arguments -eq 0 ]]; then
          path=${quote(path)}
          continue
        fi
        ;;`;
    })
    .join('\n');
}

/** Options whose next word is a value, and no argument. */
function valueCases({ commands, shared }: CompletionTable): string {
  const patterns = [
    ...commands.flatMap((command) => flagPatterns(command, flagsWithValue(command.options))),
    ...sharedPatterns(flagsWithValue(shared)),
  ];
  return `          ${patterns.join(' | ')}) [[ \${COMP_WORDS[i+1]} == = ]] || i=$((i + 1)) ;;`;
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
  return `    ${patterns.join(' | ')})\n      ${offer(value)}\n      return\n      ;;`;
}

/** Where no option waits for a value: options, commands or arguments. */
function placeCase(command: CompletionCommand): string {
  const options = flagsOf(command.options).join(' ');
  const lines = [
    `    ${pathsOf(command).map(quote).join(' | ')})`,
    `      if [[ $cur == -* ]]; then`,
    `        _strongroom_words ${quote(`${options} `)}"$shared"`,
    `        return`,
    `      fi`,
  ];
  if (command.subcommands.length > 0) {
    lines.push(
      `      _strongroom_words ${quote(command.subcommands.map(({ word }) => word).join(' '))}`,
    );
  } else if (command.arguments.length > 0) {
    lines.push('      case $arguments in');
    for (const [index, candidates] of command.arguments.entries()) {
      lines.push(`        ${index}) ${offer(candidates)} ;;`);
    }
    lines.push('      esac');
  }
  return [...lines, '      ;;'].join('\n');
}

function offer(candidates: Candidates): string {
  if (typeof candidates !== 'string') return `_strongroom_words ${quote(candidates.join(' '))}`;
  switch (candidates) {
    case 'secrets':
    case 'environments':
      return `_strongroom_names ${candidates}`;
    case 'files':
      return '_strongroom_files -f';
    case 'directories':
      return '_strongroom_files -d';
    case 'anything':
      return '_strongroom_files -c';
    default:
      return ':';
  }
}
