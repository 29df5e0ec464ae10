/** What a bearer credential is for (`docs/spec/identities.md`). */
export type TokenKind =
  'token' | 'session' | 'secret_id' | 'invite' | 'device' | 'challenge' | 'known';

/** The type that the text of a credential names, as in `sr_token_…`. */
export const TOKEN_TYPES: Readonly<Record<TokenKind, string>> = {
  token: 'token',
  session: 'session',
  secret_id: 'secretid',
  invite: 'invite',
  device: 'device',
  challenge: 'challenge',
  known: 'known',
};

/** The kinds that calls are made with. The others only lead to one of them. */
export const ACTING_KINDS: readonly TokenKind[] = ['token', 'session'];
