import {
  DummyDriver,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type Dialect as KyselyDialect,
} from 'kysely';

import type { Tables } from './tables.ts';

/** What differs between databases: how queries compile and what column types are called. */
export interface Dialect {
  readonly name: 'sqlite';
  /** Compiles queries; never runs them. */
  readonly compiler: Kysely<Tables>;
  readonly types: {
    readonly text: string;
    readonly integer: string;
    readonly bytes: string;
    /** Table options for rows that are found by their primary key and read in its order. */
    readonly clustered: string;
    /** Table options for every other table. */
    readonly plain: string;
  };
}

const compileOnly: KyselyDialect = {
  createAdapter: () => new SqliteAdapter(),
  createDriver: () => new DummyDriver(),
  createIntrospector: (db) => new SqliteIntrospector(db),
  createQueryCompiler: () => new SqliteQueryCompiler(),
};

export const sqliteDialect: Dialect = {
  name: 'sqlite',
  compiler: new Kysely<Tables>({ dialect: compileOnly }),
  types: {
    text: 'TEXT',
    integer: 'INTEGER',
    bytes: 'BLOB',
    clustered: 'STRICT, WITHOUT ROWID',
    plain: 'STRICT',
  },
};
