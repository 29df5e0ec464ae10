import { DAMAGED_HINT, StrongroomError } from '../errors.ts';
import type { Clock } from '../lib/ids.ts';
import { sqliteDialect } from './dialect.ts';
import { first } from './migrations/0001-first.ts';
import type { Migration } from './migrations/migration.ts';
import { rawStatement, statement, type Parameters } from './statement.ts';
import type { Store, Transaction } from './store.ts';

const MIGRATIONS: readonly Migration[] = [first];

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

/**
 * Brings a database to the current schema, each migration in one transaction
 * with its record.
 *
 * @throws {@link StrongroomError} `schema_too_new` if a newer Strongroom wrote it;
 * `database_corrupt` if its tables are not those that the migrations make.
 */
export async function migrate(store: Store, now: Clock = Date.now): Promise<void> {
  await store.write(async (transaction) => {
    await transaction.run(
      rawStatement(SCHEMA_VERSIONS.replace('TABLE', 'TABLE IF NOT EXISTS')),
      {},
    );
    const version = await schemaVersion(transaction);
    for (const migration of MIGRATIONS.slice(version)) {
      for (const sql of migration.statements(sqliteDialect.types)) {
        await transaction.run(rawStatement(sql), {});
      }
      await transaction.run(record, { version: migration.version, appliedAt: now() });
    }
    await requireSchema(transaction);
  });
}

/**
 * Holds the database's own description of its tables against what the
 * migrations say: a damaged name would make a column seem empty, and a trigger
 * that somebody added would run with every change.
 */
async function requireSchema(transaction: Transaction): Promise<void> {
  const expected = new Set(MIGRATIONS.flatMap(({ statements }) => statements(sqliteDialect.types)));
  expected.add(SCHEMA_VERSIONS);
  const found = (await transaction.all(schemaSql, {})) as readonly { readonly sql: unknown }[];
  if (found.length === expected.size && found.every(({ sql }) => expected.has(String(sql)))) return;
  throw new StrongroomError(
    'database_corrupt',
    'the tables of the vault are not those that Strongroom made',
    { hint: DAMAGED_HINT },
  );
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
