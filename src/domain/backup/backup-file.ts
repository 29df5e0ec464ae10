import {
  closeSync,
  constants,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';

import { Sha256 } from '../../crypto/hash.ts';
import { StrongroomError } from '../../errors.ts';
import { isUuid, uuidv7 } from '../../lib/ids.ts';
import { translateFileError } from '../../store/file-errors.ts';
import { createPrivateDirectory, syncDirectory } from '../../store/private-files.ts';

const FILE_MODE = 0o600;
const WRITE_BYTES = 256 * 1024;
const NAME = /^strongroom-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-\d{8}T\d{6}\.\d{3}Z\.backup$/;
const PARTIAL = '.partial-';
/** A receipt that was not put in its place. */
const RECEIPT_PARTIAL = /\.receipt\.[0-9a-f-]{36}$/;
const PROOF = '.strongroom-proof-';

/** What this process is making at the moment, and so is nobody's leftover. */
const underWay = new Set<string>();

/** The name of a vault's backup of a moment. It never has a separator in it. */
export function backupName(vaultId: string, createdAt: number): string {
  if (!isUuid(vaultId)) throw new RangeError('a uuid was expected');
  const time = new Date(createdAt).toISOString().replaceAll(/[-:]/g, '');
  return `strongroom-${vaultId}-${time}.backup`;
}

/**
 * Makes the directory of backups if it is not there. It is never in the
 * vault's, which a backup has to outlive, by whatever way it is reached.
 *
 * @param vault - The vault's directory.
 * @returns Its path without links.
 * @throws {@link StrongroomError} `invalid_input` if it is a link, or in the vault's directory;
 * `read_only`, `storage_full`.
 */
export function prepareDirectory(directory: string, vault: string): string {
  const path = resolve(directory);
  try {
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true) {
      throw new StrongroomError('invalid_input', `${path} is a link`, {
        details: { path },
        hint: 'name the directory itself',
      });
    }
    const real = realPathOf(path);
    if (isWithin(real, realPathOf(resolve(vault)))) {
      throw new StrongroomError('invalid_input', `${path} is in the vault's directory`, {
        details: { path },
        hint: 'backups belong somewhere else, best on another disk',
      });
    }
    createPrivateDirectory(real);
    return real;
  } catch (error) {
    throw translateFileError(error);
  }
}

/** The path without links of what may not be there yet: that of the nearest parent that is, and the rest. */
function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    return join(realPathOf(dirname(path)), basename(path));
  }
}

function isWithin(path: string, directory: string): boolean {
  const way = relative(directory, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** How a backup's file is found: `there` as far as its size tells, `altered`, `missing`, or `unreachable` with its directory. */
export type FileState = 'there' | 'altered' | 'missing' | 'unreachable';

/** Looks whether the file of a backup is in its place. Nothing of it is read. */
export function fileState(path: string, sizeBytes: number): FileState {
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found !== undefined) {
      return found.isFile() && found.size === sizeBytes ? 'there' : 'altered';
    }
    return lstatSync(dirname(path), { throwIfNoEntry: false }) === undefined
      ? 'unreachable'
      : 'missing';
  } catch {
    return 'unreachable';
  }
}

/** The files in a directory that have the name of a backup of a vault, but for those that are being made. */
export function backupFilesIn(directory: string, vaultId: string): readonly string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isFile() && NAME.test(entry.name))
      .filter(({ name }) => name.startsWith(`strongroom-${vaultId}-`))
      .map(({ name }) => join(directory, name))
      .filter((path) => !underWay.has(path))
      .toSorted();
  } catch {
    return [];
  }
}

/** Ends the making of a backup: its file is listed by now, or nobody's. */
export function settleBackup(path: string): void {
  underWay.delete(path);
}

