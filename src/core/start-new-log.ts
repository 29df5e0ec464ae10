import { AuditLog } from '../domain/audit/audit-log.ts';
import { KeyUses } from '../domain/keys/key-uses.ts';
import { newestCheckpoint } from '../domain/audit/log-queries.ts';
import { uuidv7, type Clock } from '../lib/ids.ts';
import type { Keyring } from '../keys/keyring.ts';
import { integrityState } from '../store/integrity.ts';
import { AUDIT_LOGS } from '../store/protected-tables.ts';
import type { RowMac } from '../store/row-mac.ts';
import { updateRow } from '../store/rows.ts';
import type { Store } from '../store/store.ts';
import type { AuditLogRow } from '../store/tables.ts';

/**
 * Closes a log that was cut short and begins a new one, which says at once
 * what it follows: the checkpoint that was found and the newest known outside.
 */
export async function startNewLog(
  store: Store,
  { keyring, mac, now }: { readonly keyring: Keyring; readonly mac: RowMac; readonly now: Clock },
  { old, outside }: { readonly old: AuditLogRow; readonly outside: string },
): Promise<AuditLog> {
  return store.write(async (transaction) => {
    const keyUses = new KeyUses(transaction, mac);
    const work = { transaction, mac, keyring, keyUses, now: now(), actor: keyring.vaultId };
    const found = await transaction.get(newestCheckpoint, { log: old.number });
    await updateRow(transaction, mac, AUDIT_LOGS, { from: old, set: { state: 'closed' } });
    const row = await AuditLog.create(work, old.number + 1);
    const log = await AuditLog.open(transaction, keyring, row);
    const staged = log.stage();
    staged.append(
      {
        request: uuidv7(now),
        action: 'audit.log-started',
        outcome: 'ok',
        state: await integrityState(transaction, mac),
        checkpoint: `${found?.note ?? ''}\n${outside}`,
        detail: `rollback accepted; follows log ${old.id}`,
      },
      work.now,
    );
    await staged.flush(transaction);
    staged.accept();
    return log;
  });
}
