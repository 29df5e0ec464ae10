import type { Migration } from './migration.ts';

/** Credentials, factors, ways to sign in and wrong guesses (`docs/spec/identities.md`). */
export const identities: Migration = {
  version: 3,
  statements: ({ text, integer, bytes, plain }) => {
    const mac = `row_revision ${integer} NOT NULL, mac_key ${integer} NOT NULL, mac ${bytes} NOT NULL`;
    return [
      `ALTER TABLE vault ADD COLUMN restore_id ${text}`,
      `ALTER TABLE vault ADD COLUMN restored_at ${integer}`,
      `ALTER TABLE principals ADD COLUMN factors ${bytes}`,
      `ALTER TABLE principals ADD COLUMN generation ${integer}`,
      `ALTER TABLE memberships ADD COLUMN method_id ${text}`,

      `CREATE TABLE tokens (id ${text} PRIMARY KEY, kind ${text} NOT NULL, principal_id ${text}, family_id ${text} NOT NULL, method_id ${text}, token_key ${integer} NOT NULL, digest ${bytes} NOT NULL, lookup ${bytes}, label ${text}, limits ${text}, state ${text}, client ${text}, carrier ${text} NOT NULL, bound_to ${bytes}, restore_id ${text} NOT NULL, principal_generation ${integer} NOT NULL, method_generation ${integer} NOT NULL, created_at ${integer} NOT NULL, created_by ${text} NOT NULL, expires_at ${integer}, idle_ms ${integer}, used_at ${integer}, uses_left ${integer}, authenticated_at ${integer}, mfa_at ${integer}, ${mac}) ${plain}`,
      `CREATE UNIQUE INDEX tokens_digest ON tokens (digest)`,
      `CREATE UNIQUE INDEX tokens_lookup ON tokens (lookup) WHERE lookup IS NOT NULL`,
      `CREATE INDEX tokens_principal ON tokens (principal_id)`,
      `CREATE INDEX tokens_family ON tokens (family_id)`,
      `CREATE INDEX tokens_expiry ON tokens (expires_at) WHERE expires_at IS NOT NULL`,

      `CREATE TABLE revocations (id ${text} PRIMARY KEY, revoked_at ${integer} NOT NULL, revoked_by ${text} NOT NULL, until ${integer}, ${mac}) ${plain}`,

      `CREATE TABLE factors (id ${text} PRIMARY KEY, principal_id ${text} NOT NULL, kind ${text} NOT NULL, label ${text}, lookup ${text}, data ${text} NOT NULL, secret ${bytes}, revision ${integer} NOT NULL, confirmed_at ${integer}, created_at ${integer} NOT NULL, ${mac}) ${plain}`,
      `CREATE INDEX factors_principal ON factors (principal_id)`,
      `CREATE UNIQUE INDEX factors_lookup ON factors (kind, lookup) WHERE lookup IS NOT NULL`,
      `CREATE TABLE factor_uses (factor_id ${text} PRIMARY KEY, counter ${integer} NOT NULL, used_at ${integer}, ${mac}) ${plain}`,

      `CREATE TABLE auth_methods (id ${text} PRIMARY KEY, kind ${text} NOT NULL, name ${text} NOT NULL, principal_id ${text}, config ${text} NOT NULL, secret ${bytes}, revision ${integer} NOT NULL, generation ${integer} NOT NULL, disabled_at ${integer}, created_at ${integer} NOT NULL, created_by ${text} NOT NULL, ${mac}) ${plain}`,
      `CREATE UNIQUE INDEX auth_methods_name ON auth_methods (kind, name)`,

      `CREATE TABLE attempts (id ${text} PRIMARY KEY, fingerprint_key ${integer} NOT NULL, since ${integer} NOT NULL, failures ${integer} NOT NULL, last_at ${integer} NOT NULL, locked_until ${integer}, ${mac}) ${plain}`,
      `CREATE INDEX attempts_age ON attempts (last_at)`,
    ];
  },
};
