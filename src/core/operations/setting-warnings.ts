import { rolesOf } from '../../domain/access/roles-of.ts';
import { FactorSet } from '../../domain/identities/factor-set.ts';
import type { SettingRow } from '../../store/tables.ts';
import type { Call } from '../operation.ts';
import { policyWayOut, meetsPolicy } from '../workspace-policies.ts';
import { BACKUP_PATH } from './create-backup.ts';
import * as schema from './schema.ts';
import type { WriteSettingInput } from './settings.ts';

/**
 * What is odd about a setting that was set: that it shuts out who set it, or has no effect.
 *
 * @param row - What it is now; `undefined`: it was taken back to its default.
 */
export async function settingWarnings(
  call: Call,
  input: WriteSettingInput,
  row: SettingRow | undefined,
): Promise<readonly string[]> {
  return [
    ...(await factorWarnings(call, input)),
    ...networkWarnings(call, input, row),
    ...roleWarnings(call, input),
    ...backupWarnings(input),
  ];
}

/** Who asks others for a second factor and came without one is the first to be refused. */
async function factorWarnings(call: Call, input: WriteSettingInput): Promise<readonly string[]> {
  const { principal, circumstances, standing } = call;
  if (principal.kind !== 'user' || circumstances.mfa === true) return [];
  const lost = whatIsLost(call, input);
  if (lost === undefined) return [];
  const row = standing.principal(principal.id);
  const second = row === undefined ? [] : (await FactorSet.of(call, row)).second;
  const way =
    second.length === 0
      ? 'you have none: once signed in to a server, `strongroom factor add` sets one up'
      : 'sign in to a server with yours: `strongroom login ADDRESS`';
  return [`you are without a second factor now, and ${lost}; ${way}`];
}

/** What somebody without a second factor cannot do any more. */
function whatIsLost(
  { policy, principal }: Call,
  { name, value, workspace }: WriteSettingInput,
): string | undefined {
  if (name === 'require_mfa' && value === true) {
    return `cannot use the workspace ${schema.workspaceOf({ workspace })} like this any more`;
  }
  const roles = rolesOf(policy, principal.id);
  if (name === 'mfa_roles' && Array.isArray(value) && value.some((role) => roles.has(role))) {
    return 'have one of these roles: your sessions are good for nothing but setting one up';
  }
  return undefined;
}

/** Who lets calls in by where they come from may not be let in themself. */
function networkWarnings(
  { circumstances, now, principal: { id, kind } }: Call,
  { name, workspace }: WriteSettingInput,
  row: SettingRow | undefined,
): readonly string[] {
  if (name !== 'allowed_ip_ranges' && name !== 'allowed_user_agents') return [];
  if (row === undefined || meetsPolicy(name, row, { ...circumstances, principal: id, now }, kind))
    return [];
  const { ip, userAgent } = circumstances;
  const own =
    name === 'allowed_ip_ranges'
      ? `from ${ip ?? 'an address that nobody tells'}`
      : `by ${userAgent ?? 'a program that nobody tells'}`;
  return [
    `a call such as this one, ${own}, cannot use the workspace ${schema.workspaceOf({ workspace })} any more; ${policyWayOut(name)}`,
  ];
}

/** A role that there is not, such as a misspelt one, is nobody's. */
function roleWarnings({ policy }: Call, { name, value }: WriteSettingInput): readonly string[] {
  if (name !== 'mfa_roles' || !Array.isArray(value)) return [];
  const known = new Set(policy.roles.all().map((role) => role.name));
  const unknown = value.filter((role: unknown) => typeof role === 'string' && !known.has(role));
  if (unknown.length === 0) return [];
  return [`there is no role ${unknown.join(', ')}: nobody is asked for a second factor for it`];
}

/** Backups that come due have nobody who names a directory. */
function backupWarnings({ name: set, value: every }: WriteSettingInput): readonly string[] {
  const isWanted = set === 'backup_every' && every !== null;
  if (!isWanted || (process.env[BACKUP_PATH] ?? '') !== '') return [];
  return [
    `where the vault is open, ${BACKUP_PATH} names no directory: backups that come due fail until it does`,
  ];
}
