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
}

export interface SlotRow extends ProtectedColumns {
  readonly id: string;
  readonly kind: string;
  readonly root_key_id: string;
  readonly params: string;
  readonly wrapped: Uint8Array;
  readonly created_at: number;
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
}

export interface MembershipRow extends ProtectedColumns {
  readonly id: string;
  readonly workspace_id: string | null;
  readonly member_kind: string;
  readonly member_id: string;
  readonly parent_kind: string;
  readonly parent_id: string;
  readonly created_at: number;
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
  readonly destroyed_at: number | null;
}

export interface LayoutRow extends ProtectedColumns {
  readonly environment_id: string;
  readonly revision: number;
  readonly envelope: Uint8Array;
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
}

/** The name of a table. */
export type TableName = keyof Tables;
