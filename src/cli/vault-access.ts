import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';

import { openVault } from '../core/open-vault.ts';
import { createSession, type Session } from '../core/session.ts';
import { StrongroomError } from '../errors.ts';
import { utf8Decode } from '../lib/bytes.ts';
import type { SlotKey } from '../seal/slot.ts';
import { SecretValue } from '../secret-value.ts';
import { findVault, readProjectConfig } from './project.ts';
import type { Terminal } from './terminal.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  readonly path?: string;
  readonly json?: boolean;
  readonly yes?: boolean;
  readonly workspace?: string;
  readonly principal?: string;
  readonly passphraseFile?: string;
  readonly recoveryFile?: string;
  readonly shareFile?: readonly string[];
  readonly acceptRollback?: boolean;
}

const DEFAULT_ENVIRONMENT = 'development';

/** Opens the vault, runs `work` as the caller, and closes it again whatever happens. */
export async function withSession<T>(
  options: GlobalOptions,
  terminal: Terminal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const vault = await openVault(findVault(options.path), {
    keys: await keysOf(options, terminal),
    holder: `strongroom ${process.argv[2] ?? ''}`.trim(),
    acceptRollback: options.acceptRollback,
  });
  try {
    const context = { principal: options.principal ?? currentUser(), userAgent: 'strongroom-cli' };
    return await work(createSession(vault, context, 'cli'));
  } finally {
    await vault.close();
  }
}

/** The name of the operating system's user, who `init` makes owner. */
export function currentUser(): string {
  const named = process.env['STRONGROOM_PRINCIPAL'];
  if (named !== undefined && named !== '') return named;
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? 0}`;
  }
}

/**
 * The environment to use: `-e`, then `STRONGROOM_ENVIRONMENT`, then the
 * project's setting, then `development`. Says which, if it was not named.
 */
export function environmentOf(
  named: string | undefined,
  options: GlobalOptions,
  terminal: Terminal,
): string {
  if (named !== undefined) return named;
  const variable = process.env['STRONGROOM_ENVIRONMENT'];
  const chosen =
    variable !== undefined && variable !== ''
      ? variable
      : (readProjectConfig(findVault(options.path)).environment ?? DEFAULT_ENVIRONMENT);
  terminal.note(`environment ${chosen}`);
  return chosen;
}

/** What opens the vault, as options and variables say; `undefined` is the key file. */
async function keysOf(
  options: GlobalOptions,
  terminal: Terminal,
): Promise<readonly SlotKey[] | undefined> {
  if (options.recoveryFile !== undefined) {
    return [{ kind: 'recovery', token: readSecretFile(options.recoveryFile) }];
  }
  if (options.shareFile !== undefined && options.shareFile.length > 0) {
    return [{ kind: 'shamir', shares: options.shareFile.map(readSecretFile) }];
  }
  if (options.passphraseFile !== undefined) {
    const passphrase =
      options.passphraseFile === '-'
        ? await terminal.askSecret('Passphrase')
        : readSecretFile(options.passphraseFile);
    return [{ kind: 'passphrase', passphrase }];
  }
  const key = process.env['STRONGROOM_MASTER_KEY'];
  if (key !== undefined && key !== '') return [{ kind: 'env', key: SecretValue.text(key) }];
  return undefined;
}

/**
 * A secret that a file holds, without the line end that editors add.
 *
 * @throws {@link StrongroomError} `file_not_found`.
 */
export function readSecretFile(path: string): SecretValue {
  let content: Uint8Array;
  try {
    content = readFileSync(path);
  } catch (cause) {
    throw new StrongroomError('file_not_found', `the file ${path} cannot be read`, { cause });
  }
  return SecretValue.text(utf8Decode(content).replace(/\r?\n$/, ''));
}
