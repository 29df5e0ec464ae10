import { KEY_USES, KEYS } from '../../store/protected-tables.ts';
import { insertRow, updateRow } from '../../store/rows.ts';
import { query, statement, type Parameters } from '../../store/statement.ts';
import type { Transaction } from '../../store/store.ts';
import type { KeyRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import { ENVELOPE_LAYOUTS, ENVELOPE_TABLES } from './envelope-pages.ts';
import { readKeys } from './load-keys.ts';

/** A workspace key that has wrapped so many data keys is due for rotation; the hard stop is at 2³⁰. */
export const USES_DUE: number = 2 ** 28;

const DAY_MS = 24 * 60 * 60 * 1000;

const usesOf = statement((db, p: Parameters<{ keyId: string }>) =>
  db.selectFrom('key_uses').selectAll().where('key_id', '=', p('keyId')),
);

/**
 * Every key that a workspace has had, in the order of their numbers.
 *
 * @throws {@link StrongroomError} `integrity_error`.
 */
export async function workspaceKeys(
  work: Pick<Work, 'transaction' | 'mac'>,
  workspaceId: string,
): Promise<KeyRow[]> {
  const rows = await readKeys(work.transaction, work.mac);
  return rows.filter((row) => row.purpose === 'workspace' && row.workspace_id === workspaceId);
}

/**
 * Makes a new key the active one of its workspace. What comes after it in the
 * same transaction is under it already; those before it only decrypt from now on.
 *
 * @returns The new key's row.
 * @throws {@link StrongroomError} `integrity_error`.
 */
export async function rotateWorkspaceKey(work: Work, workspaceId: string): Promise<KeyRow> {
  const { transaction, mac, keyring } = work;
  const before = await workspaceKeys(work, workspaceId);
  const number = (before.at(-1)?.number ?? 0) + 1;
  const made = keyring.create({ purpose: 'workspace', workspaceId, number });
  const row = await insertRow(transaction, mac, KEYS, made);
  await work.keyUses.begin(row.id);
  for (const old of before) {
    if (old.state !== 'active') continue;
    const set = { state: 'decrypt-only' };
    keyring.add(await updateRow(transaction, mac, KEYS, { from: old, set }));
  }
  keyring.add(row);
  return row;
}

/**
 * How many data keys a workspace key has wrapped, on all nodes.
 *
 * @throws {@link StrongroomError} `integrity_error`.
 */
export async function keyUsesOf(
  { transaction, mac }: Pick<Work, 'transaction' | 'mac'>,
  keyId: string,
): Promise<number> {
  const rows = await transaction.all(usesOf, { keyId });
  for (const row of rows) mac.check(KEY_USES, row);
  return rows.reduce((sum, { uses }) => sum + uses, 0);
}

/** Whether an active key has been in use for so long, or so often, that another should take its place. */
export function isKeyDue(
  key: Pick<KeyRow, 'created_at'>,
  uses: number,
  { days, now }: { readonly days: number; readonly now: number },
): boolean {
  return uses >= USES_DUE || now - key.created_at >= days * DAY_MS;
}

/**
 * Destroys keys that only decrypt and that no envelope names: their wrapped
 * bytes are gone from the database then.
 *
 * @param isUnused - Whether no envelope names a key, found when that key could only decrypt already.
 * @returns The rows as they are now.
 * @throws {@link StrongroomError} `integrity_error`.
 */
export async function destroyUnused(
  work: Work,
  workspaceId: string,
  isUnused: (id: string) => boolean,
): Promise<KeyRow[]> {
  const { transaction, mac, keyring } = work;
  const destroyed: KeyRow[] = [];
  for (const row of await workspaceKeys(work, workspaceId)) {
    if (row.state !== 'decrypt-only' || !isUnused(row.id)) continue;
    const set = { state: 'destroyed', wrapped: new Uint8Array() };
    const gone = await updateRow(transaction, mac, KEYS, { from: row, set });
    keyring.add(gone);
    destroyed.push(gone);
  }
  return destroyed;
}

/** How many envelopes a workspace has: what there is to wrap anew. */
export async function countEnvelopes(
  transaction: Transaction,
  workspaceId: string,
): Promise<number> {
  let total = 0;
  for (const table of ENVELOPE_TABLES) {
    const { envelope, owner } = ENVELOPE_LAYOUTS[table];
    const counted = query((db) => {
      let rows = db.selectFrom(table as 'secrets');
      if (owner.join !== undefined) {
        const { table: joined, on } = owner.join;
        rows = rows.innerJoin(joined as never, `${joined}.id` as never, `${table}.${on}` as never);
      }
      return rows
        .select((e) => e.fn.countAll<number>().as('count'))
        .where(owner.workspace as 'workspace_id', '=', workspaceId)
        .where((e) =>
          e(e.fn<number>('length', [e.ref(`${table}.${envelope}` as 'metadata')]), '>', 0),
        );
    });
    total += (await transaction.get(counted, {}))?.count ?? 0;
  }
  return total;
}
