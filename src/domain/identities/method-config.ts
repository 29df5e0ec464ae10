import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import { canonicalJson, parseCanonicalJson } from '../../lib/canonical-json.ts';
import type { AuthMethodRow } from '../../store/tables.ts';

/** What a session may be used for, and how long, that a way to sign in gives. */
export interface SessionRules {
  readonly session_ttl_ms: number;
  /** Networks that it is taken from; without it, any. */
  readonly cidr?: readonly string[] | undefined;
  /** Capabilities that are left of the machine's; without it, all. */
  readonly can?: readonly string[] | undefined;
}

/** A machine proves itself by a secret that is handed to it. */
export interface AppRoleConfig extends SessionRules {
  /** Names the role where a machine signs in; opens nothing itself. */
  readonly role_id: string;
  /** Longest life of a secret id; without it, no end. */
  readonly secret_id_ttl_ms?: number | undefined;
  /** Most uses of a secret id; without it, any number. */
  readonly secret_id_uses?: number | undefined;
}

/** A machine proves itself by a token that somebody else signed for it. */
export interface JwtConfig extends SessionRules {
  readonly issuer: string;
  readonly audiences: readonly string[];
  /** Where its keys are; without it, and without `jwks`, where its discovery document says. */
  readonly jwks_url?: string | undefined;
  /** Its keys themselves. */
  readonly jwks?: { readonly keys: readonly object[] } | undefined;
  readonly algorithms: readonly string[];
  /** Exact values by claim. */
  readonly claims: Readonly<Record<string, readonly string[]>>;
}

/** A machine proves itself by the client certificate of its connection. */
export interface CertificateConfig extends SessionRules {
  /** PEM. */
  readonly authorities?: string | undefined;
  /** Base64 of the SHA-256 of subject public key infos. */
  readonly keys?: readonly string[] | undefined;
  /** Such as `dns:app.example`; without it, any. */
  readonly names?: readonly string[] | undefined;
  /** PEM of revocation lists. */
  readonly crls?: string | undefined;
}

/** People prove themselves to a provider of theirs (OpenID Connect Core 1.0). */
export interface OidcConfig {
  /** It never changes: who somebody is hangs on it. */
  readonly issuer: string;
  /** It never changes either: a provider may call people otherwise for another client. */
  readonly client_id: string;
  readonly scopes: readonly string[];
  readonly algorithms: readonly string[];
  /** The claim that a new user is named by. */
  readonly name_claim: string;
  /** The claim that lists groups; without it, sign-ins put nobody into groups. */
  readonly group_claim?: string | undefined;
  /** Id of a group by value of that claim. */
  readonly groups?: Readonly<Record<string, string>> | undefined;
  /** Values of `amr`, each of which says that a second factor was given; without it, none does. */
  readonly mfa_amr?: readonly string[] | undefined;
  /** The same of `acr`. */
  readonly mfa_acr?: readonly string[] | undefined;
  /** Whether whoever is not known yet becomes a user. */
  readonly creates_users: boolean;
  /** Longest life of a session; without it, that of the settings. */
  readonly session_ttl_ms?: number | undefined;
}

/** What each way to sign in is set up with. */
export interface MethodConfigs {
  readonly approle: AppRoleConfig;
  readonly jwt: JwtConfig;
  readonly certificate: CertificateConfig;
  readonly oidc: OidcConfig;
}

/** The kinds of ways to sign in. */
export type MethodKind = keyof MethodConfigs;

/** Those that machines have. */
export type MachineMethodKind = Exclude<MethodKind, 'oidc'>;

/** All of {@link MethodKind}. */
export const METHOD_KINDS: readonly [MethodKind, ...MethodKind[]] = [
  'approle',
  'jwt',
  'certificate',
  'oidc',
];

/** A way to sign in of one kind, and what it is set up with. */
export interface Method<K extends MethodKind = MethodKind> {
  readonly row: AuthMethodRow;
  readonly kind: K;
  readonly config: MethodConfigs[K];
}

/** By row: rows never change, they are replaced. */
const known = new WeakMap<AuthMethodRow, object>();

/** What a way to sign in is set up with, as a row has it. */
export function encodeConfig(config: MethodConfigs[MethodKind]): string {
  return canonicalJson(config);
}

/**
 * The ways to sign in of one kind, of rows whose MACs were checked.
 *
 * @throws {@link StrongroomError} `integrity_error`.
 */
export function methodsOf<K extends MethodKind>(
  rows: readonly AuthMethodRow[],
  kind: K,
): readonly Method<K>[] {
  return rows.filter((row) => row.kind === kind).map((row) => toMethod(row, kind));
}

/** One way to sign in with what it is set up with. */
export function toMethod<K extends MethodKind>(row: AuthMethodRow, kind: K): Method<K> {
  const config = known.get(row) ?? parse(row);
  return { row, kind, config: config as MethodConfigs[K] };
}

function parse(row: AuthMethodRow): object {
  const config = parseCanonicalJson(row.config);
  if (typeof config !== 'object' || config === null) {
    throw new StrongroomError('integrity_error', 'a way to sign in cannot be read', {
      details: { method: row.id },
      hint: DAMAGED_HINT,
    });
  }
  known.set(row, config);
  return config;
}
