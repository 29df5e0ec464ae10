import type { Migration } from './migration.ts';

/** The first schema: keyring, people and rights, secrets, audit log. */
export const first: Migration = {
  version: 1,
  statements: ({ text, integer, bytes, clustered, plain }) => {
    const mac = `row_revision ${integer} NOT NULL, mac_key ${integer} NOT NULL, mac ${bytes} NOT NULL`;
    return [
      `CREATE TABLE vault (id ${text} PRIMARY KEY, created_at ${integer} NOT NULL, restore_generation ${integer} NOT NULL, root_key_id ${text} NOT NULL, ${mac}) ${plain}`,
      `CREATE TABLE slots (id ${text} PRIMARY KEY, kind ${text} NOT NULL, root_key_id ${text} NOT NULL, params ${text} NOT NULL, wrapped ${bytes} NOT NULL, created_at ${integer} NOT NULL, ${mac}) ${plain}`,
      `CREATE TABLE keys (id ${text} PRIMARY KEY, purpose ${text} NOT NULL, workspace_id ${text}, number ${integer} NOT NULL, state ${text} NOT NULL, backend ${text} NOT NULL, root_key_id ${text} NOT NULL, wrapped ${bytes} NOT NULL, created_at ${integer} NOT NULL, ${mac}) ${plain}`,
      `CREATE UNIQUE INDEX keys_number ON keys (purpose, COALESCE(workspace_id, ''), number)`,
      `CREATE TABLE key_uses (key_id ${text} NOT NULL REFERENCES keys (id), node ${text} NOT NULL, uses ${integer} NOT NULL, ${mac}, PRIMARY KEY (key_id, node)) ${plain}`,
      `CREATE TABLE integrity (scope ${text} PRIMARY KEY, epoch ${integer} NOT NULL, row_count ${integer} NOT NULL, nonce ${bytes} NOT NULL, mac_sum ${bytes} NOT NULL, mac_key ${integer} NOT NULL, mac ${bytes} NOT NULL) ${plain}`,
      `CREATE TABLE workspaces (id ${text} PRIMARY KEY, name ${text} NOT NULL UNIQUE, created_at ${integer} NOT NULL, created_by ${text} NOT NULL, ${mac}) ${plain}`,
      `CREATE TABLE environments (id ${text} PRIMARY KEY, workspace_id ${text} NOT NULL REFERENCES workspaces (id), name ${text} NOT NULL, position ${integer} NOT NULL, protected ${integer} NOT NULL, created_at ${integer} NOT NULL, created_by ${text} NOT NULL, ${mac}, UNIQUE (workspace_id, name)) ${plain}`,
      `CREATE TABLE principals (id ${text} PRIMARY KEY, kind ${text} NOT NULL, name ${text} NOT NULL UNIQUE, created_at ${integer} NOT NULL, disabled_at ${integer}, ${mac}) ${plain}`,
      `CREATE TABLE roles (id ${text} PRIMARY KEY, workspace_id ${text} REFERENCES workspaces (id), name ${text} NOT NULL, built_in ${integer} NOT NULL, ${mac}) ${plain}`,
      `CREATE UNIQUE INDEX roles_name ON roles (COALESCE(workspace_id, ''), name)`,
      `CREATE TABLE grants (id ${text} PRIMARY KEY, workspace_id ${text} REFERENCES workspaces (id), subject_kind ${text} NOT NULL, subject_id ${text} NOT NULL, effect ${text} NOT NULL, capabilities ${text} NOT NULL, pattern ${text} NOT NULL, conditions ${text}, created_at ${integer} NOT NULL, created_by ${text}, ${mac}) ${plain}`,
      `CREATE INDEX grants_subject ON grants (subject_id)`,
      `CREATE TABLE memberships (id ${text} PRIMARY KEY, workspace_id ${text} REFERENCES workspaces (id), member_kind ${text} NOT NULL, member_id ${text} NOT NULL, parent_kind ${text} NOT NULL, parent_id ${text} NOT NULL, created_at ${integer} NOT NULL, ${mac}) ${plain}`,
      `CREATE INDEX memberships_member ON memberships (member_id)`,
      `CREATE UNIQUE INDEX memberships_once ON memberships (COALESCE(workspace_id, ''), member_kind, member_id, parent_kind, parent_id)`,
      `CREATE TABLE secrets (id ${text} PRIMARY KEY, workspace_id ${text} NOT NULL REFERENCES workspaces (id), environment_id ${text} NOT NULL REFERENCES environments (id), path ${text} NOT NULL, type ${text} NOT NULL, current_version ${integer} NOT NULL, current_commit ${bytes}, tags ${text} NOT NULL, metadata_revision ${integer} NOT NULL, metadata ${bytes}, expires_at ${integer}, created_at ${integer} NOT NULL, created_by ${text} NOT NULL, updated_at ${integer} NOT NULL, updated_by ${text} NOT NULL, deleted_at ${integer}, deleted_by ${text}, ${mac}) ${plain}`,
      `CREATE UNIQUE INDEX secrets_live ON secrets (environment_id, path) WHERE deleted_at IS NULL`,
      `CREATE INDEX secrets_trash ON secrets (environment_id, path, deleted_at) WHERE deleted_at IS NOT NULL`,
      `CREATE TABLE versions (secret_id ${text} NOT NULL REFERENCES secrets (id), version ${integer} NOT NULL, checksum_key ${integer} NOT NULL, checksum ${bytes} NOT NULL, envelope ${bytes} NOT NULL, created_at ${integer} NOT NULL, created_by ${text} NOT NULL, deleted_at ${integer}, destroyed_at ${integer}, ${mac}, PRIMARY KEY (secret_id, version)) ${plain}`,
      `CREATE TABLE layouts (environment_id ${text} PRIMARY KEY REFERENCES environments (id), revision ${integer} NOT NULL, envelope ${bytes} NOT NULL, ${mac}) ${plain}`,
      `CREATE TABLE idempotency (principal_id ${text} NOT NULL, workspace_id ${text} NOT NULL, operation ${text} NOT NULL, fingerprint_key ${integer} NOT NULL, key_mac ${bytes} NOT NULL, input_mac ${bytes} NOT NULL, answer ${bytes} NOT NULL, created_at ${integer} NOT NULL, PRIMARY KEY (principal_id, workspace_id, operation, key_mac)) ${plain}`,
      `CREATE INDEX idempotency_age ON idempotency (principal_id, created_at)`,
      `CREATE TABLE audit_logs (number ${integer} PRIMARY KEY, id ${text} NOT NULL UNIQUE, origin ${text} NOT NULL, ed25519_key_id ${text} NOT NULL, ml_dsa_key_id ${text} NOT NULL, ed25519_public ${bytes} NOT NULL, ml_dsa_public ${bytes} NOT NULL, state ${text} NOT NULL, created_at ${integer} NOT NULL, ${mac}) ${plain}`,
      `CREATE TABLE audit_entries (log ${integer} NOT NULL, seq ${integer} NOT NULL, body ${text} NOT NULL, PRIMARY KEY (log, seq)) ${plain}`,
      `CREATE TABLE audit_tiles (log ${integer} NOT NULL, level ${integer} NOT NULL, tile ${integer} NOT NULL, hashes ${bytes} NOT NULL, PRIMARY KEY (log, level, tile)) ${plain}`,
      `CREATE TABLE audit_heads (log ${integer} PRIMARY KEY, size ${integer} NOT NULL, root ${bytes} NOT NULL, mac_key ${integer} NOT NULL, mac ${bytes} NOT NULL) ${plain}`,
      `CREATE TABLE audit_checkpoints (log ${integer} NOT NULL, size ${integer} NOT NULL, root ${bytes} NOT NULL, note ${text} NOT NULL, created_at ${integer} NOT NULL, PRIMARY KEY (log, size)) ${plain}`,
      `CREATE TABLE audit_index (path ${text} NOT NULL, log ${integer} NOT NULL, seq ${integer} NOT NULL, PRIMARY KEY (path, log, seq)) ${clustered}`,
      `CREATE TABLE audit_indexed (log ${integer} PRIMARY KEY, size ${integer} NOT NULL) ${plain}`,
    ];
  },
};
