import { setImmediate as nextTurn } from 'node:timers/promises';

import { StrongroomError } from '../../errors.ts';
import { utf8 } from '../../lib/bytes.ts';
import { equalBytes } from '../../lib/compare.ts';
import { verifyCheckpoint } from '../../merkle/checkpoint.ts';
import { leafHash } from '../../merkle/hash.ts';
import { parseVerifierKeys } from '../../merkle/note.ts';
import { MerkleTree } from '../../merkle/tree.ts';
import type { RowMac } from '../../store/row-mac.ts';
import { SECRETS } from '../../store/protected-tables.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { Transaction } from '../../store/store.ts';
import type { AuditLog } from './audit-log.ts';
import { parseEntry } from './entry.ts';
import { bodiesFrom, newestCheckpoint, storedTile } from './log-queries.ts';

/** What a verification of a vault's own log found to be in order. */
export interface LogVerified {
  /** Entries whose hashes are under the newest checkpoint. */
  readonly checkpointSize: number;
  /** All entries, also those after it. */
  readonly size: number;
  /** Secrets whose rows were held against the log. */
  readonly secrets: number;
}

const PAGE = 4096;

const secretsAfter = statement((db, p: Parameters<{ after: string; limit: number }>) =>
  db.selectFrom('secrets').selectAll().where('id', '>', p('after')).orderBy('id').limit(p('limit')),
);

/**
 * Computes a log again from its stored entries, and holds tiles, the newest
 * checkpoint and the rows of secrets against it: an old row that was put back
 * has another revision than the log last said.
 *
 * @throws {@link StrongroomError} `audit_tampered` naming the tile or checkpoint; `integrity_error`
 * naming the secret.
 */
export async function verifyLog(
  transaction: Transaction,
  log: AuditLog,
  mac: RowMac,
): Promise<LogVerified> {
  const checkpoint = await transaction.get(newestCheckpoint, { log: log.number });
  const tree = MerkleTree.empty();
  const revisions = new Map<string, number>();
  for (;;) {
    const rows = await transaction.all(bodiesFrom, {
      log: log.number,
      from: tree.size,
      limit: PAGE,
    });
    for (const { seq, body } of rows) {
      if (seq !== tree.size) throw tampered('an entry is missing', { index: tree.size });
      if (tree.size === checkpoint?.size) requireRoot(log, checkpoint.note, tree);
      for (const tile of tree.append(leafHash(utf8(body)))) {
        const key = { log: log.number, level: tile.level, tile: tile.index };
        const stored = await transaction.get(storedTile, key);
        if (stored === undefined || !equalBytes(stored.hashes, tile.hashes)) {
          throw tampered('a tile does not hold the hashes of its entries', {
            level: tile.level,
            tile: tile.index,
          });
        }
      }
      if (body.includes('"revision":')) {
        const { secret_id: id, revision } = parseEntry(body);
        if (id !== undefined && revision !== undefined) revisions.set(id, revision);
      }
    }
    if (rows.length < PAGE) break;
    await nextTurn();
  }
  if (tree.size === checkpoint?.size) requireRoot(log, checkpoint.note, tree);
  if (tree.size < (checkpoint?.size ?? 0))
    throw tampered('entries are missing', { index: tree.size });
  const secrets = await holdSecrets(transaction, mac, revisions);
  return { checkpointSize: checkpoint?.size ?? 0, size: tree.size, secrets };
}

async function holdSecrets(
  transaction: Transaction,
  mac: RowMac,
  revisions: ReadonlyMap<string, number>,
): Promise<number> {
  let held = 0;
  for (let after = ''; ;) {
    const rows = await transaction.all(secretsAfter, { after, limit: PAGE });
    for (const row of rows) {
      mac.check(SECRETS, row);
      const expected = revisions.get(row.id);
      if (expected !== undefined && expected !== row.row_revision) {
        throw new StrongroomError(
          'integrity_error',
          'the row of a secret is not the one that the audit log last saw',
          { details: { secret: row.id, path: row.path }, hint: 'restore a backup' },
        );
      }
      held += 1;
    }
    const last = rows.at(-1);
    if (last === undefined) return held;
    after = last.id;
    await nextTurn();
  }
}

function requireRoot(log: AuditLog, note: string, tree: MerkleTree): void {
  const checkpoint = verifyCheckpoint(note, parseVerifierKeys(log.verifierKeys));
  if (checkpoint.origin === log.origin && equalBytes(checkpoint.root, tree.root())) return;
  throw tampered('the entries are not those under the newest checkpoint', { size: tree.size });
}

function tampered(message: string, details: Readonly<Record<string, number>>): StrongroomError {
  return new StrongroomError('audit_tampered', message, {
    details,
    hint: 'stop using this vault; keep a copy, and restore a backup',
  });
}
