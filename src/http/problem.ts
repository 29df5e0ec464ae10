import type { ErrorCode, ErrorDetails, StrongroomError } from '../errors.ts';
import { wireName } from '../lib/wire.ts';

/** The HTTP status of each code (RFC 9110 §15). */
export const STATUS: Readonly<Record<ErrorCode, number>> = {
  invalid_input: 400,
  invalid_name: 400,
  reserved_name: 400,
  value_too_large: 413,
  too_weak: 400,
  malformed_dotenv: 400,
  name_conflict: 409,
  binary_value: 400,
  unsafe_variable_name: 400,
  invalid_reference: 400,
  reference_limit: 409,
  reference_cycle: 409,
  import_cycle: 409,
  environment_protected: 403,
  idempotency_mismatch: 422,
  usage: 400,
  invalid_request: 400,
  request_too_large: 413,
  unsupported_media_type: 415,
  route_not_found: 404,
  method_not_allowed: 405,
  cross_site: 403,
  workspace_not_found: 404,
  workspace_exists: 409,
  environment_not_found: 404,
  environment_exists: 409,
  secret_not_found: 404,
  secret_exists: 409,
  secret_deleted: 404,
  secret_inactive: 409,
  version_not_found: 404,
  field_not_found: 404,
  cas_mismatch: 412,
  undo_conflict: 409,
  entry_not_found: 404,
  reference_not_found: 404,
  override_not_found: 404,
  import_not_found: 404,
  import_exists: 409,
  job_running: 409,
  no_generator: 409,
  slot_not_found: 404,
  last_slot: 409,
  slot_not_covered: 409,
  root_key_changed: 409,
  file_not_found: 404,
  file_exists: 409,
  unauthenticated: 401,
  reauth_required: 403,
  mfa_required: 403,
  authorization_pending: 400,
  slow_down: 429,
  expired_token: 400,
  access_denied: 403,
  token_not_found: 404,
  factor_not_found: 404,
  method_not_found: 404,
  method_exists: 409,
  not_configured: 409,
  principal_unknown: 401,
  denied: 403,
  rate_limited: 429,
  subject_not_found: 404,
  subject_exists: 409,
  grant_not_found: 404,
  not_a_member: 404,
  group_cycle: 409,
  built_in_role: 409,
  last_owner: 409,
  escalation_refused: 403,
  vault_not_found: 404,
  vault_exists: 409,
  vault_has_checkpoint: 409,
  vault_in_use: 503,
  vault_closed: 503,
  sealed: 503,
  unreachable: 503,
  address_in_use: 500,
  not_a_vault: 500,
  schema_too_new: 500,
  unsupported_runtime: 500,
  package_missing: 501,
  self_test_failed: 500,
  key_not_found: 404,
  key_too_short: 400,
  key_file_exposed: 400,
  wrong_key: 400,
  wrong_passphrase: 400,
  passphrase_too_short: 400,
  invalid_share: 400,
  too_few_shares: 400,
  kdf_out_of_bounds: 400,
  decryption_failed: 500,
  integrity_error: 500,
  database_corrupt: 500,
  rollback_detected: 500,
  audit_tampered: 500,
  audit_unverifiable: 500,
  backup_damaged: 409,
  backup_unverifiable: 409,
  backup_of_another_vault: 400,
  backup_not_found: 404,
  read_only: 503,
  storage_full: 507,
  storage_failed: 503,
  audit_blocked: 503,
  outcome_unknown: 503,
  secret_wiped: 500,
  not_text: 400,
  program_not_found: 404,
  program_not_executable: 400,
  internal: 500,
};

/** A problem document, RFC 9457, with our `code`. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
  /** What to do, often a corrected command. */
  readonly hint?: string;
  /** Public facts, such as the path, by their names over HTTP. */
  readonly details?: ErrorDetails;
  /** The id under which the request is on record. */
  readonly request_id?: string;
}

/** The media type of {@link Problem}. */
export const PROBLEM_TYPE = 'application/problem+json';

/**
 * The problem document of an error. Its private cause stays here.
 *
 * @param request - The id of the request, if it has one.
 */
export function problemOf(error: StrongroomError, request?: string): Problem {
  const { code, message, hint, details } = error;
  return {
    type: `urn:strongroom:error:${code}`,
    title: code.replaceAll('_', ' '),
    status: STATUS[code],
    code,
    detail: message,
    ...(hint === undefined ? {} : { hint }),
    ...(Object.keys(details).length === 0 ? {} : { details: wireDetails(details) }),
    ...(request === undefined ? {} : { request_id: request }),
  };
}

function wireDetails(details: ErrorDetails): ErrorDetails {
  return Object.fromEntries(Object.entries(details).map(([name, fact]) => [wireName(name), fact]));
}
