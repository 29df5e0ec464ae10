import type { Stats } from 'node:fs';

import { StrongroomError } from '../errors.ts';
import { shellWord } from './shell-word.ts';

/** Everybody but the owner of a file. */
export const OTHERS = 0o077;
/** Whoever is neither its owner nor in its group, which may share it, as Debian’s `ssl-cert` does. */
export const OUTSIDERS = 0o007;

/** A file with a key, for messages. */
export interface KeyFilePlace {
  readonly path: string;
  /** Such as `the key file`. */
  readonly what: string;
}

/**
 * Refuses a key that others than those who are meant have any right to; never on Windows, which has no such modes.
 *
 * @param stat - Of the file that is open, where it is read then.
 * @param excluded - Who must have no right, as bits of a mode.
 * @throws {@link StrongroomError} `key_file_exposed`.
 */
export function requirePrivateMode(
  { mode }: Pick<Stats, 'mode'>,
  { path, what }: KeyFilePlace,
  excluded: number = OTHERS,
): void {
  if (process.platform === 'win32' || (mode & excluded) === 0) return;
  const permissions = (mode & 0o777).toString(8).padStart(4, '0');
  throw new StrongroomError(
    'key_file_exposed',
    `${what} ${path} is open to other users (mode ${permissions})`,
    { details: { path, mode: permissions }, hint: `chmod 600 ${shellWord(path)}` },
  );
}
