import { DAMAGED_HINT, StrongroomError } from '../errors.ts';
import { randomBytes } from '../crypto/random.ts';
import { toBase64Url } from '../lib/base64.ts';
import { u64 } from '../lib/bytes.ts';
import { equalBytes } from '../lib/compare.ts';
import { COUNTED_TABLES, type CountedTable } from './protected-tables.ts';
import type { ProtectedTable, RowMac } from './row-mac.ts';
import { query, statement, type Parameters } from './statement.ts';
import type { Transaction } from './store.ts';
import type { IntegrityRow, ProtectedColumns, TableName, Tables } from './tables.ts';

const SUM_BYTES = 32;
const NONCE_BYTES = 32;
const VAULT_SCOPE = '';

/** Tables that belong to the vault's own scope even where a row names a workspace. */
const VAULT_TABLES: readonly TableName[] = [
  'vault',
  'slots',
  'workspaces',
  'principals',
  'audit_logs',
];

const byScope = statement((db, p: Parameters<{ scope: string }>) =>
  db.selectFrom('integrity').selectAll().where('scope', '=', p('scope')),
);

const allScopes = statement((db) => db.selectFrom('integrity').selectAll().orderBy('scope'));

const put = statement((db, p: Parameters<IntegrityRow>) =>
  db
    .insertInto('integrity')
    .values({
      scope: p('scope'),
      epoch: p('epoch'),
      row_count: p('row_count'),
      nonce: p('nonce'),
      mac_sum: p('mac_sum'),
      mac_key: p('mac_key'),
      mac: p('mac'),
    })
    .onConflict((conflict) =>
      conflict.column('scope').doUpdateSet((row) => ({
        epoch: row.ref('excluded.epoch'),
        row_count: row.ref('excluded.row_count'),
        nonce: row.ref('excluded.nonce'),
        mac_sum: row.ref('excluded.mac_sum'),
        mac_key: row.ref('excluded.mac_key'),
        mac: row.ref('excluded.mac'),
      })),
    ),
);

const totalEpoch = statement((db) =>
  db.selectFrom('integrity').select((e) => e.fn.sum<number>('epoch').as('epoch')),
);

/** Grows whenever a counted row changes anywhere; what caches of rights are held against. */
export async function readEpoch(transaction: Transaction): Promise<number> {
  return (await transaction.get(totalEpoch, {}))?.epoch ?? 0;
}

/** The integrity row that counts a row: its workspace's, or the vault's own. */
export function integrityScope<T extends TableName>(table: ProtectedTable<T>, row: object): string {
  if (VAULT_TABLES.includes(table.table)) return VAULT_SCOPE;
  const scope = (row as Readonly<Record<string, unknown>>)['workspace_id'];
  return typeof scope === 'string' ? scope : VAULT_SCOPE;
}

/** Counts a row in (`added`) or out (`removed`), or both for a change. */
export async function recount(
  transaction: Transaction,
  mac: RowMac,
  scope: string,
  change: { readonly added?: ProtectedColumns; readonly removed?: ProtectedColumns },
): Promise<void> {
  const row = await transaction.get(byScope, { scope });
  if (row !== undefined) checkRow(mac, row);
  let sum = row === undefined ? 0n : toNumber(row.mac_sum) - mask(mac, row);
  let count = row?.row_count ?? 0;
  if (change.added !== undefined) {
    sum += addend(mac, change.added);
    count += 1;
  }
  if (change.removed !== undefined) {
    sum -= addend(mac, change.removed);
    count -= 1;
  }
  const next = {
    scope,
    epoch: (row?.epoch ?? 0) + 1,
    row_count: count,
    nonce: randomBytes(NONCE_BYTES),
    mac_key: mac.currentNumber,
  };
  const macSum = fromNumber(sum + mask(mac, next));
  await transaction.run(put, {
    ...next,
    mac_sum: macSum,
    mac: computeMac(mac, { ...next, mac_sum: macSum }),
  });
}

const removeScopeRow = statement((db, p: Parameters<{ scope: string }>) =>
  db.deleteFrom('integrity').where('scope', '=', p('scope')),
);

/**
 * Takes the integrity row of a scope away that counts no row any more. Its
 * epoch is added to the vault's own, so that the sum of epochs never falls back
 * to one that was there before.
 *
 * @throws {@link StrongroomError} `integrity_error`, also if a row is still counted.
 */
