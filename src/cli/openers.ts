import { existsSync } from 'node:fs';

import { Option, type Command } from 'commander';

import type { UnsealedVault } from '../core/vault.ts';
import { keyFileCandidates } from '../seal/locations.ts';
import type { SlotKey } from '../seal/slot.ts';
import { SecretValue } from '../secret-value.ts';
import { collect } from './global-options.ts';
import { findVault } from './project.ts';
import { readOrAsk } from './read-secret.ts';
import type { Terminal } from './terminal.ts';
import type { GlobalOptions } from './vault-access.ts';

/** Options that bring what opens slots, besides what opens the vault itself. */
export interface OpenerOptions {
  readonly withKeyFile?: readonly string[];
  readonly withPassphraseFile?: readonly string[];
  readonly withRecoveryFile?: readonly string[];
  readonly withShareFile?: readonly string[];
  readonly withEnv?: boolean;
}

/** Adds the options of {@link OpenerOptions} to a command. */
export function addOpenerOptions(command: Command): Command {
  const files: readonly (readonly [flags: string, description: string])[] = [
    ['--with-key-file <file>', 'a key file'],
    ['--with-passphrase-file <file>', 'the passphrase in a file (- asks for it)'],
    ['--with-recovery-file <file>', 'the recovery key in a file (- asks for it)'],
    ['--with-share-file <file>', 'a share in a file, once for each (- asks for it)'],
  ];
  for (const [flags, description] of files) {
    command.addOption(new Option(flags, description).argParser(collect));
  }
  return command.option('--with-env', 'the key in STRONGROOM_MASTER_KEY');
}

/** Keys that are wiped at the end of a `using` block. */
export interface HeldKeys extends Disposable {
  /** `undefined`: the vault's key file. */
  readonly keys: readonly SlotKey[] | undefined;
}

/** Takes keys over, to wipe them. */
export function holdKeys(keys: readonly SlotKey[] | undefined): HeldKeys {
  return {
    keys,
    [Symbol.dispose]() {
      for (const key of keys ?? []) for (const value of valuesOf(key)) value.wipe();
    },
  };
}

function valuesOf(key: SlotKey): readonly SecretValue[] {
  switch (key.kind) {
    case 'passphrase':
      return [key.passphrase];
    case 'recovery':
      return [key.token];
    case 'env':
      return [key.key];
    case 'shamir':
      return key.shares;
    default:
      return [];
  }
}

/** What the options bring, read or asked for. */
export async function openersOf(options: OpenerOptions, terminal: Terminal): Promise<HeldKeys> {
  const openers: SlotKey[] = [];
  const held = holdKeys(openers);
  try {
    await collectOpeners(options, terminal, openers);
    return held;
  } catch (error) {
    held[Symbol.dispose]();
    throw error;
  }
}

/** Adds one after another, so that what was taken is known when a later one fails. */
async function collectOpeners(
  options: OpenerOptions,
  terminal: Terminal,
  openers: SlotKey[],
): Promise<void> {
  for (const path of options.withKeyFile ?? []) openers.push({ kind: 'keyfile', path });
  for (const file of options.withPassphraseFile ?? []) {
    openers.push({ kind: 'passphrase', passphrase: await readOrAsk(file, 'Passphrase', terminal) });
  }
  for (const file of options.withRecoveryFile ?? []) {
    openers.push({ kind: 'recovery', token: await readOrAsk(file, 'Recovery key', terminal) });
  }
  const files = options.withShareFile ?? [];
  if (files.length > 0) {
    const shares: SecretValue[] = [];
    openers.push({ kind: 'shamir', shares });
    for (const [at, file] of files.entries()) {
      shares.push(await readOrAsk(file, `Share ${at + 1} of ${files.length}`, terminal));
    }
  }
  if (options.withEnv === true) {
    const key = SecretValue.text(process.env['STRONGROOM_MASTER_KEY'] ?? '');
    openers.push({ kind: 'env', key });
  }
}

/** What opened the vault: the keys that were named, or else the vault's key file. */
export function openedWith(
  options: GlobalOptions,
  keys: readonly SlotKey[] | undefined,
  vault: UnsealedVault,
): readonly SlotKey[] {
  if (keys !== undefined) return keys;
  const candidates = keyFileCandidates(findVault(options.path), vault.id);
  const path = candidates.find((candidate) => existsSync(candidate));
  return path === undefined ? [] : [{ kind: 'keyfile', path }];
}
