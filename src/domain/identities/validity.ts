import type { AuthMethodRow, PrincipalRow, TokenRow } from '../../store/tables.ts';

/** What is known in memory that credentials are held against, as of one epoch. */
export interface Standing {
  /** The generation of the vault; empty before the first restore. */
  readonly restoreId: string;
  /** When that generation began; null before the first restore. */
  readonly restoredAt: number | null;
  isRevoked(id: string): boolean;
  principal(id: string): PrincipalRow | undefined;
  method(id: string): AuthMethodRow | undefined;
  /** All ways to sign in, besides the factors of people. */
  readonly methods: readonly AuthMethodRow[];
}

/** Why a credential is not valid. It goes on record; the caller is told the same in every case. */
export type Invalidity =
  | 'unknown'
  | 'revoked'
  | 'expired'
  | 'idle'
  | 'used_up'
  | 'void'
  | 'wrong_carrier'
  | 'not_bound'
  | 'limits';

/** Why a credential opens nothing at a moment, or `undefined` if it does. */
export function invalidity(
  row: TokenRow,
  standing: Standing,
  given: { readonly now: number; readonly carrier: string },
): Invalidity | undefined {
  // A clock that was set back makes nothing younger than it was when it was made.
  const now = Math.max(given.now, row.created_at, row.used_at ?? 0);
  if (standing.isRevoked(row.id) || standing.isRevoked(row.family_id)) return 'revoked';
  if (row.restore_id !== standing.restoreId || !isOfPresent(row, standing)) return 'void';
  if (row.carrier !== given.carrier) return 'wrong_carrier';
  if (row.expires_at !== null && row.expires_at <= now) return 'expired';
  const rested = row.used_at ?? row.created_at;
  if (row.idle_ms !== null && rested + row.idle_ms <= now) return 'idle';
  return row.uses_left === null || row.uses_left > 0 ? undefined : 'used_up';
}

/** How old `used_at` may be, in milliseconds, before it is written again. */
export function isUseToBeNoted(row: TokenRow, now: number): boolean {
  if (row.idle_ms === null) return false;
  const rested = now - (row.used_at ?? row.created_at);
  return rested >= Math.min(60_000, row.idle_ms / 16);
}

/** Whether principal and method are still of the generation in which the credential was made. */
function isOfPresent(row: TokenRow, standing: Standing): boolean {
  if (row.principal_id !== null) {
    const principal = standing.principal(row.principal_id);
    if (principal === undefined || principal.disabled_at !== null) return false;
    if ((principal.generation ?? 0) !== row.principal_generation) return false;
  }
  if (row.method_id === null) return true;
  const method = standing.method(row.method_id);
  if (method === undefined || method.disabled_at !== null) return false;
  return method.generation === row.method_generation;
}
