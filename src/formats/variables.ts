import { StrongroomError } from '../errors.ts';
import type { FieldContent } from './secret-content.ts';
import { changesHowProgramsRun } from './unsafe-names.ts';

/** A secret on its way out, with its path inside the environment. */
export type ExportedSecret =
  | { readonly path: string; readonly kind: 'text'; readonly value: string }
  | { readonly path: string; readonly kind: 'bytes'; readonly value: Uint8Array }
  | {
      readonly path: string;
      readonly kind: 'fields';
      readonly value: ReadonlyMap<string, FieldContent>;
    };

/** An environment variable, and where its value comes from. */
export interface Variable {
  /** Letters, digits and `_`, not beginning with a digit (but see `names` in {@link VariableOptions}). */
  readonly name: string;
  /** Text without NUL. */
  readonly value: string;
  /** Path of the secret. */
  readonly path: string;
  /** Field of the secret, if it has fields. */
  readonly field?: string;
}

/** Options of {@link toVariables}. */
export interface VariableOptions {
  /** Put in front of every name before it is made valid, such as `APP_`. Default: nothing. */
  readonly prefix?: string;
  /** Names that may be given although they change how programs run, exactly these. Default: none. */
  readonly allowEnv?: readonly string[];
  /**
   * Path to name for text secrets whose name is settled already, as by the `.env` file they
   * came from; such a name is used as it is, without prefix. Default: none.
   */
  readonly names?: ReadonlyMap<string, string>;
}

/**
 * Names the variables that secrets become. The name is the last segment of the path, for a
 * field followed by `_` and the field's name; each character outside `[A-Za-z0-9_]` becomes
 * `_`, and a name that would begin with a digit gets a `_` in front. The case stays.
 *
 * @param secrets - In the order in which the variables shall come.
 * @throws {@link StrongroomError} `binary_value` with `path` if a value is bytes.
 * @throws {@link StrongroomError} `name_conflict` with `name` and `paths` if two values get one name.
 * @throws {@link StrongroomError} `unsafe_variable_name` with `names` and `paths` if names change how programs
 *   run and are not allowed, or with `name` if a value holds NUL, which no variable can.
 *
 * @example
 * toVariables([{ path: 'db/main', kind: 'fields', value: new Map([['user', 'app']]) }]);
 * // [{ name: 'main_user', value: 'app', path: 'db/main', field: 'user' }]
 */
export function toVariables(
  secrets: readonly ExportedSecret[],
  options: VariableOptions = {},
): Variable[] {
  const variables = secrets.flatMap((secret) => variablesOf(secret, options));
  refuseConflicts(variables);
  refuseUnsafe(variables, options.allowEnv ?? []);
  return variables;
}

function variablesOf(secret: ExportedSecret, options: VariableOptions): Variable[] {
  const { path } = secret;
  const { prefix = '', names } = options;
  const segment = path.slice(path.lastIndexOf('/') + 1);
  if (secret.kind !== 'fields') {
    const name = names?.get(path) ?? validName(`${prefix}${segment}`);
    return [{ name, value: textOf(secret.value, path, name), path }];
  }
  return [...secret.value].map(([field, content]) => {
    const name = validName(`${prefix}${segment}_${field}`);
    return { name, value: textOf(content, `${path} (field ${field})`, name), path, field };
  });
}

function validName(wished: string): string {
  // One _ for each character, also for one that takes two UTF-16 units.
  const name = wished.replaceAll(/[^A-Za-z0-9_]/gu, '_');
  return /^[0-9]|^$/.test(name) ? `_${name}` : name;
}

function textOf(content: FieldContent, place: string, name: string): string {
  if (typeof content !== 'string') {
    throw new StrongroomError('binary_value', `${place} holds bytes, which no variable can hold`, {
      details: { path: place },
      hint: 'export with --format json or --format yaml, which carry bytes as base64',
    });
  }
  if (content.includes('\0')) {
    const what = `the value of ${name} holds a NUL character, which no variable can hold`;
    throw new StrongroomError('unsafe_variable_name', what, {
      details: { name, path: place },
      hint: 'export with --format json or --format yaml',
    });
  }
  return content;
}

function refuseConflicts(variables: readonly Variable[]): void {
  const taken = new Map<string, Variable>();
  for (const variable of variables) {
    const first = taken.get(variable.name);
    if (first !== undefined) {
      const paths = [placeOf(first), placeOf(variable)];
      const what = `${paths.join(' and ')} would both become the variable ${variable.name}`;
      throw new StrongroomError('name_conflict', what, {
        details: { name: variable.name, paths },
        hint: 'rename one of the two, export their folders one at a time, or use --format json',
      });
    }
    taken.set(variable.name, variable);
  }
}

function placeOf({ path, field }: Variable): string {
  return field === undefined ? path : `${path} (field ${field})`;
}

function refuseUnsafe(variables: readonly Variable[], allowed: readonly string[]): void {
  const unsafe = variables.filter(
    ({ name }) => changesHowProgramsRun(name) && !allowed.includes(name),
  );
  if (unsafe.length === 0) return;
  const names = unsafe.map(({ name }) => name);
  const paths = [...new Set(unsafe.map(({ path }) => path))];
  const verb = names.length === 1 ? 'changes' : 'change';
  throw new StrongroomError(
    'unsafe_variable_name',
    `${names.join(', ')} ${verb} how programs run and must be allowed by name`,
    {
      details: { names, paths },
      hint: `if that is meant: ${names.map((name) => `--allow-env ${name}`).join(' ')}`,
    },
  );
}
