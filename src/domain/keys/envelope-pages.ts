import { uuidText } from '../../lib/ids.ts';
import { statement, type Statement } from '../../store/statement.ts';
import type { Transaction } from '../../store/store.ts';

/** The tables that hold envelopes, in the order in which they are gone through. */
export type EnvelopeTable =
  'versions' | 'secrets' | 'secret_states' | 'layouts' | 'personal_values' | 'idempotency';

/** The columns of a row's primary key, in order. */
export type EnvelopeKey = readonly (string | number | Uint8Array)[];

/** Where an envelope is, and which workspace key it says that it is under. */
export interface EnvelopeAt {
  readonly table: EnvelopeTable;
  readonly key: EnvelopeKey;
  readonly workspaceId: string;
  readonly environmentId: string;
  /** UUID text; `undefined` where there is no envelope. Not authenticated. */
  readonly keyId: string | undefined;
}

/** How a table of envelopes is laid out. */
export interface EnvelopeLayout {
  /** Columns of the primary key, and what comes before the first of its values. */
  readonly key: Readonly<Record<string, string | number | Uint8Array>>;
  readonly envelope: 'envelope' | 'metadata' | 'answer';
  /** Where workspace and environment of a row are found. */
  readonly owner: {
    readonly join?: { readonly table: 'secrets' | 'environments'; readonly on: string };
    readonly workspace: string;
    readonly environment: string;
  };
}

const OWN = { workspace: 'workspace_id', environment: 'environment_id' } as const;

/** Every table that holds envelopes. */
export const ENVELOPE_LAYOUTS: Readonly<Record<EnvelopeTable, EnvelopeLayout>> = {
  versions: {
    key: { secret_id: '', version: 0 },
    envelope: 'envelope',
    owner: {
      join: { table: 'secrets', on: 'secret_id' },
      workspace: 'secrets.workspace_id',
      environment: 'secrets.environment_id',
    },
  },
  secrets: { key: { id: '' }, envelope: 'metadata', owner: OWN },
  secret_states: { key: { secret_id: '', number: 0 }, envelope: 'metadata', owner: OWN },
  layouts: {
    key: { environment_id: '' },
    envelope: 'envelope',
    owner: {
      join: { table: 'environments', on: 'environment_id' },
      workspace: 'environments.workspace_id',
      environment: 'environments.id',
    },
  },
  personal_values: { key: { id: '' }, envelope: 'envelope', owner: OWN },
  idempotency: {
    key: { principal_id: '', workspace_id: '', operation: '', key_mac: new Uint8Array() },
    envelope: 'answer',
    owner: { workspace: 'workspace_id', environment: 'workspace_id' },
  },
};

/** The tables, in order. */
export const ENVELOPE_TABLES: readonly EnvelopeTable[] = Object.keys(
  ENVELOPE_LAYOUTS,
) as EnvelopeTable[];

/** Bytes of an envelope before its key id, counted from 1 as SQL does, and of the id (docs/spec/envelope.md). */
const KEY_ID_AT = 7;
const KEY_ID_BYTES = 16;

const pages = new Map<EnvelopeTable, Statement<object, Readonly<Record<string, unknown>>>>();

/**
 * The next envelopes of a table by primary key, of every workspace: so a page
 * costs the same wherever it begins.
 *
 * @param after - The key of the last row of the page before.
 */
export async function envelopesAfter(
  transaction: Transaction,
  table: EnvelopeTable,
  after: EnvelopeKey | undefined,
  limit: number,
): Promise<EnvelopeAt[]> {
  const columns = Object.entries(ENVELOPE_LAYOUTS[table].key);
  const parameters = Object.fromEntries(
    columns.map(([column, first], index) => [column, after?.[index] ?? first]),
  );
  const rows = await transaction.all(pageOf(table), { ...parameters, limit });
  return rows.map((row) => {
    const keyId = row['at_key_id'];
    const isKnown = keyId instanceof Uint8Array && keyId.length === KEY_ID_BYTES;
    return {
      table,
      key: columns.map(([column]) => row[column] as string | number | Uint8Array),
      workspaceId: String(row['at_workspace']),
      environmentId: String(row['at_environment']),
      keyId: isKnown ? uuidText(keyId) : undefined,
    };
  });
}

function pageOf(table: EnvelopeTable): Statement<object, Readonly<Record<string, unknown>>> {
  const known = pages.get(table);
  if (known !== undefined) return known;
  const { key, envelope, owner } = ENVELOPE_LAYOUTS[table];
  const columns = Object.keys(key).map((column) => `${table}.${column}`);
  const made = statement<unknown>((db, parameter) => {
    const p = parameter as (name: string) => unknown;
    // The layouts above stand for what the builder would check.
    let rows = db.selectFrom(table as 'secrets');
    if (owner.join !== undefined) {
      const { table: joined, on } = owner.join;
      rows = rows.innerJoin(joined as never, `${joined}.id` as never, `${table}.${on}` as never);
    }
    rows = rows
      .select(columns as never)
      .select((e) => [
        e.ref(owner.workspace as 'workspace_id').as('at_workspace'),
        e.ref(owner.environment as 'environment_id').as('at_environment'),
        e
          .fn('substr', [
            e.ref(`${table}.${envelope}` as 'metadata'),
            e.val(KEY_ID_AT),
            e.val(KEY_ID_BYTES),
          ])
          .as('at_key_id'),
      ])
      .where((e) =>
        e(
          (e.refTuple as (...names: string[]) => never)(...columns),
          '>',
          (e.tuple as (...values: unknown[]) => never)(...Object.keys(key).map((name) => p(name))),
        ),
      );
    for (const column of columns) rows = rows.orderBy(column as never);
    return rows.limit(p('limit') as never);
  }) as Statement<object, Readonly<Record<string, unknown>>>;
  pages.set(table, made);
  return made;
}

/** How many rows a page of a whole scan has: some 5 ms of work. */
const SCAN_PAGE = 4096;

/**
 * Counts every envelope of the vault by the workspace key that it names. The
 * proof that a key is not needed any more: taken from the envelopes themselves.
 *
 * @param pause - Lets others work between pages.
 */
export async function countByKey(
  transaction: Transaction,
  pause: () => Promise<unknown>,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const table of ENVELOPE_TABLES) {
    for (let after: EnvelopeKey | undefined; ;) {
      const page = await envelopesAfter(transaction, table, after, SCAN_PAGE);
      count(page, counts);
      after = page.at(-1)?.key;
      if (page.length < SCAN_PAGE) break;
      await pause();
    }
  }
  return counts;
}

function count(page: readonly EnvelopeAt[], counts: Map<string, number>): void {
  for (const { keyId } of page) {
    if (keyId !== undefined) counts.set(keyId, (counts.get(keyId) ?? 0) + 1);
  }
}
