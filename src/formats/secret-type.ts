/** What kinds of secrets are told apart, for people and for reports; the kind changes no behaviour. */
export const SECRET_TYPES: readonly [
  'generic',
  'api_key',
  'password',
  'database_credential',
  'oauth_token',
  'encryption_key',
  'jwt_secret',
  'ssh_key',
  'certificate',
  'webhook_secret',
] = [
  'generic',
  'api_key',
  'password',
  'database_credential',
  'oauth_token',
  'encryption_key',
  'jwt_secret',
  'ssh_key',
  'certificate',
  'webhook_secret',
];

/** The kind of a secret. */
export type SecretType = (typeof SECRET_TYPES)[number];
