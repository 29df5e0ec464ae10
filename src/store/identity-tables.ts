import type { ProtectedTable } from './row-mac.ts';

// Which columns are covered is part of the format (`docs/spec/identities.md`).

export const TOKENS: ProtectedTable<'tokens'> = {
  table: 'tokens',
  key: ['id'],
  columns: [
    'id',
    'kind',
    'principal_id',
    'family_id',
    'method_id',
    'token_key',
    'digest',
    'lookup',
    'label',
    'limits',
    'state',
    'client',
    'carrier',
    'bound_to',
    'restore_id',
    'principal_generation',
    'method_generation',
    'created_at',
    'created_by',
    'expires_at',
    'idle_ms',
    'used_at',
    'uses_left',
    'authenticated_at',
    'mfa_at',
  ],
  counted: false,
};

export const REVOCATIONS: ProtectedTable<'revocations'> = {
  table: 'revocations',
  key: ['id'],
  columns: ['id', 'revoked_at', 'revoked_by', 'until'],
  counted: true,
};

export const FACTORS: ProtectedTable<'factors'> = {
  table: 'factors',
  key: ['id'],
  columns: [
    'id',
    'principal_id',
    'kind',
    'label',
    'lookup',
    'data',
    'revision',
    'confirmed_at',
    'created_at',
  ],
  envelopes: ['secret'],
  counted: false,
};

export const FACTOR_USES: ProtectedTable<'factor_uses'> = {
  table: 'factor_uses',
  key: ['factor_id'],
  columns: ['factor_id', 'counter', 'used_at'],
  counted: false,
};

export const AUTH_METHODS: ProtectedTable<'auth_methods'> = {
  table: 'auth_methods',
  key: ['id'],
  columns: [
    'id',
    'kind',
    'name',
    'principal_id',
    'config',
    'revision',
    'generation',
    'disabled_at',
    'created_at',
    'created_by',
  ],
  envelopes: ['secret'],
  counted: true,
};

export const ATTEMPTS: ProtectedTable<'attempts'> = {
  table: 'attempts',
  key: ['id'],
  columns: ['id', 'fingerprint_key', 'since', 'failures', 'last_at', 'locked_until'],
  counted: false,
};
