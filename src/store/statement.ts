import type { Compilable, Kysely } from 'kysely';

import type { Dialect } from './dialect.ts';
import type { Tables } from './tables.ts';

/** What a database column can hold. */
export type SqlValue = string | number | null | Uint8Array;

/** Names the parameters of a statement while it is being built. */
export type Parameters<P> = <K extends keyof P & string>(name: K) => P[K];

/** A compiled query: its text, and for each placeholder a parameter's name or a constant. */
export interface CompiledStatement {
  readonly sql: string;
  readonly slots: readonly (Parameter | SqlValue)[];
}

/** A query that is written once, compiled once for each dialect, and run with parameters. */
export interface Statement<P, R> {
  compile(dialect: Dialect): CompiledStatement;
  /** Never set: carries the types of parameters and rows. */
  readonly types?: readonly [P, R];
}

/** Stands for a parameter's value in a query that is being compiled. */
export class Parameter {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/**
 * Declares a statement. The query builder runs once, at the first use, so a
 * hot query costs no more than its prepared form.
 *
 * @param build - Builds the query; every value that changes comes from `parameter(name)`.
 *
 * @example
 * const byId = statement((db, parameter: Parameters<{ id: string }>) =>
 *   db.selectFrom('workspaces').selectAll().where('id', '=', parameter('id')),
 * );
 */
export function statement<R, P extends object = object>(
  build: (db: Kysely<Tables>, parameter: Parameters<P>) => Compilable<R>,
): Statement<P, R> {
  const compiled = new Map<string, CompiledStatement>();
  return {
    compile(dialect) {
      const known = compiled.get(dialect.name);
      if (known !== undefined) return known;
      // The sentinel is only ever carried through the builder into the list of parameters.
      const query = build(dialect.compiler, ((name: string) => new Parameter(name)) as never);
      const { sql, parameters } = query.compile();
      const made: CompiledStatement = { sql, slots: parameters as CompiledStatement['slots'] };
      compiled.set(dialect.name, made);
      return made;
    },
  };
}

/**
 * A query whose shape depends on its input, such as a list with filters. It is
 * compiled at each use; the prepared form is still shared by its text.
 */
export function query<R>(build: (db: Kysely<Tables>) => Compilable<R>): Statement<object, R> {
  return {
    compile(dialect) {
      const { sql, parameters } = build(dialect.compiler).compile();
      return { sql, slots: parameters as CompiledStatement['slots'] };
    },
  };
}

/** The values for a compiled statement's placeholders, in order. */
export function bind(compiled: CompiledStatement, parameters: object): SqlValue[] {
  const { slots } = compiled;
  const given = parameters as Readonly<Record<string, SqlValue>>;
  const values: SqlValue[] = [];
  // By number: an iterator costs more than a parameter, until the loop is compiled.
  for (let index = 0; index < slots.length; index += 1) {
    const slot = slots[index];
    values.push(slot instanceof Parameter ? (given[slot.name] ?? null) : (slot ?? null));
  }
  return values;
}

/** SQL as it stands, for schema changes. */
export function rawStatement(sql: string): Statement<object, unknown> {
  return { compile: () => ({ sql, slots: [] }) };
}
