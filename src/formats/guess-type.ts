import type { SecretType } from './secret-type.ts';

/** One line of the table: the first whose parts all fit decides. */
interface NameRule {
  /** The words that say what the thing is: they end the name. */
  readonly ends: RegExp;
  /** What must stand in the name before those words. */
  readonly after?: RegExp;
  readonly type: SecretType;
}

const DATABASE =
  /(^|_)(DATABASE|DB|POSTGRES|POSTGRESQL|PG|MYSQL|MARIADB|MONGO|MONGODB|REDIS|VALKEY|MSSQL|SQLSERVER|SQL|SQLITE|JDBC|ORACLE|COCKROACH|COCKROACHDB|CASSANDRA|CLICKHOUSE|NEO4J|COUCHDB|SQLALCHEMY|PRISMA|TIMESCALE)\d*(_|$)/;
const KEY = /(^|_)(KEYS?|APIKEY|ACCESSKEY|SECRETKEY|AUTHKEY|PRIVATEKEY)$/;
const SECRET = /(^|_)SECRETS?$/;
const TOKEN = /(^|_)(TOKENS?|PAT|BEARER|JWT)$/;
const KEY_OR_SECRET = /(^|_)(KEYS?|SECRETS?|SIGNING|PRIVATE|TOKENS?)$/;

/**
 * Names as words in capitals joined by `_`, without endings that only tell one value
 * from another (`_PROD`, `_2`, `_OLD`). What ends in no such word is `generic`, so that
 * `PUBLIC_KEY_PATH`, `TOKEN_TTL` and `KEYBOARD_LAYOUT` are.
 */
const NAMES: readonly NameRule[] = [
  // Things that are called keys and tokens but are no secrets.
  {
    ends: /(^|_)KEYS?$/,
    after: /(^|_)(CACHE|SORT|PARTITION|FOREIGN|ROUTING|HOT|OBJECT|LOOKUP|INDEX)$/,
    type: 'generic',
  },
  {
    ends: /(^|_)(PUBLIC|PUB)_?KEYS?$/,
    type: 'generic',
  },
  {
    ends: /(^|_)TOKENS$/,
    after: /(^|_)(MAX|MIN|NUM|TOTAL|CONTEXT|OUTPUT|INPUT|COMPLETION|PROMPT)(_|$)/,
    type: 'generic',
  },
  {
    ends: /(^|_)(KEYS?|TOKENS?|SECRETS?|PASSWORDS?|CREDENTIALS?)$/,
    after: /^(USE|ENABLE|DISABLE|REQUIRE|ALLOW|SKIP|HAS|IS)(_|$)/,
    type: 'generic',
  },
  // Things with a purpose in their name.
  { ends: KEY_OR_SECRET, after: /(^|_)WEBHOOKS?(_|$)/, type: 'webhook_secret' },
  { ends: /(^|_)(KEYS?|SECRETS?|SIGNING|PRIVATE)$/, after: /(^|_)JWT(_|$)/, type: 'jwt_secret' },
  { ends: SECRET, after: /(^|_)SIGNING$/, type: 'webhook_secret' },
  { ends: SECRET, after: /(^|_)(NEXTAUTH|AUTH|REFRESH_TOKEN|ACCESS_TOKEN)$/, type: 'jwt_secret' },
  { ends: /(^|_)KEYS?$/, after: /(^|_)(SSH|DEPLOY|HOST_RSA|HOST_ED25519)(_|$)/, type: 'ssh_key' },
  { ends: /(^|_)(ID_(RSA|DSA|ECDSA|ED25519)|SSH_PEM)$/, type: 'ssh_key' },
  { ends: /(^|_)KEYS?$/, after: /(^|_)(TLS|SSL|CERT|CERTIFICATE)(_|$)/, type: 'certificate' },
  { ends: /(^|_)(CERTS?|CERTIFICATES?|CRT|PEM|PFX|CA_BUNDLE|CERT_CHAIN)$/, type: 'certificate' },
  { ends: /(^|_)CA$/, after: /(^|_)(SSL|TLS|ROOT|CLIENT|SERVER)$/, type: 'certificate' },
  { ends: /(^|_)(URLS?|URI|DSN)$/, after: DATABASE, type: 'database_credential' },
  { ends: /(^|_)(CREDENTIALS?|CREDS)$/, after: DATABASE, type: 'database_credential' },
  { ends: /(^|_)(CONNECTION_STRING|CONNECTIONSTRING|CONN_STR)$/, type: 'database_credential' },
  {
    ends: /(^|_)(PASSWORDS?|PASSWD|PASS|PWD|PASSPHRASE|PASSCODE|PGPASSWORD|DBPASSWORD|USERPASS)$/,
    type: 'password',
  },
  { ends: /(^|_)(KEYS?|SECRETS?)$/, after: /(^|_)(CLIENT|CONSUMER|OAUTH2?)$/, type: 'oauth_token' },
  { ends: SECRET, after: /(^|_)(OAUTH2?|CLIENT)(_|$)/, type: 'oauth_token' },
  {
    ends: /(^|_)(KEYS?|SECRETS?)$/,
    after:
      /(^|_)(ENCRYPTION|ENCRYPT|DECRYPTION|CRYPTO|CIPHER|MASTER|ROOT|AES|FERNET|HMAC|SIGNING|SIGNATURE|SESSION|COOKIES?|DATA|VAULT|PRIVATE|PEPPER|CSRF)$/,
    type: 'encryption_key',
  },
  { ends: /(^|_)PRIVATEKEY$|(^|_)(KEK|DEK|PEPPER|SALT)$/, type: 'encryption_key' },
  { ends: /^(APP|APPLICATION)_(KEY|SECRET)$/, type: 'encryption_key' },
  {
    ends: /^((APP|APPLICATION|DJANGO|FLASK|RAILS|LARAVEL)_)?SECRET_KEY(_BASE)?$/,
    type: 'encryption_key',
  },
  // The words alone.
  { ends: /(^|_)ACCESS_KEY_ID$/, type: 'api_key' },
  { ends: KEY, type: 'api_key' },
  { ends: /(^|_)TOKENS?$/, after: /(^|_)API$/, type: 'api_key' },
  { ends: TOKEN, type: 'oauth_token' },
  { ends: /(^|_)OAUTH2?$/, type: 'oauth_token' },
  { ends: SECRET, after: /./, type: 'api_key' },
  { ends: /(^|_)(CREDENTIALS?|CREDS)$/, after: /./, type: 'api_key' },
];

