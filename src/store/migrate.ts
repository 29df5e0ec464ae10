import { StrongroomError } from '../errors.ts';
import type { Clock } from '../lib/ids.ts';
import { sqliteDialect } from './dialect.ts';
import { first } from './migrations/0001-first.ts';
import type { Migration } from './migrations/migration.ts';
import { rawStatement, statement, type Parameters } from './statement.ts';
import type { Store, Transaction } from './store.ts';

const MIGRATIONS: readonly Migration[] = [first];

/** The schema that this version of Strongroom writes. */
export const SCHEMA_VERSION: number = MIGRATIONS.length;

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
 * @throws {@link StrongroomError} `schema_too_new` if a newer Strongroom wrote it.
 */
export async function migrate(store: Store, now: Clock = Date.now): Promise<void> {
  await store.write(async (transaction) => {
    await transaction.run(
      rawStatement(
        'CREATE TABLE IF NOT EXISTS schema_versions (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT',
      ),
      {},
    );
    const version = await schemaVersion(transaction);
    for (const migration of MIGRATIONS.slice(version)) {
      for (const sql of migration.statements(sqliteDialect.types)) {
        await transaction.run(rawStatement(sql), {});
      }
      await transaction.run(record, { version: migration.version, appliedAt: now() });
    }
  });
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
