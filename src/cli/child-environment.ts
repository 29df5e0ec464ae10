import { StrongroomError } from '../errors.ts';
import type { Variable } from '../formats/variables.ts';

/** What opens a vault, or speaks for somebody: none of a program's business that only needs some secrets. */
const KEY_MATERIAL = /^STRONGROOM_(MASTER_KEY|PASSPHRASE|RECOVERY|SHARE|TOKEN)/i;

/** What Linux takes for one `NAME=value` (MAX_ARG_STRLEN, execve(2)), with its end. */
const VARIABLE_BYTES_MAX = 131_072;

/** A program's environment. */
export type Environment = Readonly<Record<string, string>>;

/**
 * The environment of the program to be: this process's, without what opens the
 * vault, and with the secrets over it. This process's own stays as it is.
 *
 * @throws {@link StrongroomError} `value_too_large` naming what no program can be given.
 */
export function childEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  variables: readonly Variable[],
): Environment {
  refuseTooLarge(variables);
  // Without a prototype: `__proto__` is a name like any other.
  const environment = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(own)) {
    if (value !== undefined && !KEY_MATERIAL.test(name)) environment[name] = value;
  }
  for (const { name, value } of variables) environment[name] = value;
  return environment;
}

/** The size of arguments and environment as the kernel counts them, in bytes. */
export function startBytes(args: readonly string[], environment: Environment): number {
  const POINTER = 8;
  let bytes = 0;
  for (const arg of args) bytes += Buffer.byteLength(arg) + 1 + POINTER;
  for (const [name, value] of Object.entries(environment)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + 2 + POINTER;
  }
  return bytes;
}

function refuseTooLarge(variables: readonly Variable[]): void {
  const large = variables.filter(
    ({ name, value }) => name.length + Buffer.byteLength(value) + 2 > VARIABLE_BYTES_MAX,
  );
  if (large.length === 0) return;
  const names = large.map(({ name }) => name);
  const paths = [...new Set(large.map(({ path }) => path))];
  throw new StrongroomError(
    'value_too_large',
    `a variable has at most 128 KiB, and ${names.join(', ')} would have more`,
    { details: { names, paths }, hint: 'have the program read a file' },
  );
}
