import {
  closeSync,
  constants,
  fchmodSync,
  lstatSync,
  openSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { dirname, isAbsolute, relative, sep } from 'node:path';

import { StrongroomError } from '../errors.ts';
import { writePrivateFile } from '../store/private-files.ts';
import { findVault, locateVault } from './project.ts';
import { locateServer, type TargetOptions } from './server-target.ts';

const FILE_MODE = 0o600;

/** A place for a file of mode 0600 that nobody else can take meanwhile. */
export interface ReservedFile {
  readonly path: string;
  /** Puts the content there in one step. */
  write(content: string | Uint8Array): void;
  /** Gives the place up if nothing was written. What was there before stays. */
  [Symbol.dispose](): void;
}

/** Options of {@link reserveFile}. */
export interface ReserveOptions {
  /** Whether a regular file that is there may be replaced. Default: no. */
  readonly replace?: boolean | undefined;
}

/**
 * Takes the place of a new file before anything secret is read or made, so that
 * a place that cannot be had is an early failure. The content goes to a file
 * beside it that is renamed over it: a link that somebody puts there is
 * replaced, never followed.
 *
 * @throws {@link StrongroomError} `file_exists` if something is there: any file without `replace`, and with it
 * whatever is no regular file; `file_not_found` if the directory is not there; `read_only`.
 */
export function reserveFile(path: string, { replace = false }: ReserveOptions = {}): ReservedFile {
  const isNew = createPlaceholder(path, replace);
  let isWritten = false;
  return {
    path,
    write(content) {
      try {
        writePrivateFile(path, content);
      } catch (cause) {
        throw refusal(path, cause);
      }
      isWritten = true;
    },
    [Symbol.dispose]() {
      if (isNew && !isWritten) rmSync(path, { force: true });
    },
  };
}

/**
 * Refuses a place in a vault's directory: a file there would be taken for a part of the vault, or replace one.
 * Where commands go to a server, there need not be a vault here.
 *
 * @throws {@link StrongroomError} `invalid_input`; as {@link findVault} where commands go to a vault here.
 */
export function requireOutside(path: string, options: TargetOptions): void {
  const isRemote = locateServer(options) !== undefined;
  const vault = isRemote ? locateVault(options.path)?.value : findVault(options.path);
  if (vault === undefined || !isInside(vault, dirname(path))) return;
  throw new StrongroomError('invalid_input', `${path} is in the vault's directory`, {
    details: { path },
    hint: 'write it somewhere else',
  });
}

function isInside(directory: string, path: string): boolean {
  try {
    // As the file system has them, whatever links and spellings lead there.
    const way = relative(realpathSync.native(directory), realpathSync.native(path));
    return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
  } catch {
    // What is not there is told where it is opened.
    return false;
  }
}

/** Gives whether the file is new; a file that may be replaced stays until it is. */
function createPlaceholder(path: string, replace: boolean): boolean {
  try {
    // With O_EXCL a link is not followed, not even one that leads nowhere.
    const file = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    fchmodSync(file, FILE_MODE);
    closeSync(file);
    return true;
  } catch (cause) {
    if (!replace || codeOf(cause) !== 'EEXIST') throw refusal(path, cause);
  }
  if (lstatSync(path).isFile()) return false;
  throw new StrongroomError('file_exists', `${path} is a link or no regular file`, {
    details: { path },
    hint: 'it is not followed; name the file itself',
  });
}

function refusal(path: string, cause: unknown): unknown {
  const details = { path };
  switch (codeOf(cause)) {
    case 'EEXIST':
      return new StrongroomError('file_exists', `there is something at ${path} already`, {
        details,
        hint: 'choose another name',
        cause,
      });
    case 'ENOENT':
    case 'ENOTDIR':
      return new StrongroomError('file_not_found', `there is no directory for ${path}`, {
        details,
        hint: 'make it first',
        cause,
      });
    case 'ENOSPC':
    case 'EDQUOT':
      return new StrongroomError('storage_full', `no space is left for ${path}`, {
        details,
        cause,
      });
    default:
      return new StrongroomError('read_only', `${path} cannot be written`, { details, cause });
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
