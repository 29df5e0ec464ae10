import { AUTH_METHODS, REVOCATIONS } from './identity-tables.ts';
import type { ProtectedTable } from './row-mac.ts';

export {
  ATTEMPTS,
  AUTH_METHODS,
  FACTOR_USES,
  FACTORS,
  REVOCATIONS,
  TOKENS,
} from './identity-tables.ts';

// Which columns are covered is part of the format (`docs/spec/keyring.md`).

export const VAULT: ProtectedTable<'vault'> = {
  table: 'vault',
  key: ['id'],
  columns: ['id', 'created_at', 'restore_generation', 'root_key_id', 'restore_id', 'restored_at'],
  counted: true,
};

export const SLOTS: ProtectedTable<'slots'> = {
  table: 'slots',
  key: ['id'],
  columns: [
    'id',
    'kind',
    'root_key_id',
    'params',
    'wrapped',
    'created_at',
    'proven_at',
    'pending_since',
    'replaces',
  ],
  counted: true,
};

export const KEYS: ProtectedTable<'keys'> = {
  table: 'keys',
  key: ['id'],
  columns: [
    'id',
    'purpose',
    'workspace_id',
    'number',
    'state',
    'backend',
    'root_key_id',
    'wrapped',
    'created_at',
  ],
  counted: true,
};

export const KEY_USES: ProtectedTable<'key_uses'> = {
  table: 'key_uses',
  key: ['key_id', 'node'],
  columns: ['key_id', 'node', 'uses'],
  counted: false,
};

export const WORKSPACES: ProtectedTable<'workspaces'> = {
  table: 'workspaces',
  key: ['id'],
  columns: ['id', 'name', 'created_at', 'created_by'],
  counted: true,
};

export const ENVIRONMENTS: ProtectedTable<'environments'> = {
  table: 'environments',
  key: ['id'],
  columns: ['id', 'workspace_id', 'name', 'position', 'protected', 'created_at', 'created_by'],
  counted: true,
};

export const PRINCIPALS: ProtectedTable<'principals'> = {
  table: 'principals',
  key: ['id'],
  columns: ['id', 'kind', 'name', 'created_at', 'disabled_at', 'factors', 'generation'],
  counted: true,
};

export const ROLES: ProtectedTable<'roles'> = {
  table: 'roles',
  key: ['id'],
  columns: ['id', 'workspace_id', 'name', 'built_in'],
  counted: true,
};

export const GRANTS: ProtectedTable<'grants'> = {
  table: 'grants',
  key: ['id'],
  columns: [
    'id',
    'workspace_id',
    'subject_kind',
    'subject_id',
    'effect',
    'capabilities',
    'pattern',
    'conditions',
    'created_at',
    'created_by',
    'secret_id',
  ],
  counted: true,
};

export const GROUPS: ProtectedTable<'groups'> = {
  table: 'groups',
  key: ['id'],
  columns: ['id', 'workspace_id', 'name', 'created_at', 'created_by'],
  counted: true,
};

export const SETTINGS: ProtectedTable<'settings'> = {
  table: 'settings',
  key: ['id'],
  columns: ['id', 'workspace_id', 'name', 'value', 'updated_at', 'updated_by'],
  counted: true,
};

export const IMPORTS: ProtectedTable<'imports'> = {
  table: 'imports',
  key: ['id'],
  columns: [
    'id',
    'workspace_id',
    'environment_id',
    'folder',
    'source_environment_id',
    'source_folder',
    'position',
    'created_at',
    'created_by',
  ],
  counted: true,
};

export const MEMBERSHIPS: ProtectedTable<'memberships'> = {
  table: 'memberships',
  key: ['id'],
  columns: [
    'id',
    'workspace_id',
    'member_kind',
    'member_id',
    'parent_kind',
    'parent_id',
    'created_at',
    'method_id',
  ],
  counted: true,
};

export const SECRETS: ProtectedTable<'secrets'> = {
  table: 'secrets',
  key: ['id'],
  columns: [
    'id',
    'workspace_id',
    'environment_id',
    'path',
    'type',
    'current_version',
    'current_commit',
    'tags',
    'metadata_revision',
    'expires_at',
    'created_at',
    'created_by',
    'updated_at',
    'updated_by',
    'deleted_at',
    'deleted_by',
    'previous_version',
    'inactive_at',
    'owner',
    'rotation_policy',
    'rotation_due_at',
    'rotated_at',
    'generator',
    'destroyed_at',
    'state_since',
    'states',
  ],
  envelopes: ['metadata'],
  counted: false,
};

