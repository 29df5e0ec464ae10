import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

import { StrongroomError } from '../errors.ts';
import { createPrivateFile } from './private-files.ts';
import { sqliteCode, translateSqliteError } from './sqlite-errors.ts';

const SQLITE_BUSY = 5;
const RETRY_MS = 25;

/** Keeps other processes out of a vault for as long as it is held. */
export interface VaultLock {
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
 * @throws {@link StrongroomError} `vault_in_use` naming the holder; `read_only`.
 */
export async function acquireVaultLock(
  directory: string,
  { waitMs = 5_000, holder }: VaultLockOptions,
): Promise<VaultLock> {
  const path = join(directory, 'lock.db');
  const noticePath = join(directory, 'lock.json');
  const deadline = performance.now() + waitMs;
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
  return { release: () => db.close() };
}

/** The notice only helps people, so a full disk is left to be found by what matters. */
function writeNotice(path: string, holder: string): void {
  try {
    writeFileSync(path, JSON.stringify({ pid: process.pid, holder, since: new Date() }));
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
    const notice = JSON.parse(readFileSync(path, 'utf8')) as { pid?: unknown; holder?: unknown };
    return {
      pid: typeof notice.pid === 'number' ? String(notice.pid) : 'unknown',
      holder: typeof notice.holder === 'string' ? notice.holder : 'unknown',
    };
  } catch {
    return { pid: 'unknown', holder: 'unknown' };
  }
}
