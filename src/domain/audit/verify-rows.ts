import {
  ATTEMPTS,
  FACTOR_USES,
  FACTORS,
  JOBS,
  KEY_USES,
  LAYOUTS,
  VERIFY_ATTEMPTS,
} from '../../store/protected-tables.ts';
import type { ProtectedTable, RowMac } from '../../store/row-mac.ts';
import { query } from '../../store/statement.ts';
import type { Transaction } from '../../store/store.ts';
import type { ProtectedColumns, TableName } from '../../store/tables.ts';

/** Tables that are neither counted nor read whenever the vault is opened. */
const SELDOM_READ = [
  LAYOUTS,
  VERIFY_ATTEMPTS,
  JOBS,
  KEY_USES,
  FACTORS,
  FACTOR_USES,
  ATTEMPTS,
] as const;

/**
 * Checks the rows of the tables that nobody may ask for in a long time.
 *
 * @throws {@link StrongroomError} `integrity_error` naming the table and the row.
 */
export async function verifySeldomRead(transaction: Transaction, mac: RowMac): Promise<void> {
  for (const { table, ...rest } of SELDOM_READ) {
    const rows = await transaction.all(
      query((db) => db.selectFrom(table).selectAll()),
      {},
    );
    const declared = { table, ...rest } as ProtectedTable<TableName>;
    for (const row of rows as readonly ProtectedColumns[]) mac.check(declared, row);
  }
}
