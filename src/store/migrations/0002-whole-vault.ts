import type { Migration } from './migration.ts';

/**
 * Groups and settings, the past of secrets, rotation, imports and personal
 * values, jobs and backups. Columns that are added may be null, and a null is
 * left out of a row MAC, so that rows of before keep theirs.
 */
export const wholeVault: Migration = {
  version: 2,
  statements: ({ text, integer, bytes, clustered, plain }) => {
    const mac = `row_revision ${integer} NOT NULL, mac_key ${integer} NOT NULL, mac ${bytes} NOT NULL`;
    return [
      `ALTER TABLE slots ADD COLUMN proven_at ${integer}`,
      `ALTER TABLE slots ADD COLUMN pending_since ${integer}`,
      `ALTER TABLE slots ADD COLUMN replaces ${text}`,
      `ALTER TABLE grants ADD COLUMN secret_id ${text}`,
      `CREATE INDEX grants_secret ON grants (secret_id) WHERE secret_id IS NOT NULL`,
      `CREATE TABLE groups (id ${text} PRIMARY KEY, workspace_id ${text} REFERENCES workspaces (id), name ${text} NOT NULL, created_at ${integer} NOT NULL, created_by ${text} NOT NULL, ${mac}) ${plain}`,
      `CREATE UNIQUE INDEX groups_name ON groups (COALESCE(workspace_id, ''), name)`,
      `CREATE TABLE settings (id ${text} PRIMARY KEY, workspace_id ${text} REFERENCES workspaces (id), name ${text} NOT NULL, value ${text} NOT NULL, updated_at ${integer} NOT NULL, updated_by ${text} NOT NULL, ${mac}) ${plain}`,
      `CREATE UNIQUE INDEX settings_name ON settings (COALESCE(workspace_id, ''), name)`,

      `ALTER TABLE secrets ADD COLUMN previous_version ${integer}`,
      `ALTER TABLE secrets ADD COLUMN inactive_at ${integer}`,
      `ALTER TABLE secrets ADD COLUMN owner ${text}`,
      `ALTER TABLE secrets ADD COLUMN rotation_policy ${text}`,
      `ALTER TABLE secrets ADD COLUMN rotation_due_at ${integer}`,
      `ALTER TABLE secrets ADD COLUMN rotated_at ${integer}`,
      `ALTER TABLE secrets ADD COLUMN generator ${text}`,
      `ALTER TABLE secrets ADD COLUMN destroyed_at ${integer}`,
      `ALTER TABLE secrets ADD COLUMN state_since ${integer}`,
      `ALTER TABLE secrets ADD COLUMN states ${integer}`,
      `ALTER TABLE versions ADD COLUMN has_references ${integer}`,
      `CREATE INDEX secrets_kinds ON secrets (environment_id, type) WHERE deleted_at IS NULL`,
      `CREATE INDEX secrets_expiry ON secrets (expires_at, environment_id, inactive_at) WHERE expires_at IS NOT NULL AND deleted_at IS NULL`,
      `CREATE INDEX secrets_rotation ON secrets (rotation_due_at, environment_id, inactive_at) WHERE rotation_due_at IS NOT NULL AND deleted_at IS NULL`,
      `CREATE INDEX secrets_deleted ON secrets (deleted_at, environment_id) WHERE deleted_at IS NOT NULL AND destroyed_at IS NULL`,

      `CREATE TABLE secret_states (secret_id ${text} NOT NULL REFERENCES secrets (id), number ${integer} NOT NULL, workspace_id ${text} NOT NULL, environment_id ${text} NOT NULL, path ${text} NOT NULL, type ${text} NOT NULL, tags ${text} NOT NULL, metadata_revision ${integer} NOT NULL, metadata ${bytes}, expires_at ${integer}, inactive_at ${integer}, owner ${text}, rotation_policy ${text}, generator ${text}, deleted_at ${integer}, deleted_by ${text}, since ${integer} NOT NULL, until ${integer} NOT NULL, ended_by ${text} NOT NULL, ${mac}, PRIMARY KEY (secret_id, number), CHECK (number >= 1), CHECK (until >= since)) ${plain}`,
      `CREATE INDEX secret_states_place ON secret_states (environment_id, path, until, since)`,

      `CREATE TABLE imports (id ${text} PRIMARY KEY, workspace_id ${text} NOT NULL REFERENCES workspaces (id), environment_id ${text} NOT NULL REFERENCES environments (id), folder ${text} NOT NULL, source_environment_id ${text} NOT NULL, source_folder ${text} NOT NULL, position ${integer} NOT NULL, created_at ${integer} NOT NULL, created_by ${text} NOT NULL, ${mac}) ${plain}`,
      `CREATE UNIQUE INDEX imports_once ON imports (environment_id, folder, source_environment_id, source_folder)`,

      `CREATE TABLE personal_values (id ${text} PRIMARY KEY, workspace_id ${text} NOT NULL, environment_id ${text} NOT NULL REFERENCES environments (id), path ${text} NOT NULL, principal_id ${text} NOT NULL REFERENCES principals (id), revision ${integer} NOT NULL, envelope ${bytes} NOT NULL, created_at ${integer} NOT NULL, updated_at ${integer} NOT NULL, ${mac}) ${plain}`,
      `CREATE UNIQUE INDEX personal_values_once ON personal_values (principal_id, environment_id, path)`,

      `CREATE TABLE verify_attempts (principal_id ${text} NOT NULL, secret_id ${text} NOT NULL, since ${integer} NOT NULL, attempts ${integer} NOT NULL, ${mac}, PRIMARY KEY (principal_id, secret_id)) ${plain}`,

      `CREATE TABLE jobs (id ${text} PRIMARY KEY, kind ${text} NOT NULL, workspace_id ${text}, state ${text} NOT NULL, input ${text} NOT NULL, position ${text}, done ${integer} NOT NULL, total ${integer} NOT NULL, failed ${integer} NOT NULL, detail ${text}, created_at ${integer} NOT NULL, created_by ${text} NOT NULL, updated_at ${integer} NOT NULL, finished_at ${integer}, ${mac}) ${plain}`,
      `CREATE UNIQUE INDEX jobs_running ON jobs (kind, COALESCE(workspace_id, '')) WHERE finished_at IS NULL`,

      `CREATE TABLE backups (id ${text} PRIMARY KEY, file ${text} NOT NULL, created_at ${integer} NOT NULL, size_bytes ${integer} NOT NULL, sha256 ${bytes} NOT NULL, root_key_id ${text} NOT NULL, audit_log ${text} NOT NULL, audit_size ${integer} NOT NULL, secrets ${integer} NOT NULL, versions ${integer} NOT NULL, proven_at ${integer}, receipt ${text}, verified_at ${integer}, keep_until ${integer}, removed_at ${integer}, ${mac}) ${plain}`,
      `CREATE INDEX backups_age ON backups (created_at)`,

      `CREATE TABLE secret_reads (secret_id ${text} PRIMARY KEY, reads ${integer} NOT NULL, last_read_at ${integer} NOT NULL) ${clustered}`,
      `DELETE FROM audit_index`,
      `DELETE FROM audit_indexed`,
    ];
  },
};
