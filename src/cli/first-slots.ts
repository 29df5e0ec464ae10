import { resolve } from 'node:path';

import type { FirstSlot, NewVault } from '../core/init-vault.ts';
import { StrongroomError } from '../errors.ts';
import { wipe } from '../lib/bytes.ts';
import { newPassphraseBytes } from '../seal/passphrase.ts';
import type { SlotKdf, SlotKey } from '../seal/slot.ts';
import { SecretValue } from '../secret-value.ts';
import { askTwice } from './ask-twice.ts';
import { readSecretFile } from './read-secret.ts';
import type { Terminal } from './terminal.ts';

/** The seals that `init` can begin with. */
export const SEALS: readonly ['keyfile', 'passphrase', 'env', 'shamir'] = [
  'keyfile',
  'passphrase',
  'env',
  'shamir',
];

/** How `init` was asked to seal. */
export interface SealOptions {
  readonly seal?: readonly string[];
  readonly keyFile?: string;
  readonly passphraseFile?: string;
  /** The option that names that file, for hints. Default: `--passphrase-file`. */
  readonly passphraseOption?: string;
  readonly kdf?: SlotKdf;
  /** Such as `3/5`. */
  readonly shamir?: string;
}

/**
 * The slots of a new vault, as options say; asks for a passphrase.
 *
 * @throws {@link StrongroomError} `usage` if options do not go together, or nobody can be asked.
 */
export async function firstSlots(options: SealOptions, terminal: Terminal): Promise<FirstSlot[]> {
  const kinds = new Set(options.seal ?? []);
  if (options.shamir !== undefined) kinds.add('shamir');
  if (options.keyFile !== undefined || kinds.size === 0) kinds.add('keyfile');
  const slots: FirstSlot[] = [];
  for (const kind of kinds) slots.push(await firstSlot(kind, options, terminal));
  return slots;
}

/**
 * The kinds of seals that the options of `init` ask for: a file that is named is for a seal of its kind.
 *
 * @throws {@link StrongroomError} `usage` for a derivation without a passphrase.
 */
export function sealsAsked({ seal = [], passphraseFile, kdf }: SealOptions): readonly string[] {
  const hasPassphrase = seal.includes('passphrase') || passphraseFile !== undefined;
  if (kdf !== undefined && !hasPassphrase) {
    throw new StrongroomError('usage', '--kdf is for a passphrase, and none was asked for', {
      hint: 'say --seal passphrase, or --passphrase-file FILE',
    });
  }
  return hasPassphrase ? [...seal, 'passphrase'] : seal;
}

/** What opens a vault that was just made. */
export function keysOfNewVault(slots: readonly FirstSlot[], made: NewVault): SlotKey[] {
  const shares = made.shares;
  return slots.flatMap((slot): SlotKey[] => {
    switch (slot.kind) {
      case 'keyfile':
        return made.keyFiles.map((path) => ({ kind: 'keyfile', path }));
      case 'passphrase':
        return [{ kind: 'passphrase', passphrase: slot.passphrase }];
      case 'env':
        return [{ kind: 'env', key: slot.key }];
      case 'shamir':
        return shares === undefined ? [] : [{ kind: 'shamir', shares }];
      default:
        return [];
    }
  });
}

async function firstSlot(
  kind: string,
  options: SealOptions,
  terminal: Terminal,
): Promise<FirstSlot> {
  switch (kind) {
    case 'keyfile':
      return options.keyFile === undefined
        ? { kind: 'keyfile' }
        : { kind: 'keyfile', path: resolve(options.keyFile) };
    case 'passphrase': {
      const passphrase = await newPassphrase(options, terminal);
      return { kind: 'passphrase', passphrase, kdf: options.kdf ?? 'argon2id' };
    }
    case 'env':
      return { kind: 'env', key: masterKey() };
    case 'shamir':
      return { kind: 'shamir', ...split(options.shamir) };
    default:
      throw new StrongroomError('usage', 'that is not a kind of seal', {
        hint: `it is one of ${SEALS.join(', ')}`,
      });
  }
}

async function newPassphrase(
  { passphraseFile: file, passphraseOption = '--passphrase-file' }: SealOptions,
  terminal: Terminal,
): Promise<SecretValue> {
  if (file !== undefined && file !== '-') return readSecretFile(file);
  if (!terminal.canAsk) {
    throw new StrongroomError('usage', 'there is no terminal to ask for a passphrase', {
      hint: `give it in a file with ${passphraseOption} FILE`,
    });
  }
  return askTwice(terminal, {
    noun: 'passphrase',
    check: (given) => wipe(newPassphraseBytes(given)),
  });
}

function masterKey(): SecretValue {
  const key = process.env['STRONGROOM_MASTER_KEY'];
  if (key !== undefined && key !== '') return SecretValue.text(key);
  throw new StrongroomError('key_not_found', 'STRONGROOM_MASTER_KEY is not set', {
    hint: 'make a key with: export STRONGROOM_MASTER_KEY="$(openssl rand -base64 32)"',
  });
}

function split(text: string | undefined): { readonly threshold: number; readonly shares: number } {
  const match = /^(\d{1,3})\/(\d{1,3})$/.exec(text ?? '');
  if (match === null) {
    throw new StrongroomError('usage', 'how many shares are made, and how many are needed?', {
      hint: 'say --shamir 3/5: any 3 of 5 shares open the vault',
    });
  }
  const [threshold, shares] = [Number(match[1]), Number(match[2])];
  if (threshold >= 2 && threshold <= shares && shares <= 255) return { threshold, shares };
  if (threshold > shares && shares >= 2) {
    throw new StrongroomError(
      'usage',
      `${threshold} shares cannot be needed where only ${shares} are made`,
      { hint: `say --shamir ${shares}/${threshold}: any ${shares} of ${threshold} shares` },
    );
  }
  throw new StrongroomError('usage', 'that many shares cannot be made', {
    hint: 'at least 2 are needed, and at most 255 made, as in --shamir 3/5',
  });
}
