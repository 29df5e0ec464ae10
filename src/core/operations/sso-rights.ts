import {
  endMemberships,
  membershipsBy,
  membershipsOf,
} from '../../domain/access/method-memberships.ts';
import type { HeldGrant } from '../../domain/access/policy.ts';
import { FactorSet } from '../../domain/identities/factor-set.ts';
import { toMethod, type Method, type OidcConfig } from '../../domain/identities/method-config.ts';
import {
  hasAccount,
  isAccountOf,
  linkedTo,
  methodOfAccount,
} from '../../domain/identities/oidc-account.ts';
import type { AuthMethodRow, FactorRow, MembershipRow } from '../../store/tables.ts';
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
  await takeOut(call, membershipsBy(call.policy, id, but));
}

/**
 * Takes a user out of the groups that an account which they lose put them into.
 *
 * @throws {@link StrongroomError} `escalation_refused`, as {@link takeOutOfGroups}.
 */
export async function takeOutWithAccount(call: Call, row: FactorRow): Promise<void> {
  await takeOut(call, givenBy(call, row));
}

/**
 * Takes away the accounts of somebody who comes by an invite, whoever linked
 * them, and what they gave. What a group denies stays denied: nobody sheds
 * that by being invited.
 */
export async function dropAccounts(call: Call, factors: FactorSet): Promise<void> {
  for (const each of factors.all) {
    if (each.row.kind !== 'oidc') continue;
    const rows = givenBy(call, each.row);
    await endMemberships(
      call,
      rows.filter((row) => denialsOf(call, row.parent_id).length === 0),
    );
    await factors.remove(call, each);
    call.record('auth.ssoUnlinked', { target: each.row.id, method: methodOfAccount(each.row) });
  }
}

/** What a group denies to who is in it, by whatever it is in itself. */
export function denialsOf({ policy }: Call, groupId: string): readonly HeldGrant[] {
  const workspaceId = policy.groups.get(groupId)?.workspace_id ?? null;
  return policy.grantsOf(groupId, workspaceId).filter(({ effect }) => effect === 'deny');
}

function givenBy({ policy }: Call, row: FactorRow): readonly MembershipRow[] {
  const methodId = methodOfAccount(row);
  if (methodId === undefined) return [];
  return membershipsOf(policy, { principalId: row.principal_id, methodId });
}

async function takeOut(call: Call, rows: readonly MembershipRow[]): Promise<void> {
  for (const groupId of new Set(rows.map((row) => row.parent_id))) {
    call.requireHeld(denialsOf(call, groupId));
  }
  await endMemberships(call, rows);
}

/** Takes away the accounts that a way to sign in knows people by: it is gone, and what it gave is void. */
async function forgetAccounts(call: Call, { id }: AuthMethodRow): Promise<void> {
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
