import { openVault, type OpenVaultOptions } from '../core/open-vault.ts';
import { Scheduler, type ScheduleOptions } from '../core/scheduler.ts';
import { readSeals, type Seals } from '../core/seals.ts';
import type { UnsealedVault } from '../core/vault.ts';
import { StrongroomError } from '../errors.ts';
import { LOOPBACK } from '../lib/ip-networks.ts';
import type { SlotKey } from '../seal/slot.ts';

/** Options of a {@link VaultHolder}. */
export interface VaultHolderOptions extends Omit<OpenVaultOptions, 'keys' | 'by'> {
  readonly directory: string;
  /** The work that is due, while the vault is open. */
  readonly schedule?: ScheduleOptions | undefined;
  /** Told of the vault each time that it was opened. */
  readonly opened?: ((vault: UnsealedVault) => void) | undefined;
}

/** Who brings a key over the network. */
export type By = NonNullable<OpenVaultOptions['by']>;

/** How many may wait for their key to be tried: each costs a key derivation. */
const WAITING_MAX = 4;
const REFUSALS_MAX = 256;

/**
 * A vault that is sealed and unsealed while the server stands: at most one
 * attempt to open it is under way, and whoever may has it sealed again.
 */
export class VaultHolder {
  readonly #options: VaultHolderOptions;
  #vault: UnsealedVault | undefined;
  #scheduler: Scheduler | undefined;
  #seals: Seals | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  /** Keys that opened nothing, which go on record as soon as there is one that does. */
  readonly #refused: Map<string, number> = new Map();

  constructor(options: VaultHolderOptions) {
    this.#options = options;
  }

  /** The vault, unless it is sealed. */
  get vault(): UnsealedVault | undefined {
    return this.#vault?.isClosed === false ? this.#vault : undefined;
  }

  /** What would open the vault; known once it was sealed. */
  async seals(): Promise<Seals> {
    if (this.vault !== undefined) throw new TypeError('an open vault is not asked what opens it');
    await this.#letGo();
    this.#seals ??= await readSeals(this.#options.directory);
    return this.#seals;
  }

  /**
   * Opens the vault.
   *
   * @param keys - `undefined`: the vault's key file.
   * @throws {@link StrongroomError} as `openVault`; `rate_limited` while too many wait for their turn.
   */
  open(keys: readonly SlotKey[] | undefined, by?: By): Promise<void> {
    // Whoever is at the machine itself is not kept out by others who try keys.
    const isHere = LOOPBACK.has(by?.ip ?? '') === true;
    if (this.#waiting >= (isHere ? 4 * WAITING_MAX : WAITING_MAX)) {
      throw new StrongroomError('rate_limited', 'too many keys are tried at the moment', {
        details: { retryAfter: 1 },
      });
    }
    this.#waiting += 1;
    const turn = this.#turn.then(() => this.#open(keys, by));
    this.#turn = turn.catch(() => undefined);
    return turn.finally(() => {
      this.#waiting -= 1;
    });
  }

  /** Finishes what is under way, and lets go of the vault. */
  async close(): Promise<void> {
    await this.#turn;
    await this.#letGo();
  }

  async #open(keys: readonly SlotKey[] | undefined, by: By | undefined): Promise<void> {
    if (this.vault !== undefined) return;
    await this.#letGo();
    const { schedule, opened, ...options } = this.#options;
    try {
      this.#vault = await openVault(options.directory, { ...options, keys, by });
    } catch (error) {
      if (by !== undefined) this.#noteRefused(by, error);
      throw error;
    }
    this.#seals = undefined;
    this.#scheduler = new Scheduler(this.#vault, options.now ?? Date.now, schedule);
    this.#scheduler.start();
    opened?.(this.#vault);
    await this.#recordRefused(this.#vault);
  }

  async #letGo(): Promise<void> {
    const [vault, scheduler] = [this.#vault, this.#scheduler];
    this.#scheduler = undefined;
    await scheduler?.stop();
    await vault?.close();
    if (this.#vault === vault) this.#vault = undefined;
  }

  #noteRefused({ ip = '' }: By, error: unknown): void {
    const code = error instanceof StrongroomError ? error.code : 'internal';
    const source = `${ip} ${code}`;
    const key = this.#refused.has(source) || this.#refused.size < REFUSALS_MAX ? source : ' others';
    this.#refused.set(key, (this.#refused.get(key) ?? 0) + 1);
  }

  async #recordRefused(vault: UnsealedVault): Promise<void> {
    for (const [source, count] of this.#refused) {
      const [ip = '', reason = ''] = source.split(' ');
      await vault.recordEvent('vault.unseal', {
        outcome: 'failed',
        reason,
        count,
        face: 'rest',
        ...(ip === '' ? {} : { ip }),
      });
      this.#refused.delete(source);
    }
  }
}
