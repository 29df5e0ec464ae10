import { DAMAGED_HINT, StrongroomError } from '../errors.ts';
import { VAULT } from './protected-tables.ts';
import type { RowMac } from './row-mac.ts';
import { statement } from './statement.ts';
import type { Transaction } from './store.ts';
import type { VaultRow } from './tables.ts';

const all = statement((db) => db.selectFrom('vault').selectAll());

/** The vault's own row before there are keys to check it with, or `undefined`. */
export function uncheckedVaultRow(transaction: Transaction): Promise<VaultRow | undefined> {
  return transaction.get(all, {});
}

/**
 * The vault's own row.
 *
 * @throws {@link StrongroomError} `integrity_error` if it is gone or was altered.
 */
export async function readVaultRow(transaction: Transaction, mac: RowMac): Promise<VaultRow> {
  const row = await uncheckedVaultRow(transaction);
  if (row === undefined) {
    throw new StrongroomError('integrity_error', 'the vault has no row of its own', {
      hint: DAMAGED_HINT,
    });
  }
  mac.check(VAULT, row);
  return row;
}
