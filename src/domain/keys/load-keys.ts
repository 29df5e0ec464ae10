import type { Keyring } from '../../keys/keyring.ts';
import { KEYS } from '../../store/protected-tables.ts';
import type { RowMac } from '../../store/row-mac.ts';
import { statement } from '../../store/statement.ts';
import type { Transaction } from '../../store/store.ts';
import type { KeyRow } from '../../store/tables.ts';

const allKeys = statement((db) => db.selectFrom('keys').selectAll().orderBy('number'));

/**
 * Every key of the vault, in the order of their numbers.
 *
 * @throws {@link StrongroomError} `integrity_error`.
 */
export async function readKeys(transaction: Transaction, mac: RowMac): Promise<KeyRow[]> {
  const rows = await transaction.all(allKeys, {});
  for (const row of rows) mac.check(KEYS, row);
  return rows;
}

/**
 * Brings the keyring in line with the database, as this transaction sees it.
 *
 * @throws {@link StrongroomError} `integrity_error`; the keyring stays as it is.
 */
export async function loadKeys(
  transaction: Transaction,
  mac: RowMac,
  keyring: Keyring,
): Promise<void> {
  keyring.load(await readKeys(transaction, mac));
}
