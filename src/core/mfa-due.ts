import type { Principal } from '../domain/access/principals.ts';
import { rolesOf } from '../domain/access/roles-of.ts';
import { isEnrolling } from '../domain/identities/sessions.ts';
import { readSetting, type SettingsWork } from '../domain/settings/settings.ts';
import type { TokenRow } from '../store/tables.ts';
import type { Rights } from './rights.ts';

/**
 * Whether a session is good for nothing but setting up a second factor: because it was begun so, or
 * because a role of its holder asks for one by now, of whom it had none when it was begun.
 */
export function isFactorDue(
  row: TokenRow,
  { id, kind }: Principal,
  rights: Pick<Rights, 'policy' | 'setting'>,
): boolean {
  if (row.kind !== 'session' || row.mfa_at !== null || kind !== 'user') return false;
  return isEnrolling(row) || hasMfaRole({ policy: rights.policy, standing: rights }, id);
}

/** Whether somebody has a role whose holders have a second factor. */
export function hasMfaRole(
  work: SettingsWork & Pick<Rights, 'policy'>,
  principalId: string,
): boolean {
  const asked = readSetting(work, null, 'mfa_roles');
  // Of most vaults it is not set, and it is asked with each call.
  if (asked.length === 0) return false;
  const roles = rolesOf(work.policy, principalId);
  return asked.some((name) => roles.has(name));
}
