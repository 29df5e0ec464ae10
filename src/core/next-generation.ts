import type { Work } from '../domain/work.ts';
import { uuidv7 } from '../lib/ids.ts';
import { FACTOR_USES, VAULT } from '../store/protected-tables.ts';
import { insertRow, updateRow } from '../store/rows.ts';
import { query } from '../store/statement.ts';
import { readVaultRow } from '../store/vault-row.ts';

/**
 * Begins a new generation of the vault, after which nothing that was given out
 * before opens it any more: an older copy knows credentials that were revoked since.
 *
 * @returns Its number.
 */
export async function nextGeneration({ transaction, mac, now }: Work): Promise<number> {
  const vault = await readVaultRow(transaction, mac);
  const restore_generation = vault.restore_generation + 1;
  const set = { restore_generation, restore_id: uuidv7(), restored_at: now };
  await updateRow(transaction, mac, VAULT, { from: vault, set });
  return restore_generation;
}

const factorIds = query((db) => db.selectFrom('factors').select('id').orderBy('id'));

/** Lets the factors of a backup count from the beginning: how they were used is not in it. */
export async function beginFactorUses({ transaction, mac }: Work): Promise<void> {
  for (const { id } of await transaction.all(factorIds, {})) {
    const uses = { factor_id: id, counter: 0, used_at: null };
    await insertRow(transaction, mac, FACTOR_USES, uses);
  }
}
