import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { databaseAddress, wholeAddress } from './database-url.ts';

describe('the address of a database', () => {
  it.each([
    [{ host: 'h' }, 'postgres://h'],
    [{ host: 'h', user: 'u' }, 'postgres://u@h'],
    [
      { engine: 'mysql', username: 'u', password: 'p', hostname: 'h', port: '3306', dbname: 'd' },
      'mysql://u:p@h:3306/d',
    ],
    [
      { scheme: 'PostgreSQL', user: 'u@x', password: 'p/:@?#% ', host: 'h', database: 'a b' },
      'postgresql://u%40x:p%2F%3A%40%3F%23%25%20@h/a%20b',
    ],
    [{ host: '::1', port: '5432' }, 'postgres://[::1]:5432'],
    [{ host: 'h', sslmode: 'verify-full' }, 'postgres://h?sslmode=verify-full'],
    [{ host: 'evil/@h', password: "!'()*" }, 'postgres://:%21%27%28%29%2A@evil%2F%40h'],
  ])('has its parts percent-encoded (%#)', (fields, expected) => {
    expect(databaseAddress('db', fields)).toBe(expected);
  });

  it('gives back what it was made of, whatever is in the parts', () => {
    const part = fc.string({ unit: 'grapheme', minLength: 1 });
    fc.assert(
      fc.property(part, part, part, (user, password, database) => {
        const given = { user, password, database, host: 'db.internal', port: '5432' };
        const url = new URL(databaseAddress('db', given));
        expect(decodeURIComponent(url.username)).toBe(user);
        expect(decodeURIComponent(url.password)).toBe(password);
        expect(url.host).toBe('db.internal:5432');
        expect(url.search + url.hash).toBe('');
        // A path of dots alone is no name to a URL, though one to a database.
        if (!/^\.{1,2}$/.test(database)) {
          expect(decodeURIComponent(url.pathname.slice(1))).toBe(database);
        }
      }),
    );
  });

  it('is one field where there is such a one', () => {
    expect(wholeAddress({ url: 'x://y', host: 'h' })).toBe('x://y');
    expect(wholeAddress({ host: 'h' })).toBeUndefined();
  });

  it.each([
    [{ user: 'marker' }, 'the field host of db is missing'],
    [{ host: 'h', engine: 'my sql marker' }, 'the field engine of db is no scheme of a URL'],
    [{ host: 'h', port: '12/marker' }, 'the field port of db is no port'],
  ])('says which field is wrong, and nothing of its value (%#)', (fields, message) => {
    expect(() => databaseAddress('db', fields)).toThrow(
      expect.objectContaining({ code: 'invalid_input', message }) as Error,
    );
  });
});
