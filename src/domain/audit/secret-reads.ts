import { statement, type Parameters } from '../../store/statement.ts';
import type { Transaction } from '../../store/store.ts';

interface Reads {
  readonly secretId: string;
  readonly reads: number;
  readonly lastReadAt: number;
}

/** Only live secrets are counted: what was deleted meanwhile stays out. */
const add = statement((db, p: Parameters<Reads>) =>
  db
    .insertInto('secret_reads')
    .columns(['secret_id', 'reads', 'last_read_at'])
    .expression((e) =>
      e
        .selectFrom('secrets')
        .select(['id', e.val(p('reads')).as('reads'), e.val(p('lastReadAt')).as('last_read_at')])
        .where('id', '=', p('secretId'))
        .where('deleted_at', 'is', null),
    )
    .onConflict((conflict) =>
      conflict.column('secret_id').doUpdateSet((row) => ({
        reads: row('secret_reads.reads', '+', row.ref('excluded.reads')),
        last_read_at: row.fn('max', ['secret_reads.last_read_at', 'excluded.last_read_at']),
      })),
    ),
);

const empty = statement((db) => db.deleteFrom('secret_reads'));

const READ = '{"action":"secrets.read",';
/** An entry's texts have their quotes escaped, so that nothing in them looks like a member. */
const OK = ',"outcome":"ok"';
const SECRET_ID = /,"secret_id":"([0-9a-f-]{36})"/;
const TIME = /,"time":"([^"]+)"/;

/** How often secrets were read, by what entries of the log say. */
export class ReadCounts {
  readonly #bySecret: Map<string, { reads: number; lastReadAt: number }> = new Map();

  /** Counts an entry if it is a read that gave a value. */
  count(body: string): void {
    if (!body.startsWith(READ) || !body.includes(OK)) return;
    const secretId = SECRET_ID.exec(body)?.[1];
    if (secretId === undefined) return;
    const time = Date.parse(TIME.exec(body)?.[1] ?? '');
    const known = this.#bySecret.get(secretId) ?? { reads: 0, lastReadAt: 0 };
    known.reads += 1;
    if (time > known.lastReadAt) known.lastReadAt = time;
    this.#bySecret.set(secretId, known);
  }

  /** What was counted, in the order of ids. */
  all(): readonly Reads[] {
    return [...this.#bySecret]
      .map(([secretId, { reads, lastReadAt }]) => ({ secretId, reads, lastReadAt }))
      .toSorted((a, b) => (a.secretId < b.secretId ? -1 : 1));
  }
}

/** Adds what was counted to what is known. */
export async function addReads(transaction: Transaction, counts: ReadCounts): Promise<void> {
  await transaction.runMany(add, counts.all());
}

/** Forgets all counts, before the entries are looked at anew. */
export async function emptyReads(transaction: Transaction): Promise<void> {
  await transaction.run(empty, {});
}
