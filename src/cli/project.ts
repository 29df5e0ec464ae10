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

/**
 * The vault's directory: `--path`, then `STRONGROOM_PATH`, then `.strongroom`
 * in this directory or the nearest one above that has it.
 *
 * @throws {@link StrongroomError} `vault_not_found`.
 */
export function findVault(path: string | undefined, cwd: string = process.cwd()): string {
  const named = path ?? process.env['STRONGROOM_PATH'];
  if (named !== undefined && named !== '') return resolve(cwd, named);
  for (let directory = cwd; ; directory = dirname(directory)) {
    const candidate = join(directory, PROJECT_DIRECTORY);
    if (existsSync(join(candidate, 'vault.db'))) return candidate;
    if (dirname(directory) === directory) break;
  }
  throw new StrongroomError('vault_not_found', 'there is no vault here or in a directory above', {
    hint: 'make one with `strongroom init`, or name one with --path or STRONGROOM_PATH',
  });
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
