import { describe, expect, it } from 'vitest';

import { sqliteDialect } from './dialect.ts';
import { bind, Parameter, query, rawStatement, statement, type Parameters } from './statement.ts';

const insert = statement((db, p: Parameters<{ log: number; seq: number; path: string }>) =>
  db.insertInto('audit_index').values({ path: p('path'), log: p('log'), seq: p('seq') }),
);

describe('a statement', () => {
  it('has a placeholder for each parameter, and no value in its text', () => {
    const { sql, slots } = insert.compile(sqliteDialect);
    expect(sql).toBe('insert into "audit_index" ("path", "log", "seq") values (?, ?, ?)');
    expect(slots.every((slot) => slot instanceof Parameter)).toBe(true);
    expect(slots.map((slot) => (slot as Parameter).name)).toEqual(['path', 'log', 'seq']);
  });

  it('is built once, however often it is compiled', () => {
    let built = 0;
    const counted = statement((db) => {
      built += 1;
      return db.selectFrom('audit_index').selectAll();
    });
    expect(built).toBe(0);
    const first = counted.compile(sqliteDialect);
    expect(counted.compile(sqliteDialect)).toBe(first);
    expect(built).toBe(1);
  });

  it('binds values in the order of the placeholders, not of the object', () => {
    const compiled = insert.compile(sqliteDialect);
    expect(bind(compiled, { seq: 3, log: 2, path: 'p' })).toEqual(['p', 2, 3]);
  });

  it('binds undefined and what is missing as null, and leaves 0 and the empty text alone', () => {
    const compiled = insert.compile(sqliteDialect);
    expect(bind(compiled, { path: undefined, log: 0, seq: '' })).toEqual([null, 0, '']);
    expect(bind(compiled, {})).toEqual([null, null, null]);
  });

  it('takes constants of the query along, in their places', () => {
    const mixed = statement((db, p: Parameters<{ path: string }>) =>
      db
        .selectFrom('audit_index')
        .select('seq')
        .where('log', '=', 7)
        .where('path', '=', p('path'))
        .limit(2),
    );
    const compiled = mixed.compile(sqliteDialect);
    expect(bind(compiled, { path: 'x' })).toEqual([7, 'x', 2]);
  });

  it('never makes SQL of a value, whatever the value says', () => {
    const path = `'; DROP TABLE audit_index; --`;
    const made = query((db) => db.selectFrom('audit_index').select('seq').where('path', '=', path));
    const compiled = made.compile(sqliteDialect);
    expect(compiled.sql).not.toContain('DROP');
    expect(bind(compiled, {})).toEqual([path]);
  });

  it('is compiled at each use where its shape depends on its input', () => {
    let limit = 1;
    const shaped = query((db) => db.selectFrom('audit_index').select('seq').limit(limit));
    expect(bind(shaped.compile(sqliteDialect), {})).toEqual([1]);
    limit = 2;
    expect(bind(shaped.compile(sqliteDialect), {})).toEqual([2]);
  });

  it('can be SQL as it stands, which then has no parameters', () => {
    expect(rawStatement('SELECT 1').compile(sqliteDialect)).toEqual({ sql: 'SELECT 1', slots: [] });
  });
});
