import { StrongroomError } from '../errors.ts';
import type { DotenvVariable } from './dotenv-render.ts';

/** Names that bash or zsh will not let be set, so that sourcing would stop half way. */
const READ_ONLY_IN_SHELLS: ReadonlySet<string> = new Set([
  'UID',
  'EUID',
  'PPID',
  'SHELLOPTS',
  'BASHOPTS',
  'BASH_VERSINFO',
  'status',
  'pipestatus',
]);

/**
 * Writes variables as `export NAME='…'` lines that POSIX shells, bash and zsh can `source`.
 * Inside single quotes nothing but the quote itself means anything to a shell.
 *
 * @param variables - Names of the form `[A-Za-z_][A-Za-z0-9_]*`, as `toVariables` gives them.
 * @throws {@link StrongroomError} `unsafe_variable_name` if bash or zsh does not let the name be set.
 * @throws RangeError if a name has another form or a value holds NUL.
 */
export function renderShell(variables: readonly DotenvVariable[]): string {
  return variables.map(renderLine).join('');
}

function renderLine({ name, value }: DotenvVariable): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new RangeError('not a name for a shell');
  if (value.includes('\0')) throw new RangeError(`the value of ${name} holds NUL`);
  if (READ_ONLY_IN_SHELLS.has(name)) {
    throw new StrongroomError(
      'unsafe_variable_name',
      `bash or zsh does not let the variable ${name} be set`,
      {
        details: { name },
        hint: 'give the names a prefix with --prefix, or use --format dotenv',
      },
    );
  }
  return `export ${name}='${value.replaceAll("'", "'\\''")}'\n`;
}
