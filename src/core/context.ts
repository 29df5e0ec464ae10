import type { Capability } from '../domain/access/capability.ts';

/** Which way in a call came. */
export type Face = 'library' | 'cli' | 'scheduler' | 'rest';

/** Who calls, and from where. There is no call without one. */
export interface SecurityContext {
  /** A principal's name or id. */
  readonly principal: string;
  /** Address of the client, as far as the caller knows it. On record with every access. */
  readonly ip?: string | undefined;
  /** The client's program. On record with every access. */
  readonly userAgent?: string | undefined;
  /** A session of the caller's own. Only an HMAC of it goes on record. */
  readonly sessionId?: string | undefined;
  /** DER of the client certificate of the connection, whose key the client has proven to have. */
  readonly certificate?: Uint8Array | undefined;
  /** Whether the caller has proven a second factor. Default: not known. */
  readonly mfa?: boolean | undefined;
  /** Narrows what these calls may do, whatever the principal's rights. */
  readonly can?: readonly Capability[] | undefined;
}

/** Options of one call. */
export interface CallOptions {
  /**
   * 1 to 255 characters. A second call of the same operation with the same key
   * gives the first one's answer and changes nothing. Kept for 24 hours.
   */
  readonly idempotencyKey?: string | undefined;
}

/** What a face says of one call besides. */
export interface FaceCallOptions extends CallOptions {
  /** The id under which the call goes on record. Default: a new one. */
  readonly request?: string | undefined;
}
