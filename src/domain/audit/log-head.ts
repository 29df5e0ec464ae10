import { hmacSha256 } from '../../crypto/mac.ts';
import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import { tuple, u64 } from '../../lib/bytes.ts';
import { equalBytes } from '../../lib/compare.ts';
import { uuidBytes } from '../../lib/ids.ts';
import type { Keyring } from '../../keys/keyring.ts';
import type { MerkleTree } from '../../merkle/tree.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { Transaction } from '../../store/store.ts';
import type { AuditHeadRow } from '../../store/tables.ts';

/** Which log a head is of. */
export interface HeadOf {
  readonly number: number;
  readonly id: string;
}

const byLog = statement((db, p: Parameters<{ log: number }>) =>
  db.selectFrom('audit_heads').selectAll().where('log', '=', p('log')),
);

const put = statement((db, p: Parameters<AuditHeadRow>) =>
  db
    .insertInto('audit_heads')
    .values({
      log: p('log'),
      size: p('size'),
      root: p('root'),
      mac_key: p('mac_key'),
      mac: p('mac'),
    })
    .onConflict((conflict) =>
      conflict.column('log').doUpdateSet((row) => ({
        size: row.ref('excluded.size'),
        root: row.ref('excluded.root'),
        mac_key: row.ref('excluded.mac_key'),
        mac: row.ref('excluded.mac'),
      })),
    ),
);

/**
 * Stores what the log's tree is after a transaction, in that transaction and
 * under a MAC: entries that no checkpoint covers yet are as hard to forge or
 * to remove as those that one does (`docs/spec/audit-log.md`).
 */
export async function writeHead(
  transaction: Transaction,
  keyring: Keyring,
  log: HeadOf,
  tree: MerkleTree,
): Promise<void> {
  const head = { log: log.number, size: tree.size, root: tree.root() };
  const { number } = keyring.rowMacKey();
  const row = { ...head, mac_key: number };
  await transaction.run(put, { ...row, mac: macOf(keyring, log, row) });
}

/**
 * Holds the tree that the stored entries make against the stored head.
 *
 * @throws {@link StrongroomError} `audit_tampered` if the head is missing, altered, or of other entries.
 */
export async function requireHead(
  transaction: Transaction,
  keyring: Keyring,
  log: HeadOf,
  tree: MerkleTree,
): Promise<void> {
  const row = await transaction.get(byLog, { log: log.number });
  if (row === undefined && tree.size === 0) return;
  const isOurs =
    row !== undefined &&
    equalBytes(row.mac, macOf(keyring, log, row)) &&
    row.size === tree.size &&
    equalBytes(row.root, tree.root());
  if (isOurs) return;
  throw new StrongroomError(
    'audit_tampered',
    'the newest audit entries are not those that were written',
    { details: { log: log.id, size: tree.size }, hint: DAMAGED_HINT },
  );
}

function macOf(
  keyring: Keyring,
  log: HeadOf,
  row: Pick<AuditHeadRow, 'size' | 'root' | 'mac_key'>,
): Uint8Array {
  const parts = [uuidBytes(keyring.vaultId), uuidBytes(log.id), u64(row.size), row.root];
  return hmacSha256(
    keyring.rowMacKey(row.mac_key).key,
    tuple(['strongroom/v1/audit-head', ...parts]),
  );
}