export const SECRET_STATES: ProtectedTable<'secret_states'> = {
  table: 'secret_states',
  key: ['secret_id', 'number'],
  columns: [
    'secret_id',
    'number',
    'workspace_id',
    'environment_id',
    'path',
    'type',
    'tags',
    'metadata_revision',
    'expires_at',
    'inactive_at',
    'owner',
    'rotation_policy',
    'generator',
    'deleted_at',
    'deleted_by',
    'since',
    'until',
    'ended_by',
  ],
  envelopes: ['metadata'],
  counted: false,
};

export const VERSIONS: ProtectedTable<'versions'> = {
  table: 'versions',
  key: ['secret_id', 'version'],
  columns: [
    'secret_id',
    'version',
    'checksum_key',
    'checksum',
    'created_at',
    'created_by',
    'deleted_at',
    'destroyed_at',
    'has_references',
  ],
  envelopes: ['envelope'],
  counted: false,
};

export const LAYOUTS: ProtectedTable<'layouts'> = {
  table: 'layouts',
  key: ['environment_id'],
  columns: ['environment_id', 'revision'],
  envelopes: ['envelope'],
  counted: false,
};

export const PERSONAL_VALUES: ProtectedTable<'personal_values'> = {
  table: 'personal_values',
  key: ['id'],
  columns: [
    'id',
    'workspace_id',
    'environment_id',
    'path',
    'principal_id',
    'revision',
    'created_at',
    'updated_at',
  ],
  envelopes: ['envelope'],
  counted: true,
};

export const VERIFY_ATTEMPTS: ProtectedTable<'verify_attempts'> = {
  table: 'verify_attempts',
  key: ['principal_id', 'secret_id'],
  columns: ['principal_id', 'secret_id', 'since', 'attempts'],
  counted: false,
};

export const BACKUPS: ProtectedTable<'backups'> = {
  table: 'backups',
  key: ['id'],
  columns: [
    'id',
    'file',
    'created_at',
    'size_bytes',
    'sha256',
    'root_key_id',
    'audit_log',
    'audit_size',
    'secrets',
    'versions',
    'proven_at',
    'receipt',
    'verified_at',
    'keep_until',
    'removed_at',
  ],
  counted: true,
};

export const JOBS: ProtectedTable<'jobs'> = {
  table: 'jobs',
  key: ['id'],
  columns: [
    'id',
    'kind',
    'workspace_id',
    'state',
    'input',
    'position',
    'done',
    'total',
    'failed',
    'detail',
    'created_at',
    'created_by',
    'updated_at',
    'finished_at',
  ],
  counted: false,
};

export const AUDIT_LOGS: ProtectedTable<'audit_logs'> = {
  table: 'audit_logs',
  key: ['id'],
  columns: [
    'number',
    'id',
    'origin',
    'ed25519_key_id',
    'ml_dsa_key_id',
    'ed25519_public',
    'ml_dsa_public',
    'state',
    'created_at',
  ],
  counted: true,
};

/** The tables whose rows are counted by integrity rows, in the order in which they are checked. */
export const COUNTED_TABLES: readonly ProtectedTable<CountedTable>[] = [
  VAULT,
  SLOTS,
  KEYS,
  WORKSPACES,
  ENVIRONMENTS,
  PRINCIPALS,
  ROLES,
  GRANTS,
  MEMBERSHIPS,
  AUDIT_LOGS,
  GROUPS,
  SETTINGS,
  IMPORTS,
  BACKUPS,
  PERSONAL_VALUES,
  REVOCATIONS,
  AUTH_METHODS,
] as never;

/** The name of a table whose rows are counted. */
export type CountedTable =
  | 'vault'
  | 'slots'
  | 'keys'
  | 'workspaces'
  | 'environments'
  | 'principals'
  | 'roles'
  | 'grants'
  | 'memberships'
  | 'audit_logs'
  | 'groups'
  | 'settings'
  | 'imports'
  | 'backups'
  | 'personal_values'
  | 'revocations'
  | 'auth_methods';
