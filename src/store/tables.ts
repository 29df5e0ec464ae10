import type {
  AttemptsRow,
  AuthMethodRow,
  FactorRow,
  FactorUsesRow,
  RevocationRow,
  TokenRow,
} from './identity-rows.ts';

export type {
  AttemptsRow,
  AuthMethodRow,
  FactorRow,
  FactorUsesRow,
  RevocationRow,
  TokenRow,
} from './identity-rows.ts';

/** Columns of a row that is under a MAC; see `docs/spec/keyring.md`. */
export interface ProtectedColumns {
  readonly row_revision: number;
  readonly mac_key: number;
  readonly mac: Uint8Array;
}

export interface VaultRow extends ProtectedColumns {
  readonly id: string;
  readonly created_at: number;
  readonly restore_generation: number;
  readonly root_key_id: string;
  /** What was given out before the last restore names another; null before the first. */
  readonly restore_id: string | null;
  readonly restored_at: number | null;
}

export interface SlotRow extends ProtectedColumns {
  readonly id: string;
  readonly kind: string;
  readonly root_key_id: string;
  readonly params: string;
  readonly wrapped: Uint8Array;
  readonly created_at: number;
  /** When it last was proven to open; null if never since it was made. */
  readonly proven_at: number | null;
  /** Set while what opens it must still be entered back; it does not count as a slot until then. */
  readonly pending_since: number | null;
  /** Id of the slot that goes when this one is no longer pending. */
  readonly replaces: string | null;
}

export interface KeyRow extends ProtectedColumns {
  readonly id: string;
  readonly purpose: string;
  readonly workspace_id: string | null;
  readonly number: number;
  readonly state: string;
  readonly backend: string;
  readonly root_key_id: string;
  readonly wrapped: Uint8Array;
  readonly created_at: number;
}

export interface KeyUsesRow extends ProtectedColumns {
  readonly key_id: string;
  readonly node: string;
  readonly uses: number;
}

export interface IntegrityRow {
  readonly scope: string;
  readonly epoch: number;
  readonly row_count: number;
  readonly nonce: Uint8Array;
  readonly mac_sum: Uint8Array;
  readonly mac_key: number;
  readonly mac: Uint8Array;
}

export interface WorkspaceRow extends ProtectedColumns {
  readonly id: string;
  readonly name: string;
  readonly created_at: number;
  readonly created_by: string;
}

export interface EnvironmentRow extends ProtectedColumns {
  readonly id: string;
  readonly workspace_id: string;
  readonly name: string;
  readonly position: number;
  readonly protected: number;
  readonly created_at: number;
  readonly created_by: string;
}

export interface PrincipalRow extends ProtectedColumns {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly created_at: number;
  readonly disabled_at: number | null;
  /** Hash over its rows of `factors`; null without any. */
  readonly factors: Uint8Array | null;
  /** Credentials of an earlier one are void; null is 0. */
  readonly generation: number | null;
}

export interface RoleRow extends ProtectedColumns {
  readonly id: string;
  readonly workspace_id: string | null;
  readonly name: string;
  readonly built_in: number;
}

export interface GrantRow extends ProtectedColumns {
  readonly id: string;
  readonly workspace_id: string | null;
  readonly subject_kind: string;
  readonly subject_id: string;
  readonly effect: string;
  readonly capabilities: string;
  readonly pattern: string;
  readonly conditions: string | null;
  readonly created_at: number;
  readonly created_by: string | null;
  /** Of a grant on one secret: that secret, which it follows when it is renamed. */
  readonly secret_id: string | null;
}

export interface GroupRow extends ProtectedColumns {
  readonly id: string;
  readonly workspace_id: string | null;
  readonly name: string;
  readonly created_at: number;
  readonly created_by: string;
}

/** A setting of a workspace, or of the vault; `value` is canonical JSON. */
export interface SettingRow extends ProtectedColumns {
  readonly id: string;
  readonly workspace_id: string | null;
  readonly name: string;
  readonly value: string;
  readonly updated_at: number;
  readonly updated_by: string;
}

export interface MembershipRow extends ProtectedColumns {
  readonly id: string;
  readonly workspace_id: string | null;
  readonly member_kind: string;
  readonly member_id: string;
  readonly parent_kind: string;
  readonly parent_id: string;
  readonly created_at: number;
  /** The way to sign in whose claims say so; null: a person does. */
  readonly method_id: string | null;
}

