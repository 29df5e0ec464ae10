import { uuidv7 } from '../../lib/ids.ts';
import { MEMBERSHIPS } from '../../store/protected-tables.ts';
import { insertRow, removeRow } from '../../store/rows.ts';
import type { GroupRow, MembershipRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Policy } from './policy.ts';

/** What changed in which groups somebody is. */
export interface GroupsFollowed {
  readonly joined: readonly GroupRow[];
  readonly left: readonly GroupRow[];
}

/**
 * Puts a user into the groups that a way to sign in says, and takes them out of
 * those that it said before. Where a person put them stays as it is.
 *
 * @param groupIds - Ids of groups; one that is gone is passed over.
 */
export async function followGroups(
  work: Work,
  policy: Policy,
  given: {
    readonly principalId: string;
    readonly methodId: string;
    readonly groupIds: ReadonlySet<string>;
  },
): Promise<GroupsFollowed> {
  const { principalId, methodId, groupIds } = given;
  const present = policy.memberships
    .by('member', principalId)
    .filter((row) => row.parent_kind === 'group');
  const gone = present.filter((row) => row.method_id === methodId && !groupIds.has(row.parent_id));
  for (const row of gone) await removeRow(work.transaction, work.mac, MEMBERSHIPS, row);
  const joined: GroupRow[] = [];
  for (const id of groupIds) {
    const group = policy.groups.get(id);
    const isIn = present.some((row) => row.parent_id === id);
    if (group === undefined || isIn) continue;
    await insertRow(work.transaction, work.mac, MEMBERSHIPS, {
      id: uuidv7(),
      workspace_id: group.workspace_id,
      member_kind: 'principal',
      member_id: principalId,
      parent_kind: 'group',
      parent_id: id,
      created_at: work.now,
      method_id: methodId,
    });
    joined.push(group);
  }
  const left = gone.flatMap((row) => policy.groups.get(row.parent_id) ?? []);
  return { joined, left };
}

/** The memberships that a way to sign in gave, of all groups but some. */
export function membershipsBy(
  policy: Policy,
  methodId: string,
  but: ReadonlySet<string> = new Set(),
): readonly MembershipRow[] {
  return policy.memberships
    .all()
    .filter((row) => row.method_id === methodId && !but.has(row.parent_id));
}

/** Those of one user. */
export function membershipsOf(
  policy: Policy,
  given: { readonly principalId: string; readonly methodId: string },
): readonly MembershipRow[] {
  return policy.memberships
    .by('member', given.principalId)
    .filter((row) => row.method_id === given.methodId);
}

/** Takes memberships away. */
export async function endMemberships(work: Work, rows: readonly MembershipRow[]): Promise<void> {
  for (const row of rows) await removeRow(work.transaction, work.mac, MEMBERSHIPS, row);
}
