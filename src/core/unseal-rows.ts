import type { KeyObject } from 'node:crypto';

import { AuditLog } from '../domain/audit/audit-log.ts';
import { allLogs } from '../domain/audit/log-queries.ts';
import { newestState } from '../domain/audit/newest-state.ts';
import { DAMAGED_HINT, StrongroomError } from '../errors.ts';
import { isUuid, type Clock } from '../lib/ids.ts';
import { Keyring } from '../keys/keyring.ts';
import { checkIntegrity, integrityState } from '../store/integrity.ts';
import { AUDIT_LOGS, VAULT } from '../store/protected-tables.ts';
import { RowMac } from '../store/row-mac.ts';
import { query } from '../store/statement.ts';
import type { Store, Transaction } from '../store/store.ts';
import { uncheckedVaultRow } from '../store/vault-row.ts';
import type { AuditLogRow, SlotRow, VaultRow } from '../store/tables.ts';

/** What a root key gives access to. */
export interface UnsealedRows {
  readonly keyring: Keyring;
  readonly mac: RowMac;
}

/**
 * The keyring and the row MACs that a root key gives access to, once every row
 * that decides was checked.
 *
 * @throws {@link StrongroomError} `integrity_error`.
 */
export async function unsealWith(
  store: Store,
  { rootKey, rootKeyId: id }: { readonly rootKey: KeyObject; readonly rootKeyId: string },
  now: Clock | undefined,
): Promise<UnsealedRows> {
  const { vault, keys } = await store.read(loadRows);
  const keyring = new Keyring(vault.id, { id, key: rootKey }, now);
  keyring.load(keys);
  const mac = rowMacOf(keyring);
  mac.check(VAULT, vault);
  await store.read((transaction) => checkIntegrity(transaction, mac));
  return { keyring, mac };
}

/**
 * The vault's open log, held against its head, its newest checkpoint and the
 * state of the tables that it vouches for.
 *
 * @throws {@link StrongroomError} `audit_tampered`, `integrity_error`.
 */
export async function openTrustedLog(
  store: Store,
  { keyring, mac }: UnsealedRows,
): Promise<{ readonly row: AuditLogRow; readonly log: AuditLog }> {
  const row = await store.read((transaction) => openLogRow(transaction, mac));
  const log = await store.read((transaction) => AuditLog.open(transaction, keyring, row));
  await store.read(async (transaction) => {
    const anchored = await newestState(transaction, log);
    if (anchored !== (await integrityState(transaction, mac))) {
      throw new StrongroomError(
        'integrity_error',
        'rows that decide who may do what are not those that the audit log vouches for',
        { hint: DAMAGED_HINT },
      );
    }
  });
  return { row, log };
}

/** The row MACs of a keyring. */
export function rowMacOf(keyring: Keyring): RowMac {
  const keys = keyring.secretKeys('row-mac');
  return new RowMac(keyring.vaultId, keys, Math.max(...keys.keys()));
}

/** The rows that are read before anything is known to be true. */
export async function loadRows(transaction: Transaction): Promise<{
  readonly vault: VaultRow;
  readonly slots: readonly SlotRow[];
  readonly keys: Parameters<Keyring['add']>[0][];
}> {
  const vault = await uncheckedVaultRow(transaction);
  if (vault === undefined) {
    throw new StrongroomError('not_a_vault', 'the database holds no vault', {
      hint: 'make one with `strongroom init`',
    });
  }
  if (!isUuid(vault.id)) {
    throw new StrongroomError('integrity_error', 'the id of the vault was altered', {
      hint: DAMAGED_HINT,
    });
  }
  const slots = await transaction.all(
    query((db) => db.selectFrom('slots').selectAll().orderBy('created_at')),
    {},
  );
  const keys = await transaction.all(
    query((db) => db.selectFrom('keys').selectAll().orderBy('number')),
    {},
  );
  return { vault, slots, keys };
}

async function openLogRow(transaction: Transaction, mac: RowMac): Promise<AuditLogRow> {
  const rows = await transaction.all(allLogs, {});
  for (const row of rows) mac.check(AUDIT_LOGS, row);
  const open = rows.findLast((row) => row.state === 'open');
  if (open === undefined) throw new StrongroomError('integrity_error', 'the vault has no open log');
  return open;
}
