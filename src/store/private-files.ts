import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';

import { uuidv7 } from '../lib/ids.ts';

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

/**
 * Makes a directory, and its parents, that only its owner may enter, whatever
 * the umask. What was made is on disk when this returns: a file in a directory
 * that a power cut takes away is lost too, however well it was synced.
 */
export function createPrivateDirectory(path: string): void {
  for (const at of missingDirectories(resolve(path))) {
    makeDirectory(at);
    syncDirectory(dirname(at));
  }
}

/**
 * A directory and those of its parents that are not there, the outermost first.
 * One below a file is among them, and making it fails with ENOTDIR.
 */
function missingDirectories(path: string): readonly string[] {
  const missing: string[] = [];
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    const found = statSync(at, { throwIfNoEntry: false });
    if (found !== undefined && (at !== path || found.isDirectory())) break;
    missing.unshift(at);
  }
  return missing;
}

/**
 * Makes one directory. With `recursive` Node.js would try again without end
 * where the system says ENOENT of a parent that is there, as in /proc.
 */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: DIRECTORY_MODE });
    chmodSync(path, DIRECTORY_MODE);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // Somebody else made it in between.
    const found = statSync(path, { throwIfNoEntry: false });
    if (code !== 'EEXIST' || found?.isDirectory() !== true) throw error;
  }
}

/**
 * Makes an empty file of mode 0600 if it is not there, whatever the umask. A
 * file that is there is not opened: closing it would drop SQLite's locks on it.
 */
export function createPrivateFile(path: string): void {
  let file: number;
  try {
    file = openSync(
      path,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      FILE_MODE,
    );
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return;
    throw error;
  }
  try {
    fchmodSync(file, FILE_MODE);
  } finally {
    closeSync(file);
  }
}

/**
 * Writes a whole file of mode 0600 in one step: beside its place, synced, then
 * renamed over it. A reader sees the old file or the new one.
 */
export function writePrivateFile(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.${uuidv7()}`;
  try {
    writeNewFile(temporary, content);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncDirectory(dirname(path));
}

function writeNewFile(path: string, content: string | Uint8Array): void {
  const file = openSync(
    path,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    FILE_MODE,
  );
  try {
    fchmodSync(file, FILE_MODE);
    // Unlike `writeSync`, it goes on after a short write, and fails where no more fits.
    writeFileSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Makes a directory's entries durable: a file's creation or rename is kept only then. */
export function syncDirectory(path: string): void {
  const directory = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
