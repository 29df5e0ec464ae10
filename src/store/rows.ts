import { StrongroomError } from '../errors.ts';
import { integrityScope, recount } from './integrity.ts';
import type { CountedTable } from './protected-tables.ts';
import type { ProtectedTable, RowMac, Unprotected } from './row-mac.ts';
import { statement, type Statement } from './statement.ts';
import type { Transaction } from './store.ts';
import type { ProtectedColumns, TableName, Tables } from './tables.ts';

type ProtectedTableName = {
  [T in TableName]: Tables[T] extends ProtectedColumns ? T : never;
}[TableName];

const inserts = new Map<string, Statement<object, unknown>>();
const updates = new Map<string, Statement<object, unknown>>();
const removals = new Map<string, Statement<object, unknown>>();

/** Inserts a row with its MAC, and counts it where its table is counted. */
export async function insertRow<T extends ProtectedTableName>(
  transaction: Transaction,
  mac: RowMac,
  table: ProtectedTable<T>,
  row: Unprotected<Tables[T]>,
): Promise<Tables[T]> {
  const added = mac.protect(table, row);
  await transaction.run(insertStatement(table), added);
  if (table.counted) await count(transaction, mac, table, { added });
  return added as unknown as Tables[T];
}

/**
 * Changes a row that was read and checked. Finding another revision than the
 * one that was read means that someone else wrote to the database.
 */
export async function updateRow<T extends ProtectedTableName>(
  transaction: Transaction,
  mac: RowMac,
  table: ProtectedTable<T>,
  change: { readonly from: Tables[T]; readonly set: Partial<Unprotected<Tables[T]>> },
): Promise<Tables[T]> {
  const removed = change.from as ProtectedColumns;
  const { row_revision: revision, mac: _mac, mac_key: _key, ...columns } = removed;
  const added = mac.protect(table, { ...columns, ...change.set }, revision);
  const changed = await transaction.run(updateStatement(table), { ...added, was: revision });
  if (changed !== 1) throw changedByItself(table);
  if (table.counted) await count(transaction, mac, table, { added, removed });
  return added as unknown as Tables[T];
}

/** Takes away a row that was read and checked, and counts it out where its table is counted. */
export async function removeRow<T extends ProtectedTableName>(
  transaction: Transaction,
  mac: RowMac,
  table: ProtectedTable<T>,
  row: Tables[T],
): Promise<void> {
  const removed = row as ProtectedColumns;
  const was = { ...row, was: removed.row_revision };
  if ((await transaction.run(removeStatement(table), was)) !== 1) throw changedByItself(table);
  if (table.counted) await count(transaction, mac, table, { removed });
}

/** Counts a change, and leaves word of it for what is known in memory. */
async function count<T extends ProtectedTableName>(
  transaction: Transaction,
  mac: RowMac,
  table: ProtectedTable<T>,
  change: { readonly added?: ProtectedColumns; readonly removed?: ProtectedColumns },
): Promise<void> {
  const row = change.added ?? change.removed ?? {};
  await recount(transaction, mac, integrityScope(table, row), change);
  transaction.changes.push({ table: table.table as CountedTable, ...change });
}

/** Every column of a table in the order of its declaration. */
function allColumns<T extends ProtectedTableName>(table: ProtectedTable<T>): string[] {
  return [...table.columns, ...(table.envelopes ?? []), 'row_revision', 'mac_key', 'mac'];
}

function insertStatement<T extends ProtectedTableName>(
  table: ProtectedTable<T>,
): Statement<object, unknown> {
  const known = inserts.get(table.table);
  if (known !== undefined) return known;
  const made = statement<unknown>((db, parameter) => {
    const p = parameter as (name: string) => unknown;
    const values = Object.fromEntries(allColumns(table).map((column) => [column, p(column)]));
    return db.insertInto(table.table).values(values as never);
  });
  inserts.set(table.table, made);
  return made;
}

function updateStatement<T extends ProtectedTableName>(
  table: ProtectedTable<T>,
): Statement<object, unknown> {
  const known = updates.get(table.table);
  if (known !== undefined) return known;
  const made = statement<unknown>((db, parameter) => {
    const p = parameter as (name: string) => unknown;
    const set = Object.fromEntries(
      allColumns(table)
        .filter((column) => !table.key.some((key) => key === column))
        .map((column) => [column, p(column)]),
    );
    let update = db.updateTable(table.table as 'secrets').set(set as never);
    for (const key of table.key) update = update.where(key as 'id', '=', p(key) as never);
    return update.where('row_revision', '=', p('was') as never);
  });
  updates.set(table.table, made);
  return made;
}

function removeStatement<T extends ProtectedTableName>(
  table: ProtectedTable<T>,
): Statement<object, unknown> {
  const known = removals.get(table.table);
  if (known !== undefined) return known;
  const made = statement<unknown>((db, parameter) => {
    const p = parameter as (name: string) => unknown;
    let removal = db.deleteFrom(table.table as 'secrets');
    for (const key of table.key) removal = removal.where(key as 'id', '=', p(key) as never);
    return removal.where('row_revision', '=', p('was') as never);
  });
  removals.set(table.table, made);
  return made;
}

/** Found at another revision than the one that was read: someone else wrote to the database. */
function changedByItself({ table }: { readonly table: string }): StrongroomError {
  return new StrongroomError('integrity_error', `a row of table ${table} changed by itself`);
}
