import { AuditLog } from '../domain/audit/audit-log.ts';
import { KeyUses } from '../domain/keys/key-uses.ts';
import { parseEntry, type EntryFields } from '../domain/audit/entry.ts';
import { bodiesFrom, newestCheckpoint } from '../domain/audit/log-queries.ts';
import { provenTile } from '../domain/audit/proven-tile.ts';
import type { Work } from '../domain/work.ts';
import { DAMAGED_HINT, StrongroomError } from '../errors.ts';
import { equalBytes } from '../lib/compare.ts';
import { uuidv7, type Clock } from '../lib/ids.ts';
import { HASH_BYTES, textLeafHash } from '../merkle/hash.ts';
import type { Keyring } from '../keys/keyring.ts';
import { integrityState } from '../store/integrity.ts';
import { AUDIT_LOGS } from '../store/protected-tables.ts';
import type { RowMac } from '../store/row-mac.ts';
import { updateRow } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import type { AuditLogRow } from '../store/tables.ts';

/** Why and how a new log begins. */
export interface NewLogOptions {
  readonly old: AuditLogRow;
  /** The newest checkpoint known outside the vault, if any is. */
  readonly outside: string | undefined;
  /** What was decided. Default: that a rollback was accepted. */
  readonly reason?: string | undefined;
  /** Who decided it, as far as it is known. */
  readonly by?: Pick<EntryFields, 'actor' | 'actorName' | 'actorKind'> | undefined;
  /** What else changes in the same transaction. */
  readonly change?: ((work: Work) => Promise<void>) | undefined;
}

/**
 * Closes a log that was cut short and begins a new one, which says at once
 * what it follows: the checkpoint that was found and the newest known outside.
 */
export async function startNewLog(
  store: Store,
  { keyring, mac, now }: { readonly keyring: Keyring; readonly mac: RowMac; readonly now: Clock },
  { old, outside, reason = 'rollback accepted', by = {}, change }: NewLogOptions,
): Promise<AuditLog> {
  return store.write(async (transaction) => {
    const keyUses = new KeyUses(transaction, mac);
    const work = { transaction, mac, keyring, keyUses, now: now(), actor: keyring.vaultId };
    const found = await transaction.get(newestCheckpoint, { log: old.number });
    await change?.(work);
    await updateRow(transaction, mac, AUDIT_LOGS, { from: old, set: { state: 'closed' } });
    const row = await AuditLog.create(work, old.number + 1);
    const log = await AuditLog.open(transaction, keyring, row);
    const staged = log.stage();
    staged.append(
      {
        ...by,
        request: uuidv7(now),
        action: 'audit.log-started',
        outcome: 'ok',
        state: await integrityState(transaction, mac),
        checkpoint: `${found?.note ?? ''}\n${outside ?? ''}`,
        detail: `${reason}; follows log ${old.id}`,
      },
      work.now,
    );
    await staged.flush(transaction);
    staged.accept();
    return log;
  });
}

/**
 * Whether a log began as the one that follows a checkpoint: then that decision
 * is on record in it, and only keeping its own checkpoint outside did not come
 * about any more.
 *
 * @throws {@link StrongroomError} `audit_tampered` if the first entry is not the one that was written.
 */
export async function isFollowed(store: Store, log: AuditLog, outside: string): Promise<boolean> {
  const { number, size, frontier } = log;
  if (size === 0 || outside === '') return false;
  return store.read(async (transaction) => {
    const [first] = await transaction.all(bodiesFrom, { log: number, from: 0, limit: 1 });
    const hashes = await provenTile(transaction, { log: number, size, frontier }, 0, 0);
    const leaf = textLeafHash(first?.body ?? '');
    if (first?.seq !== 0 || !equalBytes(leaf, hashes.subarray(0, HASH_BYTES))) {
      throw new StrongroomError('audit_tampered', 'the first audit entry was altered', {
        details: { log: log.id, index: 0 },
        hint: DAMAGED_HINT,
      });
    }
    const { action, checkpoint } = parseEntry(first.body, 0);
    return action === 'audit.log-started' && checkpoint?.endsWith(`\n${outside}`) === true;
  });
}
