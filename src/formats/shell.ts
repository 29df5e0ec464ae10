import { StrongroomError } from '../errors.ts';
import type { DotenvVariable } from './dotenv-render.ts';

/**
 * Names that a shell keeps for itself. Some cannot be set, which ends the sourcing; some
 * do not keep what is set; and numbers such as `OPTIND` are evaluated as arithmetic, where
 * bash runs the command in `x[$(command)]` although it stands in single quotes.
 */
const SHELL_OWN: ReadonlySet<string> = new Set(
  [
    '_ LINENO OPTIND PPID SECONDS SHLVL TMOUT',
    // bash
    'BASHOPTS BASHPID BASH_ALIASES BASH_ARGC BASH_ARGV BASH_ARGV0 BASH_CMDS BASH_COMMAND',
    'BASH_LINENO BASH_SOURCE BASH_SUBSHELL BASH_VERSINFO DIRSTACK EPOCHREALTIME EPOCHSECONDS',
    'EUID FUNCNAME GROUPS HISTCMD PIPESTATUS RANDOM SHELLOPTS SRANDOM UID',
    // zsh, which as root even changes the user when some of them are set
    'ARGC COLUMNS EGID ERRNO FUNCNEST GID HISTCHARS HISTSIZE KEYTIMEOUT LINES LISTMAX MAILCHECK',
    'SAVEHIST TRY_BLOCK_ERROR TRY_BLOCK_INTERRUPT TTYIDLE USERNAME argv cdpath fignore fpath',
    'histchars mailpath manpath module_path path pipestatus psvar signals status watch',
  ].flatMap((names) => names.split(' ')),
);

/**
 * Writes variables as `export NAME='…'` lines that POSIX shells, bash and zsh can `source`,
 * whatever the values hold. Inside single quotes nothing but the quote itself means anything to a shell.
 *
 * @param variables - Names of the form `[A-Za-z_][A-Za-z0-9_]*`, as `toVariables` gives them.
 * @throws {@link StrongroomError} `unsafe_variable_name` if a shell keeps the name for itself.
 * @throws RangeError if a name has another form or a value holds NUL.
 */
export function renderShell(variables: readonly DotenvVariable[]): string {
  return variables.map(renderLine).join('');
}

function renderLine({ name, value }: DotenvVariable): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new RangeError('not a name for a shell');
  if (value.includes('\0')) throw new RangeError(`the value of ${name} holds NUL`);
  if (SHELL_OWN.has(name)) {
    throw new StrongroomError(
      'unsafe_variable_name',
      `shells keep the variable ${name} for themselves`,
      {
        details: { name },
        hint: 'give the names a prefix with --prefix, or use --format dotenv',
      },
    );
  }
  return `export ${name}='${value.replaceAll("'", "'\\''")}'\n`;
}