export interface SecretRow extends ProtectedColumns {
  readonly id: string;
  readonly workspace_id: string;
  readonly environment_id: string;
  readonly path: string;
  readonly type: string;
  readonly current_version: number;
  /** The commitment of the current version's envelope; null while that version is deleted. */
  readonly current_commit: Uint8Array | null;
  readonly tags: string;
  readonly metadata_revision: number;
  readonly metadata: Uint8Array | null;
  readonly expires_at: number | null;
  readonly created_at: number;
  readonly created_by: string;
  readonly updated_at: number;
  readonly updated_by: string;
  readonly deleted_at: number | null;
  readonly deleted_by: string | null;
  /** The version of stage `previous`, until it is retired. */
  readonly previous_version: number | null;
  /** Since when the secret is not to be given out; null: it is active. */
  readonly inactive_at: number | null;
  /** Principal id of who answers for it. */
  readonly owner: string | null;
  /** Null is `manual`. */
  readonly rotation_policy: string | null;
  readonly rotation_due_at: number | null;
  readonly rotated_at: number | null;
  /** Canonical JSON: how a new value is generated. */
  readonly generator: string | null;
  /** Since when no version has a value any more; the row stays. */
  readonly destroyed_at: number | null;
  /** Since when the row says what it says, versions aside; null: since it was made. */
  readonly state_since: number | null;
  /** How many rows of `secret_states` there are; null is 0. */
  readonly states: number | null;
}

/** What the row of a secret said for a time that is over, versions aside. */
export interface SecretStateRow extends ProtectedColumns {
  readonly secret_id: string;
  /** From 1 on, in order. */
  readonly number: number;
  readonly workspace_id: string;
  readonly environment_id: string;
  readonly path: string;
  readonly type: string;
  readonly tags: string;
  readonly metadata_revision: number;
  readonly metadata: Uint8Array | null;
  readonly expires_at: number | null;
  readonly inactive_at: number | null;
  readonly owner: string | null;
  readonly rotation_policy: string | null;
  readonly generator: string | null;
  readonly deleted_at: number | null;
  readonly deleted_by: string | null;
  readonly since: number;
  readonly until: number;
  /** Principal id of who ended it. */
  readonly ended_by: string;
}

export interface VersionRow extends ProtectedColumns {
  readonly secret_id: string;
  readonly version: number;
  readonly checksum_key: number;
  readonly checksum: Uint8Array;
  readonly envelope: Uint8Array;
  readonly created_at: number;
  readonly created_by: string;
  readonly deleted_at: number | null;
  /** Since when there is no value any more: envelope and checksum are empty. */
  readonly destroyed_at: number | null;
  /** 1 if `${…}` in the value stands for other secrets; null: it is literal. */
  readonly has_references: number | null;
}

export interface LayoutRow extends ProtectedColumns {
  readonly environment_id: string;
  readonly revision: number;
  readonly envelope: Uint8Array;
}

/** One environment or folder seen through another: what `environment_id` lacks comes from the source. */
export interface ImportRow extends ProtectedColumns {
  readonly id: string;
  readonly workspace_id: string;
  readonly environment_id: string;
  /** Ends with `/`, or is empty for the whole environment. */
  readonly folder: string;
  readonly source_environment_id: string;
  readonly source_folder: string;
  /** Of two imports the one with the higher position wins. */
  readonly position: number;
  readonly created_at: number;
  readonly created_by: string;
}

/** What one principal has at a path instead of the value that all others have. */
export interface PersonalValueRow extends ProtectedColumns {
  readonly id: string;
  readonly workspace_id: string;
  readonly environment_id: string;
  readonly path: string;
  readonly principal_id: string;
  readonly revision: number;
  readonly envelope: Uint8Array;
  readonly created_at: number;
  readonly updated_at: number;
}

/** How often somebody has lately held a candidate against a secret. */
export interface VerifyAttemptsRow extends ProtectedColumns {
  readonly principal_id: string;
  readonly secret_id: string;
  readonly since: number;
  readonly attempts: number;
}

/** Work that goes on over many transactions and begins again where it stopped. */
export interface JobRow extends ProtectedColumns {
  readonly id: string;
  readonly kind: string;
  readonly workspace_id: string | null;
  readonly state: string;
  /** Canonical JSON: what it was asked. */
  readonly input: string;
  /** Where it goes on; its form is the kind's. */
  readonly position: string | null;
  readonly done: number;
  readonly total: number;
  readonly failed: number;
  readonly detail: string | null;
  readonly created_at: number;
  readonly created_by: string;
  readonly updated_at: number;
  /** Of one kind and workspace at most one is not finished. */
  readonly finished_at: number | null;
}

