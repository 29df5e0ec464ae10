import type { ProtectedTable } from './row-mac.ts';

// Which columns are covered is part of the format (`docs/spec/keyring.md`).

export const VAULT: ProtectedTable<'vault'> = {
  table: 'vault',
  key: ['id'],
  columns: ['id', 'created_at', 'restore_generation', 'root_key_id'],
  counted: true,
};

export const SLOTS: ProtectedTable<'slots'> = {
  table: 'slots',
  key: ['id'],
  columns: ['id', 'kind', 'root_key_id', 'params', 'wrapped', 'created_at'],
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
  columns: ['id', 'kind', 'name', 'created_at', 'disabled_at'],
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
export const COUNTED_TABLES: readonly ProtectedTable<
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
>[] = [
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
] as never;
