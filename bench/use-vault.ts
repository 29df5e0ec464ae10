import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { LIBRARY } from './vaults.ts';
import type { VaultPlace } from './vaults.ts';

/** What a new process does with a vault; without a place, nothing. */
export interface Use extends Partial<VaultPlace> {
  /** How many secrets the vault has. */
  readonly secrets?: number;
  /** Whether a page of 100 is listed first. */
  readonly list?: boolean;
  readonly reads?: number;
  readonly callers?: number;
}

/** What the process says of itself. */
export interface Used {
  readonly openMs: number;
  /** Milliseconds from the start of the process until everything was read. */
  readonly firstMs: number;
  /** Bytes that the process occupied after that. */
  readonly rss: number;
}

/** Arguments of Node that make a process use a vault. */
export function useArguments(use: Use): string[] {
  return [join(import.meta.dirname, 'children', 'use-vault.js'), LIBRARY, JSON.stringify(use)];
}

/** Uses a vault in a new process. */
export function useInNewProcess(use: Use): Used {
  const { status, stdout, stderr } = spawnSync(process.execPath, useArguments(use), {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`a process failed: ${stderr}`);
  return JSON.parse(stdout) as Used;
}
