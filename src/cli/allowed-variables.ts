import { StrongroomError } from '../errors.ts';
import { shellWord } from '../lib/shell-word.ts';
import { locateVault, readProjectConfig } from './project.ts';
import type { GlobalOptions } from './vault-access.ts';

/**
 * The variables that may be given out although they change how programs run: those of
 * `--allow-env` and those of the project's settings.
 *
 * @throws {@link StrongroomError} `invalid_input` if the settings are malformed.
 */
export function allowedVariables(
  options: GlobalOptions & { readonly allowEnv?: readonly string[] },
): readonly string[] {
  const vault = locateVault(options.path);
  const settled = vault === undefined ? {} : readProjectConfig(vault.value);
  return [...(options.allowEnv ?? []), ...(settled.allowEnv ?? [])];
}

/**
 * Does something with the variables of an environment; if one secret stands in the way of
 * all others, the hint says how to leave it out.
 *
 * @param other - What else the hint shall say may be done.
 * @throws {@link StrongroomError} as `work` does.
 */
export function sayingExcept<T>(work: () => T, other: string = ''): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof StrongroomError)) throw error;
    const hint = hintFor(error);
    if (hint === undefined) throw error;
    const { code, message, details } = error;
    throw new StrongroomError(code, message, { details, hint: hint + other, cause: error });
  }
}

function hintFor({ code, details }: StrongroomError): string | undefined {
  const places = strings(details['paths'] ?? details['path']);
  const paths = [...new Set(places.map((place) => place.replace(/ \(field .*\)$/, '')))];
  if (paths.length === 0) return undefined;
  const names = strings(details['names']);
  const leaveOut = `leave ${paths.length === 1 ? 'it' : 'them'} out with --except`;
  const except = `${leaveOut} ${shellWord(paths.join(','))}`;
  if (code === 'unsafe_variable_name' && names.length > 0) {
    return `if that is meant: ${names.map((name) => `--allow-env ${name}`).join(' ')}; or ${except}`;
  }
  if (code === 'value_too_large') return `${except}, and have the program read a file`;
  if (code === 'binary_value' || code === 'unsafe_variable_name') return except;
  if (code === 'name_conflict') {
    return `rename one of the two, or leave it out, as with --except ${shellWord(paths[0] ?? '')}`;
  }
  return undefined;
}

function strings(value: unknown): readonly string[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.filter((each) => typeof each === 'string');
}