/** Removes what attempts that were killed have left of a vault's backups. */
export function removeLeftovers(directory: string, vaultId: string): void {
  const prefix = `strongroom-${vaultId}-`;
  for (const name of readdirSync(directory)) {
    const isUnfinished = name.includes(PARTIAL) || RECEIPT_PARTIAL.test(name);
    const isPartial = name.startsWith(prefix) && isUnfinished;
    const isProof = name.startsWith(`${PROOF}${vaultId}-`);
    const path = join(directory, name);
    if ((isPartial || isProof) && !underWay.has(path)) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}

/** Runs `work` with a new directory for a trial, which is removed afterwards. */
export async function withScratch<T>(
  directory: string,
  vaultId: string,
  work: (scratch: string) => Promise<T>,
): Promise<T> {
  const scratch = join(directory, `${PROOF}${vaultId}-${uuidv7()}`);
  underWay.add(scratch);
  try {
    createPrivateDirectory(scratch);
    return await work(scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
    underWay.delete(scratch);
  }
}

/** A file that is written beside its place, and put there whole. */
export class NewBackupFile {
  readonly path: string;
  readonly #partial: string;
  readonly #handle: FileHandle;
  readonly #digest: Sha256 = new Sha256();
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #bytes = 0;

  private constructor(path: string, partial: string, handle: FileHandle) {
    this.path = path;
    this.#partial = partial;
    this.#handle = handle;
  }

  /**
   * Begins a file of mode 0600. A link in its place is not followed.
   *
   * @throws {@link StrongroomError} `file_exists`, `read_only`, `storage_full`.
   */
  static async create(path: string): Promise<NewBackupFile> {
    requireNothing(path);
    const partial = `${path}${PARTIAL}${uuidv7()}`;
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    try {
      underWay.add(partial);
      const handle = await open(partial, flags, FILE_MODE);
      await handle.chmod(FILE_MODE);
      return new NewBackupFile(path, partial, handle);
    } catch (error) {
      underWay.delete(partial);
      throw translateFileError(error);
    }
  }

  /** Bytes so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds bytes, whose memory is kept until they are written. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#digest.update(bytes);
    this.#pending.push(bytes);
    this.#bytes += bytes.length;
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes >= WRITE_BYTES) await this.#flush();
  }

  /**
   * Ends the file with what follows from the hash of all before, and puts it in its place;
   * {@link settleBackup} is to follow.
   *
   * @throws {@link StrongroomError} `file_exists`, `storage_full`.
   */
  async finish(endOf: (digest: Uint8Array) => Uint8Array): Promise<void> {
    const end = endOf(this.#digest.digest());
    this.#pending.push(end);
    this.#bytes += end.length;
    await this.#flush();
    try {
      await this.#handle.sync();
      await this.#handle.close();
      // Until it is settled: it may be tried first, and is not listed before.
      underWay.add(this.path);
      putInPlace(this.#partial, this.path);
      underWay.delete(this.#partial);
    } catch (error) {
      underWay.delete(this.path);
      throw translateFileError(error);
    }
  }

  /** Takes back what was written. */
  async abandon(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    rmSync(this.#partial, { force: true });
    underWay.delete(this.#partial);
  }

  async #flush(): Promise<void> {
    const pieces = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    try {
      // Unlike `write`, it goes on after a short write, and fails where no more fits.
      for (const piece of pieces) await this.#handle.appendFile(piece);
    } catch (error) {
      throw translateFileError(error);
    }
  }
}

/**
 * Removes a backup and its receipt.
 *
 * @returns Whether there is nothing at its place any more; `false` if it is not a file that a backup can be.
 */
export function removeBackupFile(path: string): boolean {
  const isOurs = NAME.test(basename(path));
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return true;
  if (!isOurs || !found.isFile()) return false;
  rmSync(path, { force: true });
  rmSync(`${path}.receipt`, { force: true });
  return true;
}

function requireNothing(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
  throw new StrongroomError('file_exists', `there is something at ${path} already`, {
    details: { path },
    hint: 'name another directory with --to',
  });
}

/** With a link instead of a rename, a file that came meanwhile is not replaced. */
function putInPlace(from: string, to: string): void {
  try {
    linkSync(from, to);
    rmSync(from);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST') requireNothing(to);
    // Some file systems have no links.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error;
    closeSync(openSync(to, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, FILE_MODE));
    renameSync(from, to);
  }
  syncDirectory(resolve(to, '..'));
}
