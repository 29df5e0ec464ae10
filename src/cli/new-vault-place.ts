import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';

import { FIRST_ENVIRONMENTS } from '../domain/workspaces/names.ts';
import { StrongroomError } from '../errors.ts';
import type { TargetOptions } from './server-target.ts';
import { locateVault } from './project.ts';
import type { Terminal } from './terminal.ts';

/** What an attempt that was killed may have left. */
const LEFTOVER = /^(lock\.(db|json)|\.init-.*)$/;

/**
 * A vault's files belong into a directory of their own.
 *
 * @throws {@link StrongroomError} `usage` if other files are there, unless the directory is named for a vault.
 */
export function requireOwnDirectory(directory: string): void {
  if (/^\.?strongroom/i.test(basename(directory))) return;
  if (!existsSync(directory) || !statSync(directory).isDirectory()) return;
  if (readdirSync(directory).every((name) => LEFTOVER.test(name))) return;
  throw new StrongroomError('usage', `there are other files in ${directory}`, {
    details: { path: directory },
    hint: 'leave --path out to make the vault in .strongroom here, or name a new directory',
  });
}

/**
 * Below a vault, commands would find the new one instead: that is said, and asked where somebody can answer.
 *
 * @throws {@link StrongroomError} `usage` if it was not meant.
 */
export async function askIfBelowVault(project: string, terminal: Terminal): Promise<void> {
  const above = locateVault(undefined, project);
  if (above?.source !== 'a directory above') return;
  terminal.note(`there is a vault above in ${dirname(above.value)}; this makes another`);
  if (!terminal.canAsk || (await terminal.confirm('Make another?', false))) return;
  throw new StrongroomError('usage', 'nothing was made');
}

/**
 * A new vault has a few environments of its own.
 *
 * @throws {@link StrongroomError} `environment_not_found` for another one.
 */
export function requireFirstEnvironment(environment: string): void {
  if (FIRST_ENVIRONMENTS.includes(environment)) return;
  throw new StrongroomError('environment_not_found', 'a new vault has no such environment', {
    hint: `it has ${FIRST_ENVIRONMENTS.join(', ')}`,
  });
}

/**
 * A vault is made, and served, where its files are.
 *
 * @param naming - The option that says where they are.
 * @throws {@link StrongroomError} `usage` where a server is named.
 */
export function requireNoServer(
  { address, profile }: TargetOptions,
  naming: '--path' | '--to' = '--path',
): void {
  if (address === undefined && profile === undefined) return;
  throw new StrongroomError('usage', 'this is done where the vault is, not on a server', {
    hint: `name the vault's directory with ${naming}, instead of a server`,
  });
}