/** Values that say what they are, whatever their name; the first that fits decides. */
const VALUES: readonly { readonly begins: RegExp; readonly type: SecretType }[] = [
  { begins: /^-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/, type: 'certificate' },
  { begins: /^-----BEGIN OPENSSH PRIVATE KEY-----/, type: 'ssh_key' },
  { begins: /^-----BEGIN PGP PRIVATE KEY BLOCK-----/, type: 'encryption_key' },
  {
    begins:
      /^(jdbc:|(postgres|postgresql|mysql|mariadb|mongodb|rediss?|valkeys?|mssql|sqlserver|oracle|cockroachdb|clickhouse|neo4j|couchdb)(\+\w+)?:\/\/)/,
    type: 'database_credential',
  },
  {
    begins: /^whsec_|^https:\/\/(hooks\.slack\.com|discord(app)?\.com\/api\/webhooks)\//,
    type: 'webhook_secret',
  },
  { begins: /^(gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|ya29\.)/, type: 'oauth_token' },
  {
    begins: /^([srp]k_(live|test)_|sk-(ant|proj)-|AKIA[0-9A-Z]{16}$|AIza[\w-]{35}$|SG\.[\w-]{16})/,
    type: 'api_key',
  },
];

const PRIVATE_KEY_PEM = /^-----BEGIN (RSA |EC |DSA |ENCRYPTED )?PRIVATE KEY-----/;
const NO_SECRET_VALUE =
  /^(true|false|yes|no|on|off)$|^-----BEGIN [A-Z ]*PUBLIC KEY-----|^(~|\.{1,2})?\/[\w./-]+\.(pem|crt|cer|key|json|p12|pfx|txt|ya?ml)$/i;
const URL_WITH_PASSWORD = /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s:@]*:[^/?#\s@]+@/i;
const TELLS_APART =
  /_(PROD|PRODUCTION|STAGING|STAGE|DEV|DEVELOPMENT|TEST|LIVE|OLD|NEW|PREVIOUS|PREV|CURRENT|NEXT|BACKUP|SECONDARY|BASE64|B64|V?\d+)$|(?<=KEY|TOKEN|SECRET|PASSWORD)\d+$/;

/**
 * Guesses what kind of secret a variable is, so that an import need not ask. What the
 * value says counts before what the name says.
 *
 * @param name - Name of the variable or secret, such as `STRIPE_KEY` or `apiKey`.
 * @param value - Its value, if known; only its form is looked at.
 * @returns `generic` for whatever does not look like another kind.
 */
export function guessType(name: string, value: string = ''): SecretType {
  const text = value.trim();
  if (NO_SECRET_VALUE.test(text)) return 'generic';
  const byValue = VALUES.find(({ begins }) => begins.test(text));
  if (byValue !== undefined) return byValue.type;
  const byName = typeOfName(name);
  if (PRIVATE_KEY_PEM.test(text)) return typeOfPrivateKey(name, byName);
  if (byName === 'generic' && URL_WITH_PASSWORD.test(text)) return 'password';
  return byName;
}

/** A PEM private key can serve any purpose, so a name that tells one is believed. */
function typeOfPrivateKey(name: string, byName: SecretType): SecretType {
  if (byName === 'jwt_secret' || byName === 'certificate') return byName;
  const isForEncryption = byName === 'encryption_key' && !wordsOf(name).endsWith('PRIVATE_KEY');
  return isForEncryption ? byName : 'ssh_key';
}

function typeOfName(name: string): SecretType {
  const words = wordsOf(name);
  if (words === 'PWD' || words === 'OLDPWD') return 'generic';
  for (const { ends, after, type } of NAMES) {
    const end = ends.exec(words);
    if (end !== null && (after?.test(words.slice(0, end.index)) ?? true)) return type;
  }
  return 'generic';
}

/** `apiKey`, `api-key` and `API.KEY_2` as `API_KEY`. */
function wordsOf(name: string): string {
  let words = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/[^A-Za-z0-9]+/g, '_')
    .replaceAll(/^_|_$/g, '')
    .toUpperCase();
  while (TELLS_APART.test(words)) words = words.replace(TELLS_APART, '');
  return words;
}
