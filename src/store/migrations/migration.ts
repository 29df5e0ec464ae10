import type { Dialect } from '../dialect.ts';

/** One numbered change of the schema. What has been released is never edited. */
export interface Migration {
  readonly version: number;
  readonly statements: (types: Dialect['types']) => readonly string[];
}
