import { endMemberships, membershipsBy } from '../../domain/access/method-memberships.ts';
import { FactorSet } from '../../domain/identities/factor-set.ts';
import { toMethod, type Method, type OidcConfig } from '../../domain/identities/method-config.ts';
import { hasAccount, isAccountOf, linkedTo } from '../../domain/identities/oidc-account.ts';
import type { AuthMethodRow } from '../../store/tables.ts';
import type { Call } from '../operation.ts';
import { allowing } from './access-scope.ts';
import { requireHeldBy } from './method-view.ts';

/**
 * Refuses to let the caller open, or open wider, a way by which others come to
 * rights that the caller does not have: those of the groups that it puts people
 * into, and those of whoever it signs in already.
 *
 * @throws {@link StrongroomError} `escalation_refused`.
 */
export async function requireMayOpen(
  call: Call,
  config: OidcConfig,
  methodId?: string,
): Promise<void> {
  requireHeldBy(call, null);
  for (const id of Object.values(config.groups ?? {})) {
    const group = call.policy.groups.get(id);
    if (group === undefined) continue;
    call.requireHeld(allowing(call.policy.grantsOf(group.id, group.workspace_id)));
  }
  if (methodId === undefined) return;
  for (const id of new Set(await linkedTo(call, methodId))) {
    call.requireHeld(allowing(call.policy.grantsOf(id)));
  }
}

/**
 * Takes people out of the groups that a way to sign in put them into.
 *
 * @param but - Ids of groups in which they stay.
 * @throws {@link StrongroomError} `escalation_refused` where what a group denies would be set free, and the
 * caller does not have it.
 */
export async function takeOutOfGroups(
  call: Call,
  { id }: AuthMethodRow,
  but: ReadonlySet<string> = new Set(),
): Promise<void> {
  const rows = membershipsBy(call.policy, id, but);
  for (const groupId of new Set(rows.map((row) => row.parent_id))) {
    const workspaceId = call.policy.groups.get(groupId)?.workspace_id ?? null;
    const denials = call.policy
      .grantsOf(groupId, workspaceId)
      .filter(({ effect }) => effect === 'deny');
    call.requireHeld(denials);
  }
  await endMemberships(call, rows);
}

/** Takes away the accounts that a way to sign in knows people by: it is gone, and what it gave is void. */
export async function forgetAccounts(call: Call, { id }: AuthMethodRow): Promise<void> {
  for (const principalId of new Set(await linkedTo(call, id))) {
    const principal = call.standing.principal(principalId);
    if (principal === undefined) continue;
    const factors = await FactorSet.of(call, principal);
    if (!hasAccount(factors, id)) continue;
    for (const each of factors.all) {
      if (isAccountOf(each.row, id)) await factors.remove(call, each);
    }
    await factors.store(call);
  }
}

/** What is done about people when a way to sign in is disabled, enabled or removed. */
export async function followMethod(
  call: Call,
  row: AuthMethodRow,
  verb: 'disable' | 'enable' | 'remove',
): Promise<void> {
  if (row.kind !== 'oidc') return;
  if (verb === 'enable') return requireMayOpen(call, oidcOf(row).config, row.id);
  await takeOutOfGroups(call, row);
  if (verb === 'remove') await forgetAccounts(call, row);
}

function oidcOf(row: AuthMethodRow): Method<'oidc'> {
  return toMethod(row, 'oidc');
}
