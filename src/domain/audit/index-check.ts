import { setImmediate as nextTurn } from 'node:timers/promises';

import { sha256 } from '../../crypto/hash.ts';
import { randomBytes } from '../../crypto/random.ts';
import { toBase64Url } from '../../lib/base64.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { Transaction } from '../../store/store.ts';
import type { AuditIndexRow } from '../../store/tables.ts';
import { indexedSize, pathOf } from './entry-index.ts';
import type { StoredBody } from './log-queries.ts';

const PAGE = 4096;
const SALT_BYTES = 32;

const rowsAfter = statement((db, p: Parameters<AuditIndexRow & { limit: number }>) =>
  db
    .selectFrom('audit_index')
    .select(['path', 'log', 'seq'])
    .where((e) => e(e.refTuple('path', 'log', 'seq'), '>', e.tuple(p('path'), p('log'), p('seq'))))
    .orderBy('path')
    .orderBy('log')
    .orderBy('seq')
    .limit(p('limit')),
);

/**
 * Holds the index of entries by path against the entries that it should name.
 * The index is in another order than the log, so both sides are summed up by
 * hashes that nobody can foresee; that takes no memory, however long the log is.
 */
export class IndexCheck {
  readonly #log: number;
  readonly #indexed: number;
  readonly #salt: string = toBase64Url(randomBytes(SALT_BYTES));
  #size = 0;
  #sum = 0n;

  private constructor(log: number, indexed: number) {
    this.#log = log;
    this.#indexed = indexed;
  }

  /** Begins a check of the index as it is in a transaction's snapshot. */
  static async begin(transaction: Transaction, log: number): Promise<IndexCheck> {
    return new IndexCheck(log, (await transaction.get(indexedSize, { log }))?.size ?? 0);
  }

  /** Takes note of an entry; of each one, in order. */
  note({ seq, body }: StoredBody): void {
    this.#size = seq + 1;
    if (seq >= this.#indexed) return;
    const path = pathOf(body);
    if (path !== undefined) this.#sum += this.#hashOf(path, seq);
  }

  /** Whether the index names these entries, each once, and no others. */
  async isRight(transaction: Transaction): Promise<boolean> {
    let sum = 0n;
    let after: AuditIndexRow = { path: '', log: 0, seq: 0 };
    for (;;) {
      const rows = await transaction.all(rowsAfter, { ...after, limit: PAGE });
      for (const { path, log, seq } of rows) {
        if (log === this.#log) sum += this.#hashOf(path, seq);
      }
      const last = rows.at(-1);
      if (last === undefined) break;
      // Damaged text is not what it is read as, and the next page might begin before it again.
      if (!isBehind(last, after)) return false;
      after = last;
      await nextTurn();
    }
    return this.#indexed <= this.#size && BigInt.asUintN(64, sum - this.#sum) === 0n;
  }

  #hashOf(path: string, seq: number): bigint {
    const hash = sha256(`${this.#salt} ${seq} ${path}`);
    return new DataView(hash.buffer, hash.byteOffset).getBigUint64(0);
  }
}

/** Whether a row comes behind another one in the order of the index. */
function isBehind(row: AuditIndexRow, other: AuditIndexRow): boolean {
  const paths = Buffer.compare(Buffer.from(row.path), Buffer.from(other.path));
  return (paths || row.log - other.log || row.seq - other.seq) > 0;
}
