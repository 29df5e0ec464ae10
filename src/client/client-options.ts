import type { SecretValue } from '../secret-value.ts';

/** A credential, and until when it is good. */
export interface ClientCredential {
  readonly token: string | SecretValue;
  /** RFC 3339, or `null` if it does not end. */
  readonly expiresAt: string | null;
}

/** Options of `connect`. */
export interface ConnectOptions {
  /** Such as `https://secrets.example`. Plain HTTP is taken for this machine alone. */
  readonly address: string;
  /** A token. Default: none, for operations that anyone may call. */
  readonly token?: string | SecretValue | undefined;
  /** Gives a credential instead of `token`: called before the first call, and again before it ends or once it is refused. */
  readonly signIn?: (() => Promise<ClientCredential>) | undefined;
  /** How long one try may take, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** How often a call is tried again that nothing came of. Default 2. */
  readonly retries?: number | undefined;
  /** What the server puts on record as the client's program. Browsers do not let it be set. */
  readonly userAgent?: string | undefined;
  /** Whether plain HTTP is taken for other machines too, where everyone on the way reads along. Default no. */
  readonly dangerouslyAllowHttp?: boolean | undefined;
  /** Default: the platform's. */
  readonly fetch?: typeof fetch | undefined;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
  /** Waits before a further try; for tests. */
  readonly wait?: ((ms: number) => Promise<void>) | undefined;
}

/** Options of one call. */
export interface ClientCallOptions {
  /** See the library's; without one, a call that changes something gets a key of its own, so that trying again is safe. */
  readonly idempotencyKey?: string | undefined;
  /** Ends the call. */
  readonly signal?: AbortSignal | undefined;
  /** How long one try may take, in milliseconds. */
  readonly timeoutMs?: number | undefined;
}
