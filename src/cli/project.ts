import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { isName } from '../domain/workspaces/names.ts';
import { StrongroomError } from '../errors.ts';
import { utf8Decode } from '../lib/bytes.ts';
import { readRegularFile } from '../lib/regular-file.ts';
import { readProfiles } from './profiles.ts';
import { requireTrusted } from './trusted-directory.ts';

/** The directory that `init` makes in a project. */
export const PROJECT_DIRECTORY = '.strongroom';
/** A project's settings, which may be committed. */
export const PROJECT_CONFIG = 'strongroom.config.json';

/** Settings of a project. */
export interface ProjectConfig {
  /** The environment to use where none is named. */
  readonly environment?: string;
  /** Variables that `run` and `export` may give out although they change how programs run. */
  readonly allowEnv?: readonly string[];
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
 * @throws {@link StrongroomError} `vault_not_found`; `not_a_vault` as {@link locateVault}.
 */
export function findVault(path: string | undefined, cwd: string = process.cwd()): string {
  const found = locateVault(path, cwd);
  if (found !== undefined) {
    requireNoneInside(found.value);
    return found.value;
  }
  const [profile] = Object.keys(readProfiles().profiles).toSorted();
  const login = profile === undefined ? '`strongroom login ADDRESS`' : `--profile ${profile}`;
  throw new StrongroomError('vault_not_found', 'there is no vault here or in a directory above', {
    hint: `make one with \`strongroom init\`, name one with --path or STRONGROOM_PATH, or use that of a server: ${login}`,
  });
}

/** The project was named, and not the vault in it. */
function requireNoneInside(directory: string): void {
  if (existsSync(join(directory, 'vault.db'))) return;
  const inside = join(directory, PROJECT_DIRECTORY);
  if (!existsSync(join(inside, 'vault.db'))) return;
  throw new StrongroomError('vault_not_found', `there is no vault in ${directory}`, {
    details: { path: directory },
    hint: `it is in ${inside}: name that with --path or STRONGROOM_PATH`,
  });
}

/**
 * As {@link findVault}, saying where that is settled, or `undefined` if there is no vault.
 *
 * @throws {@link StrongroomError} `not_a_vault` if it was found, and is another user's or a link.
 */
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
      requireTrusted(value);
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
    config = JSON.parse(utf8Decode(readRegularFile(path)));
  } catch {
    throw malformed(path);
  }
  if (typeof config !== 'object' || config === null) throw malformed(path);
  const { environment, allowEnv } = config as { environment?: unknown; allowEnv?: unknown };
  if (environment !== undefined && (typeof environment !== 'string' || !isName(environment))) {
    throw malformed(path);
  }
  if (allowEnv !== undefined && !isNamesOfVariables(allowEnv)) throw malformed(path);
  return {
    ...(environment === undefined ? {} : { environment }),
    ...(allowEnv === undefined ? {} : { allowEnv }),
  };
}

function isNamesOfVariables(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.every((name) => typeof name === 'string' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
  );
}

function malformed(path: string): StrongroomError {
  return new StrongroomError('invalid_input', `${path} is not a file of settings`, {
    hint: 'it is JSON such as {"environment":"staging","allowEnv":["NODE_OPTIONS"]}',
  });
}
