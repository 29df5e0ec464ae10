import { resolve } from 'node:path';

import { StrongroomError } from '../errors.ts';
import type { NewSlot, SlotKdf } from '../seal/slot.ts';
import type { SecretValue } from '../secret-value.ts';
import { firstSlots } from './first-slots.ts';
import { Handover, type HandedOver } from './recovery-kit.ts';
import type { Terminal } from './terminal.ts';

/** Options that say what a new slot opens with, and where what is shown only once goes. */
export interface NewSlotOptions {
  readonly newKeyFile?: string;
  readonly newPassphraseFile?: string;
  readonly newRecoveryFile?: string;
  readonly shareDirectory?: string;
  readonly kdf?: SlotKdf;
  /** Such as `3/5`. */
  readonly shamir?: string;
}

/** What was made and is given to people. */
export interface Given {
  readonly recovery?: SecretValue | undefined;
  readonly shares?: readonly SecretValue[] | undefined;
}

/**
 * A slot of a kind, as options say; asks for a new passphrase.
 *
 * @throws {@link StrongroomError} `usage` if options are missing, or nobody can be asked.
 */
export async function newSlotOf(
  kind: string,
  options: NewSlotOptions,
  terminal: Terminal,
): Promise<NewSlot> {
  const { newKeyFile, newPassphraseFile, kdf, shamir } = options;
  if (kind === 'recovery') return { kind: 'recovery' };
  if (kind === 'keyfile') {
    if (newKeyFile !== undefined) return { kind: 'keyfile', path: resolve(newKeyFile) };
    throw new StrongroomError('usage', 'where is the key file to be written?', {
      hint: 'say --new-key-file FILE; nothing may be there yet',
    });
  }
  const [slot] = await firstSlots(
    {
      seal: [kind],
      passphraseOption: '--new-passphrase-file',
      ...(newPassphraseFile === undefined ? {} : { passphraseFile: newPassphraseFile }),
      ...(kdf === undefined ? {} : { kdf }),
      ...(shamir === undefined || kind !== 'shamir' ? {} : { shamir }),
    },
    terminal,
  );
  return slot as NewSlot;
}

/**
 * Places for what new slots hand over, taken before it is given.
 *
 * @param of - Whose it is, for people, where it may be one of several.
 * @throws {@link StrongroomError} `usage` if nobody would see a recovery key or shares.
 */
export function handoverOf(
  slots: readonly NewSlot[],
  { newRecoveryFile, shareDirectory, of }: NewSlotOptions & { readonly of?: string },
  terminal: Terminal,
): Handover {
  const isRecovery = slots.some(({ kind }) => kind === 'recovery');
  const isShown = terminal.isErrorTerminal || terminal.isOutputTerminal;
  if (isRecovery && newRecoveryFile === undefined && !isShown) {
    throw new StrongroomError('usage', 'there is no terminal to show the recovery key on', {
      hint: 'have it written with --new-recovery-file FILE',
    });
  }
  return new Handover(
    slots,
    {
      ...(newRecoveryFile === undefined || !isRecovery ? {} : { recoveryFile: newRecoveryFile }),
      ...(shareDirectory === undefined ? {} : { shareDirectory }),
      ...(of === undefined ? {} : { of }),
    },
    terminal,
  );
}

/** Gives what was made to people, once, and wipes it. */
export function giveOver(handover: Handover, { recovery, shares }: Given): HandedOver {
  try {
    return handover.give({ recovery, shares });
  } finally {
    for (const share of shares ?? []) share.wipe();
  }
}

/** Asks for shares back, as many as are needed; of the slot that is named, if one is. */
export async function askBack(
  threshold: number,
  terminal: Terminal,
  slot?: string,
): Promise<SecretValue[]> {
  const of = slot === undefined ? '' : ` of the slot ${slot}`;
  const shares: SecretValue[] = [];
  try {
    for (let at = 1; at <= threshold; at += 1) {
      const question = `Share ${at} of ${threshold}${of}, to be sure that it is kept`;
      shares.push(await terminal.askSecret(question));
    }
    return shares;
  } catch (error) {
    for (const share of shares) share.wipe();
    throw error;
  }
}
