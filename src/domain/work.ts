import type { Keyring } from '../keys/keyring.ts';
import type { RowMac } from '../store/row-mac.ts';
import type { Transaction } from '../store/store.ts';
import type { KeyUses } from './keys/key-uses.ts';
import type { RecentSecrets } from './secrets/recent-secrets.ts';

/** What a domain function works with: one transaction, the keys, and who acts when. */
export interface Work {
  readonly transaction: Transaction;
  readonly mac: RowMac;
  readonly keyring: Keyring;
  /** Counts what workspace keys wrap in this transaction. */
  readonly keyUses: KeyUses;
  /** Secrets that were read before, where that pays. */
  readonly recent?: RecentSecrets | undefined;
  /** Milliseconds since 1970; the same for everything in one call. */
  readonly now: number;
  /** Principal id of the caller. */
  readonly actor: string;
}

/** What it takes to decrypt what was read. */
export type OpeningWork = Pick<Work, 'keyring'>;
