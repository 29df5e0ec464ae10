import { StrongroomError } from '../errors.ts';

/** The names under which each part of a database's address is looked for among fields, in order. */
const PARTS = {
  url: ['url', 'uri', 'connection_string', 'connectionString'],
  scheme: ['engine', 'scheme', 'dialect', 'protocol', 'type'],
  user: ['user', 'username'],
  password: ['password'],
  host: ['host', 'hostname'],
  port: ['port'],
  database: ['database', 'dbname', 'name'],
  sslmode: ['sslmode'],
} as const;

/** The field that holds the address as a whole, if there is one. */
export function wholeAddress(fields: Readonly<Record<string, string>>): string | undefined {
  return part(fields, 'url');
}

/**
 * Puts a database's address together from the fields of a secret
 * (RFC 3986, every part percent-encoded): `engine` (or `scheme`, `dialect`,
 * `protocol`, `type`; default `postgres`), `user` (`username`), `password`,
 * `host` (`hostname`), `port`, `database` (`dbname`, `name`) and `sslmode`.
 *
 * @param path - The secret's, to be named in errors.
 * @throws {@link StrongroomError} `invalid_input` without a host, or if scheme or port are none.
 *
 * @example
 * databaseAddress('db', { engine: 'mysql', user: 'shop', password: 'p@ss', host: 'db.internal' });
 * // mysql://shop:p%40ss@db.internal
 */
export function databaseAddress(path: string, fields: Readonly<Record<string, string>>): string {
  const scheme = (part(fields, 'scheme') ?? 'postgres').toLowerCase();
  const host = part(fields, 'host');
  const port = part(fields, 'port') ?? '';
  if (!/^[a-z][a-z0-9+.-]*$/.test(scheme))
    throw wrongField(path, 'engine', 'is no scheme of a URL');
  if (host === undefined) throw wrongField(path, 'host', 'is missing');
  if (!/^\d{0,5}$/.test(port)) throw wrongField(path, 'port', 'is no port');
  const user = part(fields, 'user') ?? '';
  const password = part(fields, 'password');
  const login = password === undefined ? encode(user) : `${encode(user)}:${encode(password)}`;
  const database = part(fields, 'database');
  const sslmode = part(fields, 'sslmode');
  return [
    `${scheme}://`,
    login === '' ? '' : `${login}@`,
    asHost(host),
    port === '' ? '' : `:${port}`,
    database === undefined ? '' : `/${encode(database)}`,
    sslmode === undefined ? '' : `?sslmode=${encode(sslmode)}`,
  ].join('');
}

function part(
  fields: Readonly<Record<string, string>>,
  name: keyof typeof PARTS,
): string | undefined {
  const found = PARTS[name].find((each) => Object.hasOwn(fields, each));
  return found === undefined ? undefined : fields[found];
}

/** An IPv6 address stands in brackets (RFC 3986, 3.2.2). */
function asHost(host: string): string {
  return /^[0-9a-f.]*:[0-9a-f:.]*$/i.test(host) ? `[${host}]` : encode(host);
}

/** Everything but the unreserved characters of RFC 3986, 2.3. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function wrongField(path: string, field: string, what: string): StrongroomError {
  return new StrongroomError('invalid_input', `the field ${field} of ${path} ${what}`, {
    details: { path, field },
    hint: 'a database needs host, and may have engine, user, password, port, database and sslmode',
  });
}
