import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';

import type { Session } from '../core/session.ts';
import { StrongroomError } from '../errors.ts';
import { utf8Decode } from '../lib/bytes.ts';
import type { SlotKey } from '../seal/slot.ts';
import { SecretValue } from '../secret-value.ts';
import {
  findVault,
  locateVault,
  PROJECT_CONFIG,
  readProjectConfig,
  type Setting,
} from './project.ts';
import type { Terminal } from './terminal.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  readonly path?: string;
  readonly json?: boolean;
  readonly yes?: boolean;
  readonly workspace?: string;
  readonly principal?: string;
  readonly keyFile?: string;
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
  { waitMs, keys }: { readonly waitMs?: number; readonly keys?: readonly SlotKey[] } = {},
): Promise<T> {
  // Loaded here, because help, completion and the offline verifier do without.
  const { openVault } = await import('../core/open-vault.ts');
  const { createSession } = await import('../core/session.ts');
  const vault = await openVault(findVault(options.path), {
    keys: keys ?? (await keysOf(options, terminal)),
    holder: `strongroom ${process.argv[2] ?? ''}`.trim(),
    acceptRollback: options.acceptRollback,
    waitMs,
  });
  try {
    const context = { principal: principalOf(options).value, userAgent: 'strongroom-cli' };
    return await work(createSession(vault, context, 'cli'));
  } finally {
    await vault.close();
    if (vault.outsideFault !== undefined) {
      terminal.note(
        'the checkpoint beside the key file could not be written: an older copy of the vault would go unnoticed',
      );
    }
  }
}

/** Who acts: `--principal`, then `STRONGROOM_PRINCIPAL`, then the operating system's user. */
export function principalOf(options: GlobalOptions): Setting {
  if (options.principal !== undefined) return { value: options.principal, source: '--principal' };
  const variable = process.env['STRONGROOM_PRINCIPAL'] ?? '';
  if (variable !== '') return { value: variable, source: 'STRONGROOM_PRINCIPAL' };
  return { value: systemUser(), source: 'the system user' };
}

/** The name of the operating system's user, who `init` makes owner. */
export function currentUser(): string {
  return principalOf({}).value;
}

function systemUser(): string {
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
  // Without a vault nobody should be asked for a value first.
  findVault(options.path);
  const { value } = settledEnvironment(named, options);
  if (named === undefined) terminal.note(`environment ${value}`);
  return value;
}

/** As {@link environmentOf}, saying where that is settled. */
export function settledEnvironment(named: string | undefined, options: GlobalOptions): Setting {
  if (named !== undefined) return { value: named, source: '--environment' };
  const variable = process.env['STRONGROOM_ENVIRONMENT'] ?? '';
  if (variable !== '') return { value: variable, source: 'STRONGROOM_ENVIRONMENT' };
  const vault = locateVault(options.path);
  const project = vault === undefined ? undefined : readProjectConfig(vault.value).environment;
  if (project !== undefined) return { value: project, source: PROJECT_CONFIG };
  return { value: DEFAULT_ENVIRONMENT, source: 'default' };
}

/** What would open the vault: the kind of key, and the option or variable that says so; never a key. */
export function settledKey(options: GlobalOptions): Setting {
  if (options.recoveryFile !== undefined) {
    return { value: `recovery key in ${options.recoveryFile}`, source: '--recovery-file' };
  }
  if (options.shareFile !== undefined && options.shareFile.length > 0) {
    return { value: `${options.shareFile.length} Shamir shares`, source: '--share-file' };
  }
  if (options.passphraseFile !== undefined) {
    const place =
      options.passphraseFile === '-' ? 'that is asked for' : `in ${options.passphraseFile}`;
    return { value: `passphrase ${place}`, source: '--passphrase-file' };
  }
  if (options.keyFile !== undefined) return { value: options.keyFile, source: '--key-file' };
  const keyFile = process.env['STRONGROOM_KEY_FILE'] ?? '';
  if (keyFile !== '') return { value: keyFile, source: 'STRONGROOM_KEY_FILE' };
  if ((process.env['STRONGROOM_MASTER_KEY'] ?? '') !== '') {
    return { value: '(hidden)', source: 'STRONGROOM_MASTER_KEY' };
  }
  return { value: "the vault's key file", source: 'default' };
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
  const keyFile = options.keyFile ?? process.env['STRONGROOM_KEY_FILE'];
  if (keyFile !== undefined && keyFile !== '') return [{ kind: 'keyfile', path: keyFile }];
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
