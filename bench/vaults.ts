import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import type * as Strongroom from '../src/index.ts';
import { workDirectory } from './harness.ts';

/** Where a vault of a run is. */
export interface VaultPlace {
  readonly path: string;
  readonly configDirectory: string;
}

/** The principal that everything is done as. */
export const PRINCIPAL = 'bench';

/** The environment that the secrets are in. */
export const ENVIRONMENT = 'production';

/** The package's root. */
export const ROOT: string = join(import.meta.dirname, '..');

/** The compiled library: what is measured is what is shipped. */
export const LIBRARY: string = pathToFileURL(join(ROOT, 'dist', 'bundle', 'index.js')).href;

const BATCH = 10_000;

/** Loads the compiled library. */
export async function library(): Promise<typeof Strongroom> {
  return (await import(LIBRARY)) as typeof Strongroom;
}

/** The path of the secret with a number. Paths are sorted as their numbers are. */
export function pathOf(index: number): string {
  const digits = index.toString().padStart(7, '0');
  return `team-${digits.slice(0, 4)}/SERVICE_KEY_${digits}`;
}

/** A value of 40 characters. */
export function valueOf(index: number): string {
  return `not-a-real-secret-${index.toString().padStart(22, '0')}`;
}

/** Opens a vault and begins calls in it. */
export async function openVault(
  place: VaultPlace,
): Promise<{ readonly vault: Strongroom.Vault; readonly session: Strongroom.Session }> {
  const { open } = await library();
  const vault = await open(place);
  return {
    vault,
    session: vault.as({ principal: PRINCIPAL, ip: '192.0.2.7', userAgent: 'bench' }),
  };
}

/** A new vault without secrets. */
export async function newVault(directory: string): Promise<VaultPlace> {
  const place = { path: join(directory, 'vault'), configDirectory: join(directory, 'config') };
  const { init } = await library();
  await init({ ...place, owner: PRINCIPAL });
  return place;
}

/** Brings secrets in, 10,000 in a transaction. */
export async function fill(session: Strongroom.Session, count: number): Promise<void> {
  for (let from = 0; from < count; from += BATCH) {
    const length = Math.min(BATCH, count - from);
    const secrets = Array.from({ length }, (_, index) => ({
      path: pathOf(from + index),
      value: valueOf(from + index),
    }));
    await session.secrets.import({ environment: ENVIRONMENT, secrets });
  }
}

/**
 * A vault of `count` secrets, made by the library itself. The files of a run
 * share it, so they must leave its secrets as they are.
 */
export async function vaultOf(count: number): Promise<VaultPlace & { readonly buildMs?: number }> {
  const directory = join(workDirectory(), `secrets-${count}`);
  const place = { path: join(directory, 'vault'), configDirectory: join(directory, 'config') };
  if (existsSync(join(directory, 'complete'))) return place;
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  await newVault(directory);
  const { vault, session } = await openVault(place);
  const start = performance.now();
  await fill(session, count);
  const buildMs = performance.now() - start;
  await vault.close();
  writeFileSync(join(directory, 'complete.part'), '');
  renameSync(join(directory, 'complete.part'), join(directory, 'complete'));
  return { ...place, buildMs };
}
