/**
 * Every way an operation can fail, by a stable code. Faces translate codes to
 * exit codes and HTTP status by table; nothing tells errors apart by text.
 */
export type ErrorCode =
  // What was asked
  | 'invalid_input'
  | 'invalid_name'
  | 'reserved_name'
  | 'value_too_large'
  | 'too_weak'
  | 'malformed_dotenv'
  | 'name_conflict'
  | 'binary_value'
  | 'unsafe_variable_name'
  | 'invalid_reference'
  | 'reference_limit'
  | 'reference_cycle'
  | 'import_cycle'
  | 'environment_protected'
  | 'idempotency_mismatch'
  | 'usage'
  // How it was asked, over HTTP
  | 'invalid_request'
  | 'request_too_large'
  | 'unsupported_media_type'
  | 'route_not_found'
  | 'method_not_allowed'
  | 'cross_site'
  // What is there
  | 'workspace_not_found'
  | 'workspace_exists'
  | 'environment_not_found'
  | 'environment_exists'
  | 'secret_not_found'
  | 'secret_exists'
  | 'secret_deleted'
  | 'secret_inactive'
  | 'version_not_found'
  | 'field_not_found'
  | 'cas_mismatch'
  | 'undo_conflict'
  | 'entry_not_found'
  | 'reference_not_found'
  | 'override_not_found'
  | 'import_not_found'
  | 'import_exists'
  | 'job_running'
  | 'no_generator'
  | 'slot_not_found'
  | 'last_slot'
  | 'slot_not_covered'
  | 'root_key_changed'
  | 'file_not_found'
  | 'file_exists'
  // Who may
  | 'unauthenticated'
  | 'reauth_required'
  | 'mfa_required'
  // As RFC 8628 §3.5 calls them
  | 'authorization_pending'
  | 'slow_down'
  | 'expired_token'
  | 'access_denied'
  | 'token_not_found'
  | 'factor_not_found'
  | 'method_not_found'
  | 'method_exists'
  | 'not_configured'
  | 'principal_unknown'
  | 'denied'
  | 'rate_limited'
  | 'subject_not_found'
  | 'subject_exists'
  | 'grant_not_found'
  | 'not_a_member'
  | 'group_cycle'
  | 'built_in_role'
  | 'last_owner'
  | 'escalation_refused'
  // The vault as a whole
  | 'vault_not_found'
  | 'vault_exists'
  | 'vault_has_checkpoint'
  | 'vault_in_use'
  | 'vault_closed'
  | 'sealed'
  | 'unreachable'
  | 'address_in_use'
  | 'not_a_vault'
  | 'schema_too_new'
  | 'unsupported_runtime'
  | 'package_missing'
  | 'self_test_failed'
  // Seals
  | 'key_not_found'
  | 'key_too_short'
  | 'key_file_exposed'
  | 'wrong_key'
  | 'wrong_passphrase'
  | 'passphrase_too_short'
  | 'invalid_share'
  | 'too_few_shares'
  | 'kdf_out_of_bounds'
  // Integrity
  | 'decryption_failed'
  | 'integrity_error'
  | 'database_corrupt'
  | 'rollback_detected'
  | 'audit_tampered'
  | 'audit_unverifiable'
  // Backups
  | 'backup_damaged'
  | 'backup_unverifiable'
  | 'backup_of_another_vault'
  | 'backup_not_found'
  // Storage
  | 'read_only'
  | 'storage_full'
  | 'storage_failed'
  | 'audit_blocked'
  | 'outcome_unknown'
  // Values and running programs
  | 'secret_wiped'
  | 'not_text'
  | 'program_not_found'
  | 'program_not_executable'
  | 'internal';

/** What to do with a vault that is damaged or was altered. */
export const DAMAGED_HINT =
  "keep a copy of the vault's files as they are, and go back to the newest copy that opens";

/** Facts about a failure that are safe to show: never a value, a key or a token. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** Options of a {@link StrongroomError}. */
export interface StrongroomErrorOptions {
  /** Public facts, such as the path or the line number. */
  readonly details?: ErrorDetails;
  /** One line that says what to do, often a corrected command. */
  readonly hint?: string;
  /** The private reason. Not shown to callers over a face. */
  readonly cause?: unknown;
}

/**
 * The one error that Strongroom throws on purpose.
 *
 * @example
 * try {
 *   await session.secrets.read({ environment: 'production', path: 'db/password' });
 * } catch (error) {
 *   if (error instanceof StrongroomError && error.code === 'secret_not_found') return;
 *   throw error;
 * }
 */
export class StrongroomError extends Error {
  override readonly name = 'StrongroomError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
  readonly hint: string | undefined;

  /**
   * @param code - What went wrong, from the table of codes.
   * @param message - Public, lower-case, no full stop; names no value, key or token.
   * @param options - Details, hint and private cause.
   */
  constructor(code: ErrorCode, message: string, options: StrongroomErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
    this.hint = options.hint;
  }
}