export async function dropScope(
  transaction: Transaction,
  mac: RowMac,
  scope: string,
): Promise<void> {
  const row = await transaction.get(byScope, { scope });
  const vault = await transaction.get(byScope, { scope: VAULT_SCOPE });
  if (row === undefined || vault === undefined || row.row_count !== 0) throw rowsMissing(scope);
  checkRow(mac, row);
  checkRow(mac, vault);
  await transaction.run(removeScopeRow, { scope });
  const next = { ...vault, epoch: vault.epoch + row.epoch, mac_key: mac.currentNumber };
  const sum = toNumber(vault.mac_sum) - mask(mac, vault) + mask(mac, next);
  const macSum = fromNumber(sum);
  await transaction.run(put, {
    ...next,
    mac_sum: macSum,
    mac: computeMac(mac, { ...next, mac_sum: macSum }),
  });
}

/** The rows of every counted table, checked. */
export type CheckedRows = { readonly [T in CountedTable]: readonly Tables[T][] };

/**
 * Reads every counted table, checks each row's MAC and each scope's count and
 * sum, so that a row that was removed, added or put back is noticed. What is
 * known in memory is made from these very rows.
 *
 * @throws {@link StrongroomError} `integrity_error`.
 */
export async function checkIntegrity(transaction: Transaction, mac: RowMac): Promise<CheckedRows> {
  const checked: Partial<Record<CountedTable, readonly ProtectedColumns[]>> = {};
  const found = new Map<string, { count: number; sum: bigint }>();
  const recorded = await transaction.all(allScopes, {});
  for (const table of COUNTED_TABLES) {
    const rows = await transaction.all(
      query((db) => db.selectFrom(table.table).selectAll()),
      {},
    );
    checked[table.table] = rows;
    for (const row of rows as readonly ProtectedColumns[]) {
      mac.check(table, row);
      const scope = integrityScope(table, row);
      const entry = found.get(scope) ?? { count: 0, sum: 0n };
      entry.count += 1;
      entry.sum += addend(mac, row);
      found.set(scope, entry);
    }
  }
  for (const row of recorded) {
    checkRow(mac, row);
    const entry = found.get(row.scope) ?? { count: 0, sum: 0n };
    const sum = fromNumber(entry.sum + mask(mac, row));
    if (entry.count !== row.row_count || !equalBytes(sum, row.mac_sum))
      throw rowsMissing(row.scope);
    found.delete(row.scope);
  }
  for (const scope of found.keys()) throw rowsMissing(scope);
  return checked as unknown as CheckedRows;
}

/** The state of all integrity rows in one text, for the audit log to anchor. */
export async function integrityState(transaction: Transaction, mac: RowMac): Promise<string> {
  const rows = await transaction.all(allScopes, {});
  const parts = rows.flatMap((row) => [row.scope, row.mac]);
  return toBase64Url(mac.computeTuple('strongroom/v1/integrity/state', parts));
}

function checkRow(mac: RowMac, row: IntegrityRow): void {
  if (!equalBytes(row.mac, computeMac(mac, row))) throw rowsMissing(row.scope);
}

function computeMac(mac: RowMac, row: Omit<IntegrityRow, 'mac'>): Uint8Array {
  return mac.computeTuple(
    'strongroom/v1/integrity',
    [mac.vaultId, row.scope, u64(row.epoch), u64(row.row_count), row.nonce, row.mac_sum],
    row.mac_key,
  );
}

function addend(mac: RowMac, row: ProtectedColumns): bigint {
  return toNumber(mac.computeTuple('strongroom/v1/integrity/addend', [row.mac], row.mac_key));
}

function mask(mac: RowMac, row: Pick<IntegrityRow, 'scope' | 'nonce' | 'mac_key'>): bigint {
  return toNumber(
    mac.computeTuple('strongroom/v1/integrity/mask', [row.scope, row.nonce], row.mac_key),
  );
}

function rowsMissing(scope: string): StrongroomError {
  return new StrongroomError(
    'integrity_error',
    'rows that decide who may do what were removed, added or put back',
    {
      details: { scope: scope === '' ? 'vault' : scope },
      hint: DAMAGED_HINT,
    },
  );
}

function toNumber(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

function fromNumber(value: bigint): Uint8Array {
  const bytes = new Uint8Array(SUM_BYTES);
  let rest = BigInt.asUintN(8 * SUM_BYTES, value);
  for (let index = SUM_BYTES - 1; index >= 0; index -= 1) {
    bytes[index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}
