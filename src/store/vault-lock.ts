import { lstatSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

import { StrongroomError } from '../errors.ts';
import { printable } from '../lib/printable.ts';
import { readRegularFile } from '../lib/regular-file.ts';
import { createPrivateFile } from './private-files.ts';
import { sqliteCode, translateSqliteError } from './sqlite-errors.ts';

const SQLITE_BUSY = 5;
const RETRY_MS = 25;
const FILE_MODE = 0o600;
const NOTICE_BYTES_MAX = 4096;
const HOLDER_LENGTH_MAX = 64;

/** What SQLite or this module opens by its name. */
const FILES: readonly string[] = [
  ...['vault.db', 'lock.db'].flatMap((name) =>
    ['', '-wal', '-shm', '-journal'].map((end) => name + end),
  ),
  'lock.json',
];

/** Keeps other processes out of a vault for as long as it is held. */
export interface VaultLock {
  /** Lets others who wait for one know that there was a change: see {@link lastMark}. */
  mark(): void;
  release(): void;
}

/** Options of {@link acquireVaultLock}. */
export interface VaultLockOptions {
  /** How long to wait for another holder, in milliseconds. Default 5,000. */
  readonly waitMs?: number;
  /** What to call this process when another one asks who holds the vault. */
  readonly holder: string;
}

/**
 * Takes the vault's lock: an exclusive transaction on `lock.db`, which the
 * kernel ends when the process dies. `lock.json` beside it only tells others
 * whom to look for; it decides nothing.
 *
 * @throws {@link StrongroomError} `vault_in_use` naming the holder; `read_only`; `not_a_vault` if
 * a link, a pipe or the like has the name of one of the vault's files.
 */
export async function acquireVaultLock(
  directory: string,
  { waitMs = 5_000, holder }: VaultLockOptions,
): Promise<VaultLock> {
  const path = join(directory, 'lock.db');
  const noticePath = join(directory, 'lock.json');
  const deadline = performance.now() + waitMs;
  requireRegularFiles(directory);
  let db: DatabaseSync;
  try {
    createPrivateFile(path);
    createPrivateFile(noticePath);
    db = new DatabaseSync(path, { timeout: 0 });
  } catch (error) {
    throw readOnlyDirectory(error);
  }
  for (;;) {
    try {
      db.exec('BEGIN EXCLUSIVE');
      break;
    } catch (error) {
      if (sqliteCode(error) !== SQLITE_BUSY) {
        db.close();
        throw translateSqliteError(error);
      }
      if (performance.now() >= deadline) {
        db.close();
        throw inUse(noticePath, waitMs);
      }
      await sleep(RETRY_MS);
    }
  }
  writeNotice(noticePath, holder);
  return { mark: () => mark(path), release: () => db.close() };
}

/**
 * When something was changed in a vault last, as far as it was marked: the
 * time of modification of `lock.db`, in which nothing is ever written. It only
 * says when it is worth to look, and decides nothing.
 *
 * @returns Milliseconds since 1970, or `undefined` if it cannot be told.
 */
export function lastMark(directory: string): number | undefined {
  try {
    return lstatSync(join(directory, 'lock.db')).mtimeMs;
  } catch {
    return undefined;
  }
}

function mark(path: string): void {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // Nobody is told then.
  }
}

/**
 * A vault may come with a project of somebody else's, where a link would have
 * any file of the user's written, and a pipe would be waited for.
 */
function requireRegularFiles(directory: string): void {
  for (const name of FILES) {
    const path = join(directory, name);
    if (isOther(path)) {
      throw new StrongroomError('not_a_vault', `${path} is a link or no regular file`, {
        details: { path },
        hint: 'it is not followed; if you did not put it there, do not trust this directory',
      });
    }
  }
}

function isOther(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isFile() === false;
  } catch {
    // What cannot be looked at cannot be opened either, which is told then.
    return false;
  }
}

/**
 * Puts the notice in the place of the old one, whatever that is. It only helps
 * people, so it is not synced, and a full disk is left to be found by what matters.
 */
function writeNotice(path: string, holder: string): void {
  // Only whoever holds the lock writes it, so one name is enough and nothing piles up.
  const temporary = `${path}.new`;
  const text = JSON.stringify({ pid: process.pid, holder, since: new Date() });
  try {
    rmSync(temporary, { force: true });
    try {
      // With `wx` a link is not followed either.
      writeFileSync(temporary, text, { flag: 'wx', mode: FILE_MODE });
      renameSync(temporary, path);
    } finally {
      rmSync(temporary, { force: true });
    }
  } catch {
    // The lock is held all the same.
  }
}

function readOnlyDirectory(error: unknown): StrongroomError {
  return new StrongroomError(
    'read_only',
    "the vault's directory cannot be written, and every access has to be recorded",
    { hint: 'make the directory writable for you, or copy the vault to where it is', cause: error },
  );
}

function inUse(noticePath: string, waitMs: number): StrongroomError {
  const { pid, holder } = readNotice(noticePath);
  return new StrongroomError(
    'vault_in_use',
    `the vault is in use by process ${pid} (${holder}); waited ${(waitMs / 1000).toFixed(1)} s`,
    { details: { pid, holder }, hint: 'close that program, or try again when it is done' },
  );
}

function readNotice(path: string): { pid: string; holder: string } {
  try {
    if (lstatSync(path).size > NOTICE_BYTES_MAX) throw new RangeError('this is no notice');
    const text = new TextDecoder().decode(readRegularFile(path));
    const notice = JSON.parse(text) as { pid?: unknown; holder?: unknown };
    return {
      pid: Number.isSafeInteger(notice.pid) ? String(notice.pid) : 'unknown',
      holder: typeof notice.holder === 'string' ? shortened(notice.holder) : 'unknown',
    };
  } catch {
    return { pid: 'unknown', holder: 'unknown' };
  }
}

/** Whoever can write the directory chooses the text. */
function shortened(holder: string): string {
  return printable(Array.from(holder).slice(0, HOLDER_LENGTH_MAX).join(''));
}
