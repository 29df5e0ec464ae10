import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { formatToken, parseToken } from '../crypto/token.ts';
import { StrongroomError } from '../errors.ts';
import { requirePrivateMode } from '../lib/private-mode.ts';
import { createPrivateDirectory, syncDirectory } from '../store/private-files.ts';

const TOKEN_TYPE = 'key';
const FILE_MODE = 0o600;
const BYTES_MAX = 16 * 1024;

/**
 * Writes a key file of mode 0600, whatever the umask, and the directories that
 * are missing with mode 0700. It is on disk when this returns: a vault whose
 * key file is lost in a power cut is lost too.
 *
 * @param path - Where nothing may be yet, not even a link that leads nowhere.
 * @param key - 32 bytes.
 * @throws {@link StrongroomError} `file_exists`; what is there stays as it is.
 */
export function createKeyFile(path: string, vaultId: string, key: Uint8Array): void {
  createSyncedDirectory(dirname(resolve(path)));
  const file = openNew(path);
  try {
    fchmodSync(file, FILE_MODE);
    writeFileSync(file, keyFileText(vaultId, key));
    fsyncSync(file);
    syncDirectory(dirname(resolve(path)));
  } catch (error) {
    unlinkSync(path);
    throw error;
  } finally {
    closeSync(file);
  }
}

/**
 * Refuses a place for a key file where something is already.
 *
 * @throws {@link StrongroomError} `file_exists`.
 */
export function requireNoFile(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw fileExists(path);
}

/** Removes a key file that was written for a slot that was not stored. */
export function removeKeyFile(path: string): void {
  rmSync(path, { force: true });
  syncDirectory(dirname(resolve(path)));
}

/**
 * Reads the key in a key file: its one line that is neither empty nor a comment.
 *
 * @returns 32 bytes that the caller wipes.
 * @throws {@link StrongroomError} `key_not_found` if there is no file at the path, or it cannot be read.
 * @throws {@link StrongroomError} `key_file_exposed` if others than its owner have any right to it; never on Windows.
 * @throws {@link StrongroomError} `wrong_key` if it is no key file.
 */
export function readKeyFile(path: string): Uint8Array {
  const lines = readPrivateText(path)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const [token] = lines;
  const key = lines.length === 1 && token !== undefined ? parseToken(TOKEN_TYPE, token) : undefined;
  if (key === undefined) throw notKeyFile(path);
  return key;
}

function keyFileText(vaultId: string, key: Uint8Array): string {
  return [
    `# Strongroom key file of the vault ${vaultId}`,
    '# Whoever has this line can open the vault. Keep a copy of it in a safe place, apart from the vault.',
    formatToken(TOKEN_TYPE, key),
    '',
  ].join('\n');
}

/** A new directory is kept through a power cut only when the one above it is synced. */
function createSyncedDirectory(path: string): void {
  const missing: string[] = [];
  for (let at = path; !existsSync(at) && at !== dirname(at); at = dirname(at)) missing.push(at);
  createPrivateDirectory(path);
  for (const made of missing) syncDirectory(dirname(made));
}

function openNew(path: string): number {
  try {
    // With O_EXCL a link is not followed either.
    return openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, FILE_MODE);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
    throw fileExists(path, error);
  }
}

function fileExists(path: string, cause?: unknown): StrongroomError {
  return new StrongroomError('file_exists', `there is a file at ${path} already`, {
    details: { path },
    hint: 'it may be the key of another vault: move it away, or choose another path',
    cause,
  });
}

/** Looks at the file that was opened, not at its name: links are common where keys are mounted. */
function readPrivateText(path: string): string {
  const file = openExisting(path);
  try {
    const stat = fstatSync(file);
    if (!stat.isFile() || stat.size > BYTES_MAX) throw notKeyFile(path);
    requirePrivateMode(stat, { path, what: 'the key file' });
    const bytes = readFileSync(file);
    const text = bytes.toString('utf8');
    bytes.fill(0);
    return text;
  } finally {
    closeSync(file);
  }
}

function openExisting(path: string): number {
  try {
    // Opening a pipe would otherwise wait for its writer.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const missing = hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR');
    throw new StrongroomError(
      'key_not_found',
      missing ? `there is no key file at ${path}` : `the key file ${path} cannot be read`,
      { details: { path }, cause: error },
    );
  }
}

function notKeyFile(path: string): StrongroomError {
  return new StrongroomError('wrong_key', `${path} is not a key file, or was altered`, {
    details: { path },
    hint: 'a key file has one line that begins with sr_key_',
  });
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
