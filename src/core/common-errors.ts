import type { ErrorCode } from '../errors.ts';
import type { Operation } from './operation.ts';
import { IN_WORKSPACE } from './rest-binding.ts';

/**
 * What any call may fail with, whatever it asks for: who calls and how often,
 * what was sent, and whether the vault can answer and put it on record.
 */
export const COMMON_ERRORS: readonly ErrorCode[] = [
  'invalid_input',
  'invalid_name',
  'unauthenticated',
  'principal_unknown',
  'denied',
  'mfa_required',
  'reauth_required',
  'rate_limited',
  'sealed',
  'vault_closed',
  'vault_in_use',
  'read_only',
  'storage_full',
  'storage_failed',
  'audit_blocked',
  'outcome_unknown',
  'integrity_error',
  'decryption_failed',
  'database_corrupt',
  'rollback_detected',
  'audit_tampered',
  'secret_wiped',
  'internal',
];

/** What a call about a workspace may fail with besides, also for whoever may not know of it. */
export const WORKSPACE_ERRORS: readonly ErrorCode[] = ['workspace_not_found'];

/** What a call that changes something may fail with besides. */
export const CHANGE_ERRORS: readonly ErrorCode[] = ['idempotency_mismatch'];

/** Every code that a call of an operation may fail with: what any may, and what it says of its own. */
export function errorsOf({ errors, rest, mutates }: ErrorsDeclared): ReadonlySet<ErrorCode> {
  const isInWorkspace = rest.some(({ path }) => path.startsWith(IN_WORKSPACE));
  return new Set([
    ...COMMON_ERRORS,
    ...(isInWorkspace ? WORKSPACE_ERRORS : []),
    ...(mutates ? CHANGE_ERRORS : []),
    ...errors,
  ]);
}

type ErrorsDeclared = Pick<Operation<unknown, unknown>, 'errors' | 'rest' | 'mutates'>;
