import { existsSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

import type { FirstSlot, NewVault } from '../core/init-vault.ts';
import { StrongroomError } from '../errors.ts';
import type { SecretValue } from '../secret-value.ts';
import { createPrivateDirectory } from '../store/private-files.ts';
import { reserveFile, type ReservedFile } from './private-output.ts';
import type { Terminal } from './terminal.ts';

/** Where what is shown only once goes. */
export interface HandoverOptions {
  readonly recoveryFile?: string;
  readonly shareDirectory?: string;
  /** Whose it is, for people, where it may be one of several. */
  readonly of?: string;
}

/** Places for what a new vault hands over, taken before the vault is made. */
export class Handover implements Disposable {
  /** The slots to make, with `recovery` among them only if somebody gets its key. */
  readonly slots: readonly FirstSlot[];
  readonly #terminal: Terminal;
  /** Such as ` of the slot …`. */
  readonly #of: string;
  readonly #recovery: ReservedFile | undefined;
  readonly #shares: ReservedShares | undefined;

  /**
   * @throws {@link StrongroomError} `usage` if there is nobody to give shares to; `file_exists` and others
   * if a file cannot be made.
   */
  constructor(slots: readonly FirstSlot[], options: HandoverOptions, terminal: Terminal) {
    this.#terminal = terminal;
    this.#of = options.of === undefined ? '' : ` of ${options.of}`;
    const shamir = slots.find((slot) => slot.kind === 'shamir');
    if (shamir !== undefined && options.shareDirectory === undefined && !canShow(terminal)) {
      throw new StrongroomError('usage', 'there is no terminal to show the shares on', {
        hint: 'have them written with --share-directory DIRECTORY',
      });
    }
    const { recoveryFile, shareDirectory } = options;
    this.#shares =
      shamir === undefined || shareDirectory === undefined
        ? undefined
        : reserveShares(shareDirectory, shamir.shares);
    try {
      this.#recovery = recoveryFile === undefined ? undefined : reserveFile(recoveryFile);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
    const isWanted = this.#recovery !== undefined || (canShow(terminal) && !terminal.assumesYes);
    this.slots = isWanted ? [...slots, { kind: 'recovery' }] : slots;
  }

  /** Whether there is somebody to give a recovery key to. */
  get hasRecovery(): boolean {
    return this.slots.some((slot) => slot.kind === 'recovery');
  }

  /** Gives the recovery key and the shares to people, once. */
  give(made: Pick<NewVault, 'recovery' | 'shares'>): HandedOver {
    if (made.shares !== undefined) this.#giveShares(made.shares);
    if (made.recovery !== undefined) this.#giveRecovery(made.recovery);
    return {
      recoveryFile: this.#recovery?.path,
      shareFiles: this.#shares?.files.map(({ path }) => path),
    };
  }

  [Symbol.dispose](): void {
    this.#recovery?.[Symbol.dispose]();
    this.#shares?.[Symbol.dispose]();
  }

  #giveRecovery(recovery: SecretValue): void {
    using token = recovery;
    const text = token.reveal();
    if (this.#recovery !== undefined) {
      this.#recovery.write(`${text}\n`);
      return;
    }
    this.#terminal.show(
      [
        '',
        this.#terminal.bold(
          `Recovery key${this.#of}. It is shown only now, and it opens the vault by itself:`,
        ),
        '',
        `  ${text}`,
        '',
        'Keep it on paper or in a safe place apart from this machine.',
        'If the key file is lost: strongroom --recovery-file FILE …',
        '',
      ].join('\n'),
    );
  }

  #giveShares(shares: readonly SecretValue[]): void {
    if (this.#shares !== undefined) {
      for (const [at, file] of this.#shares.files.entries())
        file.write(`${shares[at]?.reveal() ?? ''}\n`);
      return;
    }
    this.#terminal.show(
      [
        '',
        this.#terminal.bold(
          `Shares${this.#of}. They are shown only now; give each to somebody else:`,
        ),
        '',
        ...shares.map((share, at) => `  ${at + 1}: ${share.reveal()}`),
        '',
      ].join('\n'),
    );
  }
}

/** Files with what was handed over. */
export interface HandedOver {
  readonly recoveryFile: string | undefined;
  readonly shareFiles: readonly string[] | undefined;
}

function canShow(terminal: Terminal): boolean {
  return terminal.isErrorTerminal || terminal.isOutputTerminal;
}

/** Places for all shares, in a directory that goes again if it was made for nothing. */
interface ReservedShares {
  readonly files: readonly ReservedFile[];
  [Symbol.dispose](): void;
}

function reserveShares(directory: string, count: number): ReservedShares {
  const isNew = !existsSync(directory);
  try {
    createPrivateDirectory(directory);
  } catch (cause) {
    throw new StrongroomError('read_only', `the directory ${directory} cannot be made`, { cause });
  }
  const files: ReservedFile[] = [];
  const reserved: ReservedShares = {
    files,
    [Symbol.dispose]() {
      for (const file of files) file[Symbol.dispose]();
      if (isNew && readdirSync(directory).length === 0) rmdirSync(directory);
    },
  };
  try {
    for (let share = 1; share <= count; share += 1) {
      files.push(reserveFile(join(directory, `share-${share}.txt`)));
    }
    return reserved;
  } catch (error) {
    reserved[Symbol.dispose]();
    throw error;
  }
}