export interface BackupRow extends ProtectedColumns {
  readonly id: string;
  readonly file: string;
  readonly created_at: number;
  readonly size_bytes: number;
  readonly sha256: Uint8Array;
  readonly root_key_id: string;
  /** The audit log and its size when it was made. */
  readonly audit_log: string;
  readonly audit_size: number;
  readonly secrets: number;
  readonly versions: number;
  /** When a restore of it was last tried with success. */
  readonly proven_at: number | null;
  readonly receipt: string | null;
  readonly verified_at: number | null;
  /** Until when the file is kept; null: nobody removes it. */
  readonly keep_until: number | null;
  readonly removed_at: number | null;
}

export interface IdempotencyRow {
  readonly principal_id: string;
  readonly workspace_id: string;
  readonly operation: string;
  readonly fingerprint_key: number;
  readonly key_mac: Uint8Array;
  readonly input_mac: Uint8Array;
  readonly answer: Uint8Array;
  readonly created_at: number;
}

export interface AuditLogRow extends ProtectedColumns {
  readonly number: number;
  readonly id: string;
  readonly origin: string;
  readonly ed25519_key_id: string;
  readonly ml_dsa_key_id: string;
  readonly ed25519_public: Uint8Array;
  readonly ml_dsa_public: Uint8Array;
  readonly state: string;
  readonly created_at: number;
}

export interface AuditEntryRow {
  readonly log: number;
  readonly seq: number;
  readonly body: string;
}

export interface AuditTileRow {
  readonly log: number;
  readonly level: number;
  readonly tile: number;
  readonly hashes: Uint8Array;
}

/** What a log's tree is after the newest transaction, under a MAC. */
export interface AuditHeadRow {
  readonly log: number;
  readonly size: number;
  readonly root: Uint8Array;
  readonly mac_key: number;
  readonly mac: Uint8Array;
}

export interface AuditCheckpointRow {
  readonly log: number;
  readonly size: number;
  readonly root: Uint8Array;
  readonly note: string;
  readonly created_at: number;
}

/** Which entries name a path: a hint that is filled lazily and can be made again from the entries. */
export interface AuditIndexRow {
  readonly path: string;
  readonly log: number;
  readonly seq: number;
}

/** Every table of the vault, for the query builder. */
export interface Tables {
  readonly schema_versions: { readonly version: number; readonly applied_at: number };
  readonly vault: VaultRow;
  readonly slots: SlotRow;
  readonly keys: KeyRow;
  readonly key_uses: KeyUsesRow;
  readonly integrity: IntegrityRow;
  readonly workspaces: WorkspaceRow;
  readonly environments: EnvironmentRow;
  readonly principals: PrincipalRow;
  readonly roles: RoleRow;
  readonly grants: GrantRow;
  readonly memberships: MembershipRow;
  readonly secrets: SecretRow;
  readonly versions: VersionRow;
  readonly layouts: LayoutRow;
  readonly idempotency: IdempotencyRow;
  readonly audit_logs: AuditLogRow;
  readonly audit_entries: AuditEntryRow;
  readonly audit_tiles: AuditTileRow;
  readonly audit_heads: AuditHeadRow;
  readonly audit_checkpoints: AuditCheckpointRow;
  readonly audit_index: AuditIndexRow;
  /** How far the lazily filled `audit_index` reaches in each log. */
  readonly audit_indexed: { readonly log: number; readonly size: number };
  readonly groups: GroupRow;
  readonly settings: SettingRow;
  readonly secret_states: SecretStateRow;
  readonly imports: ImportRow;
  readonly personal_values: PersonalValueRow;
  readonly verify_attempts: VerifyAttemptsRow;
  readonly jobs: JobRow;
  readonly backups: BackupRow;
  readonly tokens: TokenRow;
  readonly revocations: RevocationRow;
  readonly factors: FactorRow;
  readonly factor_uses: FactorUsesRow;
  readonly auth_methods: AuthMethodRow;
  readonly attempts: AttemptsRow;
  /** Who reads what is in the log; this is how often, filled like `audit_index`. */
  readonly secret_reads: {
    readonly secret_id: string;
    readonly reads: number;
    readonly last_read_at: number;
  };
}

/** The name of a table. */
export type TableName = keyof Tables;
