import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import { KEY_USES } from '../../store/protected-tables.ts';
import type { RowMac } from '../../store/row-mac.ts';
import { insertRow, updateRow } from '../../store/rows.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { Transaction } from '../../store/store.ts';
import type { KeyUsesRow } from '../../store/tables.ts';

/** The hard stop of a workspace key: it never wraps more data keys than this. */
const USES_MAX = 2 ** 30;

/** There is one writer on SQLite; nodes of a cluster count apart. */
const NODE = 'local';

const usesOf = statement((db, p: Parameters<{ keyId: string; node: string }>) =>
  db
    .selectFrom('key_uses')
    .selectAll()
    .where('key_id', '=', p('keyId'))
    .where('node', '=', p('node')),
);

/**
 * Counts the data keys that workspace keys wrap in one transaction, and stores
 * the counts once at its end. A change that is undone stays counted: the count
 * is never less than the truth.
 */
export class KeyUses {
  readonly #transaction: Transaction;
  readonly #mac: RowMac;
  readonly #counted: Map<string, { readonly row: KeyUsesRow; added: number }> = new Map();

  constructor(transaction: Transaction, mac: RowMac) {
    this.#transaction = transaction;
    this.#mac = mac;
  }

  /** Begins to count the uses of a workspace key that was made. */
  async begin(keyId: string): Promise<void> {
    const row = { key_id: keyId, node: NODE, uses: 0 };
    await insertRow(this.#transaction, this.#mac, KEY_USES, row);
  }

  /**
   * Counts one more use.
   *
   * @throws {@link StrongroomError} `integrity_error` beyond 2³⁰ uses, and if the key's count is gone.
   */
  async count(keyId: string): Promise<void> {
    let counted = this.#counted.get(keyId);
    if (counted === undefined) {
      const row = await this.#transaction.get(usesOf, { keyId, node: NODE });
      if (row === undefined) {
        throw new StrongroomError(
          'integrity_error',
          'the uses of a workspace key are not counted',
          {
            details: { key: keyId },
            hint: DAMAGED_HINT,
          },
        );
      }
      this.#mac.check(KEY_USES, row);
      counted = { row, added: 0 };
      this.#counted.set(keyId, counted);
    }
    if (counted.row.uses + counted.added >= USES_MAX) {
      throw new StrongroomError('integrity_error', 'the workspace key has been used too often', {
        details: { key: keyId },
        hint: 'rotate the workspace key',
      });
    }
    counted.added += 1;
  }

  /** Stores what was counted. */
  async flush(): Promise<void> {
    for (const { row, added } of this.#counted.values()) {
      const set = { uses: row.uses + added };
      await updateRow(this.#transaction, this.#mac, KEY_USES, { from: row, set });
    }
    this.#counted.clear();
  }
}
