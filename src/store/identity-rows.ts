import type { ProtectedColumns } from './tables.ts';

/** A bearer credential: of the credential itself there is an HMAC only. */
export interface TokenRow extends ProtectedColumns {
  readonly id: string;
  readonly kind: string;
  readonly principal_id: string | null;
  readonly family_id: string;
  readonly method_id: string | null;
  readonly token_key: number;
  readonly digest: Uint8Array;
  readonly lookup: Uint8Array | null;
  readonly label: string | null;
  /** Canonical JSON. */
  readonly limits: string | null;
  /** Canonical JSON; its form is the kind's. */
  readonly state: string | null;
  /** Canonical JSON: where it was made from. */
  readonly client: string | null;
  readonly carrier: string;
  readonly bound_to: Uint8Array | null;
  readonly restore_id: string;
  readonly principal_generation: number;
  readonly method_generation: number;
  readonly created_at: number;
  readonly created_by: string;
  readonly expires_at: number | null;
  readonly idle_ms: number | null;
  readonly used_at: number | null;
  readonly uses_left: number | null;
  readonly authenticated_at: number | null;
  readonly mfa_at: number | null;
}

/** A credential, or a family of them, that opens nothing any more. */
export interface RevocationRow extends ProtectedColumns {
  readonly id: string;
  readonly revoked_at: number;
  readonly revoked_by: string;
  /** When all that it concerns has expired; null: never. */
  readonly until: number | null;
}

/** What somebody proves who they are with. */
export interface FactorRow extends ProtectedColumns {
  readonly id: string;
  readonly principal_id: string;
  readonly kind: string;
  readonly label: string | null;
  readonly lookup: string | null;
  /** Canonical JSON; its form is the kind's. */
  readonly data: string;
  readonly secret: Uint8Array | null;
  readonly revision: number;
  /** Null until it was used once; until then it counts for nothing. */
  readonly confirmed_at: number | null;
  readonly created_at: number;
}

/** What changes with each use of a factor. */
export interface FactorUsesRow extends ProtectedColumns {
  readonly factor_id: string;
  readonly counter: number;
  readonly used_at: number | null;
}

/** A way to sign in, besides the factors of people. */
export interface AuthMethodRow extends ProtectedColumns {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  /** The machine that it signs in; null for people. */
  readonly principal_id: string | null;
  /** Canonical JSON; its form is the kind's. */
  readonly config: string;
  readonly secret: Uint8Array | null;
  readonly revision: number;
  readonly generation: number;
  readonly disabled_at: number | null;
  readonly created_at: number;
  readonly created_by: string;
}

/** Wrong guesses from one source. */
export interface AttemptsRow extends ProtectedColumns {
  readonly id: string;
  readonly fingerprint_key: number;
  readonly since: number;
  readonly failures: number;
  readonly last_at: number;
  readonly locked_until: number | null;
}
