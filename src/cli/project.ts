import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { isName } from '../domain/workspaces/names.ts';
import { StrongroomError } from '../errors.ts';

/** The directory that `init` makes in a project. */
export const PROJECT_DIRECTORY = '.strongroom';
/** A project's settings, which may be committed. */
export const PROJECT_CONFIG = 'strongroom.config.json';

/** Settings of a project. */
export interface ProjectConfig {
  /** The environment to use where none is named. */
  readonly environment?: string;
}

/** Something that was settled, and where. */
export interface Setting {
  readonly value: string;
  /** An option, a variable, a file or a rule. */
  readonly source: string;
}

/**
 * The vault's directory: `--path`, then `STRONGROOM_PATH`, then `.strongroom`
 * in this directory or the nearest one above that has it.
 *
 * @throws {@link StrongroomError} `vault_not_found`.
 */
export function findVault(path: string | undefined, cwd: string = process.cwd()): string {
  const found = locateVault(path, cwd);
  if (found !== undefined) return found.value;
  throw new StrongroomError('vault_not_found', 'there is no vault here or in a directory above', {
    hint: 'make one with `strongroom init`, or name one with --path or STRONGROOM_PATH',
  });
}

/** As {@link findVault}, saying where that is settled, or `undefined` if there is no vault. */
export function locateVault(
  path: string | undefined,
  cwd: string = process.cwd(),
): Setting | undefined {
  if (path !== undefined && path !== '') return { value: resolve(cwd, path), source: '--path' };
  const variable = process.env['STRONGROOM_PATH'] ?? '';
  if (variable !== '') return { value: resolve(cwd, variable), source: 'STRONGROOM_PATH' };
  for (let directory = cwd; ; directory = dirname(directory)) {
    const value = join(directory, PROJECT_DIRECTORY);
    if (existsSync(join(value, 'vault.db'))) {
      return { value, source: directory === cwd ? 'this directory' : 'a directory above' };
    }
    if (dirname(directory) === directory) return undefined;
  }
}

/**
 * Reads the settings beside a vault's directory.
 *
 * @throws {@link StrongroomError} `invalid_input` if the file is not what it should be.
 */
export function readProjectConfig(vaultDirectory: string): ProjectConfig {
  const path = join(dirname(vaultDirectory), PROJECT_CONFIG);
  if (!existsSync(path)) return {};
  let config: unknown;
  try {
    config = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    throw malformed(path);
  }
  if (typeof config !== 'object' || config === null) throw malformed(path);
  const { environment } = config as { environment?: unknown };
  if (environment === undefined) return {};
  if (typeof environment !== 'string' || !isName(environment)) throw malformed(path);
  return { environment };
}

function malformed(path: string): StrongroomError {
  return new StrongroomError('invalid_input', `${path} is not a file of settings`, {
    hint: 'it is JSON such as {"environment":"staging"}',
  });
}
