import { describe, expect, it } from 'vitest';
import { guessType } from './guess-type.ts';
import { SECRET_TYPES, type SecretType } from './secret-type.ts';

const NAMES: Readonly<Record<SecretType, readonly string[]>> = {
  generic: [
    'PORT',
    'NODE_ENV',
    'LOG_LEVEL',
    'DEBUG',
    'HOST',
    'API_URL',
    'KEYBOARD_LAYOUT',
    'MONKEY',
    'TOKENIZER_MODEL',
    'PUBLIC_KEY_PATH',
    'PUBLIC_KEY',
    'JWT_PUBLIC_KEY',
    'TOKEN_TTL',
    'MAX_TOKENS',
    'JWT_EXPIRES_IN',
    'PASSWORD_MIN_LENGTH',
    'PASSWORDLESS_LOGIN',
    'PASSPORT_STRATEGY',
    'COMPASS',
    'KEY_ROTATION_DAYS',
    'GOOGLE_CLIENT_ID',
    'SECRETARY_EMAIL',
    'DB_HOST',
    'DB_PORT',
    'DB_NAME',
    'CACHE_KEY',
    'S3_BUCKET',
    'WEBHOOK_URL',
    'CERTIFICATE_PATH',
    'REQUIRE_API_KEY',
    'PWD',
    '',
    'ENV',
  ],
  api_key: [
    'STRIPE_KEY',
    'AWS_ACCESS_KEY_ID',
    'AWS_SECRET_ACCESS_KEY',
    'OPENAI_API_KEY',
    'apiKey',
    'api-key',
    'APIKEY',
    'STRIPE_SECRET_KEY',
    'STRIPE_API_KEY_PROD',
    'API_KEY_2',
    'API_KEY2',
    'DD_APP_KEY',
    'CLOUDFLARE_API_TOKEN',
    'TWILIO_SECRET',
    'AWS_CREDENTIALS',
    'KEY',
  ],
  password: [
    'PASSWORD',
    'DB_PASSWORD',
    'PGPASSWORD',
    'MYSQL_PWD',
    'SMTP_PASS',
    'adminPassword',
    'SSH_KEY_PASSPHRASE',
    'REDIS_PASSWORD_STAGING',
  ],
  database_credential: [
    'DATABASE_URL',
    'DB_URL',
    'POSTGRES_DSN',
    'MONGODB_URI',
    'REDIS_URL',
    'DATABASE_URL_TEST',
    'AZURE_CONNECTION_STRING',
    'DB_CREDENTIALS',
    'PRISMA_DATABASE_URL',
  ],
  oauth_token: [
    'GITHUB_TOKEN',
    'NPM_TOKEN',
    'GOOGLE_CLIENT_SECRET',
    'OAUTH_SECRET',
    'TWITTER_CONSUMER_SECRET',
    'ACCESS_TOKEN',
    'refresh_token',
    'GITHUB_PAT',
    'TOKEN',
    'GOOGLE_OAUTH',
  ],
  encryption_key: [
    'ENCRYPTION_KEY',
    'APP_KEY',
    'MASTER_KEY',
    'APP_SECRET',
    'SECRET_KEY',
    'SECRET_KEY_BASE',
    'DJANGO_SECRET_KEY',
    'SESSION_SECRET',
    'COOKIE_SECRET',
    'PASSWORD_SALT',
    'HMAC_KEY',
    'ENCRYPTION_KEY_V2',
  ],
  jwt_secret: [
    'JWT_SECRET',
    'JWT_SECRET_KEY',
    'JWT_SIGNING_KEY',
    'JWT_PRIVATE_KEY',
    'NEXTAUTH_SECRET',
  ],
  ssh_key: ['SSH_KEY', 'SSH_PRIVATE_KEY', 'DEPLOY_KEY', 'ID_RSA', 'id_ed25519'],
  certificate: ['TLS_CERT', 'SSL_CERTIFICATE', 'TLS_KEY', 'CLIENT_CRT', 'DB_SSL_CA'],
  webhook_secret: [
    'STRIPE_WEBHOOK_SECRET',
    'GITHUB_WEBHOOK_SECRET',
    'WEBHOOK_SIGNING_KEY',
    'SLACK_SIGNING_SECRET',
  ],
};

const pem = (what: string): string => `-----BEGIN ${what}-----\nMIIB\n-----END ${what}-----\n`;

const VALUES: readonly (readonly [string, string, SecretType])[] = [
  ['PRIMARY', 'postgres://user:pass@db.internal/app', 'database_credential'],
  ['STORE', 'mongodb+srv://u:p@cluster.example.net', 'database_credential'],
  ['BROKER', 'amqp://user:pass@mq:5672', 'password'],
  ['HOMEPAGE', 'https://example.com:8080/a@b', 'generic'],
  ['SENTRY_DSN', 'https://abc@o1.ingest.sentry.io/2', 'generic'],
  ['PAYMENTS', 'sk_live_0123456789', 'api_key'],
  ['HOOK', 'whsec_0123456789', 'webhook_secret'],
  ['DEPLOY', 'ghp_0123456789', 'oauth_token'],
  ['BLOB', pem('OPENSSH PRIVATE KEY'), 'ssh_key'],
  ['BLOB', pem('RSA PRIVATE KEY'), 'ssh_key'],
  ['PRIVATE_KEY', pem('PRIVATE KEY'), 'ssh_key'],
  ['JWT_PRIVATE_KEY', pem('PRIVATE KEY'), 'jwt_secret'],
  ['TLS_KEY', pem('PRIVATE KEY'), 'certificate'],
  ['ENCRYPTION_KEY', pem('PRIVATE KEY'), 'encryption_key'],
  ['BLOB', pem('CERTIFICATE'), 'certificate'],
  ['SIGNING_KEY', pem('PUBLIC KEY'), 'generic'],
  ['TLS_CERT', '/etc/ssl/certs/site.pem', 'generic'],
  ['GOOGLE_APPLICATION_CREDENTIALS', './keys/service.json', 'generic'],
  ['API_KEY', 'true', 'generic'],
  ['AWS_SECRET_ACCESS_KEY', '/aB3/xyz+0123456789', 'api_key'],
];

describe('the guess of a type', () => {
  for (const type of SECRET_TYPES) {
    it.each(NAMES[type].map((name) => ({ name })))(`takes "$name" for ${type}`, ({ name }) => {
      expect(guessType(name)).toBe(type);
    });
  }

  it.each(VALUES.map(([name, value, type], row) => ({ row, name, value, type })))(
    'lets the form of the value decide for $name (row $row): $type',
    ({ name, value, type }) => {
      expect(guessType(name, value)).toBe(type);
    },
  );

  it('stays linear on a long value and a long name', () => {
    expect(guessType('A_'.repeat(50_000), 'a'.repeat(1_000_000))).toBe('generic');
  });
});
