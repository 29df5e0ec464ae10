import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync, appendFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { init, open, StrongroomError, type ErrorCode, type Vault } from '../../src/index.ts';
import { sha256, valueOf, type LedgerLine } from './ledger.ts';

export const isRoot: boolean = process.getuid?.() === 0;

/**
 * Whether tests with a need can run here. If not, that is said where somebody
 * sees it, and is a failure in CI: there nothing may be left out unnoticed.
 */
export function canRun(isMet: boolean, tests: string, need: string): boolean {
  if (isMet) return true;
  const message = `fault tests ${tests} need ${need}`;
  if ((process.env['CI'] ?? '') !== '') throw new Error(message);
  process.stderr.write(`${message}: skipped\n`);
  return false;
}

/** A directory that goes away with its mounts when it is disposed of. */
export class Scratch implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), 'strongroom-faults-'));
  readonly #mounts: string[] = [];

  /** A path below the directory. */
  at(...parts: readonly string[]): string {
    return join(this.path, ...parts);
  }

  /** Mounts a small file system in memory. */
  mount(name: string, options: string): string {
    const place = this.at(name);
    mkdirSync(place);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `${options},mode=0700`, 'tmpfs', place]);
    this.#mounts.push(place);
    return place;
  }

  [Symbol.dispose](): void {
    for (const place of this.#mounts.splice(0)) execFileSync('umount', ['-l', place]);
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Where a vault and its keys are. */
export interface Place {
  readonly path: string;
  readonly configDirectory: string;
}

export const environment = 'development';

/** A vault with a few secrets, and what was acknowledged about them. */
export async function makeVault(place: Place, paths: readonly string[]): Promise<LedgerLine[]> {
  await init({ ...place, owner: 'ada' });
  await using vault = await open(place);
  const acks: LedgerLine[] = [];
  for (const path of paths) acks.push(await write(vault, path));
  return acks;
}

/** Writes the value that belongs to a path; resolves to the ledger's line about it. */
export async function write(vault: Vault, path: string): Promise<LedgerLine> {
  const value = valueOf(path, 1);
  await vault.as({ principal: 'ada' }).secrets.create({ environment, path, value });
  return { op: 'create', path, version: 1, sha256: sha256(value), outcome: 'ok' };
}

/** Reads the value of a path. */
export async function read(vault: Vault, path: string): Promise<string> {
  const found = await vault.as({ principal: 'ada' }).secrets.read({ environment, path });
  return found.value?.reveal() ?? '';
}

/** The code that a call fails with; `undefined` if it does not fail. Anything but our error is thrown on. */
export async function codeOf(call: Promise<unknown>): Promise<ErrorCode | undefined> {
  return (await errorOf(call))?.code;
}

/** The error that a call fails with, or `undefined`. */
export async function errorOf(call: Promise<unknown>): Promise<StrongroomError | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    if (error instanceof StrongroomError) return error;
    throw error;
  }
}

/** Fills a file system up, to the last block. */
export function fill(directory: string): string {
  const ballast = join(directory, 'ballast');
  writeFileSync(ballast, '');
  for (let size = 1 << 20; size >= 1; size = Math.floor(size / 8)) {
    try {
      for (;;) appendFileSync(ballast, Buffer.alloc(size, 1));
    } catch {
      // Smaller pieces may still fit.
    }
  }
  return ballast;
}
