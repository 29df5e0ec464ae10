import { DAMAGED_HINT, StrongroomError } from '../errors.ts';
import type { Clock } from '../lib/ids.ts';
import { sqliteDialect } from './dialect.ts';
import { first } from './migrations/0001-first.ts';
import { wholeVault } from './migrations/0002-whole-vault.ts';
import { identities } from './migrations/0003-identities.ts';
import type { Migration } from './migrations/migration.ts';
import { rawStatement, statement, type Parameters } from './statement.ts';
import type { Store, Transaction } from './store.ts';

const MIGRATIONS: readonly Migration[] = [first, wholeVault, identities];

/** The schema that this version of Strongroom writes. */
export const SCHEMA_VERSION: number = MIGRATIONS.length;

/** As SQLite keeps it, which leaves `IF NOT EXISTS` out. */
const SCHEMA_VERSIONS =
  'CREATE TABLE schema_versions (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT';

/** Without the indexes that SQLite makes by itself. */
const schemaSql = rawStatement('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL');

const newest = statement((db) =>
  db.selectFrom('schema_versions').select((e) => e.fn.max('version').as('version')),
);

const record = statement((db, p: Parameters<{ version: number; appliedAt: number }>) =>
  db.insertInto('schema_versions').values({ version: p('version'), applied_at: p('appliedAt') }),
);

/** Options of {@link migrate}. */
export interface MigrateOptions {
  readonly now?: Clock | undefined;
  /** Called before the schema of a database that was in use is changed, with the version that it has. */
  readonly before?: ((version: number) => Promise<void>) | undefined;
}

/**
 * Brings a database to the current schema, all migrations in one transaction
 * with their records.
 *
 * @throws {@link StrongroomError} `schema_too_new` if a newer Strongroom wrote it;
 * `database_corrupt` if its tables are not those that the migrations make.
 */
export async function migrate(
  store: Store,
  { now = Date.now, before }: MigrateOptions = {},
): Promise<void> {
  const found = await store.read(async (transaction) => {
    const tables = await transaction.all(schemaSql, {});
    return tables.length === 0 ? 0 : schemaVersion(transaction);
  });
  if (found > 0 && found < SCHEMA_VERSION) await before?.(found);
  await store.write(async (transaction) => {
    if (found === 0) await transaction.run(rawStatement(SCHEMA_VERSIONS), {});
    const version = await schemaVersion(transaction);
    if (version > 0) await requireSchema(transaction, version);
    for (const migration of MIGRATIONS.slice(version)) {
      for (const sql of migration.statements(sqliteDialect.types)) {
        await transaction.run(rawStatement(sql), {});
      }
      await transaction.run(record, { version: migration.version, appliedAt: now() });
    }
    if (version < SCHEMA_VERSION) await requireSchema(transaction, SCHEMA_VERSION);
  });
}

/**
 * Holds the database's own description of its tables against what the
 * migrations say: a damaged name would make a column seem empty, and a trigger
 * that somebody added would run with every change.
 */
async function requireSchema(transaction: Transaction, version: number): Promise<void> {
  const expected = schemaOf(version);
  const found = (await transaction.all(schemaSql, {})) as readonly { readonly sql: unknown }[];
  if (found.length === expected.size && found.every(({ sql }) => expected.has(String(sql)))) return;
  throw new StrongroomError(
    'database_corrupt',
    'the tables of the vault are not those that Strongroom made',
    { hint: DAMAGED_HINT },
  );
}

const ADD_COLUMN = /^ALTER TABLE (\w+) ADD COLUMN (.+)$/;

/** Behind the columns of a table: the constraints of the whole table, if any, and the end. */
const COLUMNS_END = /(, PRIMARY KEY \([^)]*\))?\) STRICT$/;

/**
 * What SQLite says of its tables and indexes after some migrations. It puts a
 * column that was added behind the other columns.
 */
function schemaOf(version: number): ReadonlySet<string> {
  const schema = new Map([['schema_versions', SCHEMA_VERSIONS]]);
  for (const { statements } of MIGRATIONS.slice(0, version)) {
    for (const sql of statements(sqliteDialect.types)) {
      const [, table = '', column] = ADD_COLUMN.exec(sql) ?? [];
      const known = schema.get(table);
      if (known !== undefined)
        schema.set(table, known.replace(COLUMNS_END, `, ${column}$1) STRICT`));
      else if (sql.startsWith('CREATE ')) schema.set(nameOf(sql), sql);
    }
  }
  return new Set(schema.values());
}

/** The name of the table or index that a statement makes. */
function nameOf(sql: string): string {
  return /^CREATE (?:TABLE|(?:UNIQUE )?INDEX) (\w+) /.exec(sql)?.[1] ?? sql;
}

/** Refuses a database whose schema is newer than this program. */
async function schemaVersion(transaction: Transaction): Promise<number> {
  const version = (await transaction.get(newest, {}))?.version ?? 0;
  if (version > SCHEMA_VERSION) {
    throw new StrongroomError(
      'schema_too_new',
      `the vault has schema ${version}, and this Strongroom knows up to ${SCHEMA_VERSION}`,
      { details: { found: version, known: SCHEMA_VERSION }, hint: 'install a newer Strongroom' },
    );
  }
  return version;
}
