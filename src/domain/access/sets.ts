import { StrongroomError } from '../../errors.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { GROUPS, MEMBERSHIPS, ROLES } from '../../store/protected-tables.ts';
import { insertRow, removeRow, updateRow } from '../../store/rows.ts';
import type { GroupRow, MembershipRow, RoleRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import { GROUP_DEPTH_MAX, type Policy } from './policy.ts';
import { removeSubjectRows } from './principals.ts';
import { foldName, requireSubjectName, subjectExists } from './subject-names.ts';
import type { Subject } from './subjects.ts';

/** A new group or role: of one workspace, or (`null`) of the vault. */
export interface NewSet {
  readonly name: string;
  readonly workspaceId: string | null;
}

/** A group or role, and the name that it is to have. */
export interface Renaming<Row extends GroupRow | RoleRow> {
  readonly from: Row;
  readonly name: string;
}

/** Who becomes a member of what, and where that counts (`null`: everywhere). */
export interface Joining {
  readonly member: Subject;
  readonly parent: Subject;
  readonly workspaceId: string | null;
}

/**
 * Makes a group.
 *
 * @throws {@link StrongroomError} `invalid_name`, `reserved_name`, `subject_exists`.
 */
export async function createGroup(work: Work, policy: Policy, made: NewSet): Promise<GroupRow> {
  requireFree('group', policy.groups.by('folded', foldName(made.name)), made);
  return insertRow(work.transaction, work.mac, GROUPS, {
    id: uuidv7(),
    workspace_id: made.workspaceId,
    name: made.name,
    created_at: work.now,
    created_by: work.actor,
  });
}

/**
 * Gives a group another name. Its rules and memberships stay.
 *
 * @throws {@link StrongroomError} `invalid_name`, `reserved_name`, `subject_exists`.
 */
export async function renameGroup(
  work: Work,
  policy: Policy,
  { from, name }: Renaming<GroupRow>,
): Promise<GroupRow> {
  const others = policy.groups.by('folded', foldName(name)).filter(({ id }) => id !== from.id);
  requireFree('group', others, { name, workspaceId: from.workspace_id });
  return updateRow(work.transaction, work.mac, GROUPS, { from, set: { name } });
}

/** Takes a group away, with its rules and memberships. */
export async function removeGroup(work: Work, policy: Policy, row: GroupRow): Promise<void> {
  await removeSubjectRows(work, policy, row.id);
  await removeRow(work.transaction, work.mac, GROUPS, row);
}

/**
 * Makes a role without rules.
 *
 * @throws {@link StrongroomError} `invalid_name`, `reserved_name`, `subject_exists`.
 */
export async function createRole(work: Work, policy: Policy, made: NewSet): Promise<RoleRow> {
  requireFree('role', policy.roles.by('folded', foldName(made.name)), made);
  return insertRow(work.transaction, work.mac, ROLES, {
    id: uuidv7(),
    workspace_id: made.workspaceId,
    name: made.name,
    built_in: 0,
  });
}

/**
 * Gives a role another name. Its rules, and who has it, stay.
 *
 * @throws {@link StrongroomError} `built_in_role`, `invalid_name`, `reserved_name`, `subject_exists`.
 */
export async function renameRole(
  work: Work,
  policy: Policy,
  { from, name }: Renaming<RoleRow>,
): Promise<RoleRow> {
  if (from.built_in === 1) throw builtInRole(from.name);
  const others = policy.roles.by('folded', foldName(name)).filter(({ id }) => id !== from.id);
  requireFree('role', others, { name, workspaceId: from.workspace_id });
  return updateRow(work.transaction, work.mac, ROLES, { from, set: { name } });
}

/**
 * Takes a role away, with its rules and from whoever has it.
 *
 * @throws {@link StrongroomError} `built_in_role`.
 */
export async function removeRole(work: Work, policy: Policy, row: RoleRow): Promise<void> {
  if (row.built_in === 1) throw builtInRole(row.name);
  await removeSubjectRows(work, policy, row.id);
  await removeRow(work.transaction, work.mac, ROLES, row);
}

/** Built-in roles are the same in every vault. */
export function builtInRole(name: string): StrongroomError {
  return new StrongroomError(
    'built_in_role',
    `the role ${name} is built in and cannot be changed`,
    {
      details: { role: name },
      hint: 'make a role of your own: `strongroom role create`',
    },
  );
}

/**
 * Puts a principal or group into a group, or gives it a role. What is so already stays so.
 *
 * @throws {@link StrongroomError} `group_cycle`, `invalid_input` for groups nested too deeply.
 */
export async function join(work: Work, policy: Policy, joining: Joining): Promise<void> {
  if (findMembership(policy, joining) !== undefined) return;
  const { member, parent, workspaceId } = joining;
  if (parent.kind === 'group' && member.kind === 'group') requireTree(policy, member, parent);
  await insertRow(work.transaction, work.mac, MEMBERSHIPS, {
    id: uuidv7(),
    workspace_id: workspaceId,
    member_kind: member.kind,
    member_id: member.id,
    parent_kind: parent.kind,
    parent_id: parent.id,
    created_at: work.now,
    method_id: null,
  });
}

/**
 * Takes a principal or group out of a group, or a role from it.
 *
 * @throws {@link StrongroomError} `not_a_member`.
 */
export async function leave(work: Work, policy: Policy, joining: Joining): Promise<void> {
  const row = findMembership(policy, joining);
  if (row === undefined) {
    const { member, parent, workspaceId } = joining;
    const where = workspaceId === null ? 'for the whole vault' : 'for this workspace';
    throw new StrongroomError(
      'not_a_member',
      `${member.text} does not have ${parent.text} ${where}`,
      {
        details: { member: member.text, parent: parent.text },
        hint: `see \`strongroom ${parent.kind} describe\``,
      },
    );
  }
  await removeRow(work.transaction, work.mac, MEMBERSHIPS, row);
}

function findMembership(policy: Policy, joining: Joining): MembershipRow | undefined {
  const { member, parent, workspaceId } = joining;
  return policy.memberships
    .by('member', member.id)
    .find((row) => row.parent_id === parent.id && row.workspace_id === workspaceId);
}

/** Two of a name that both count in one workspace would be mistaken for each other. */
function requireFree(
  kind: 'group' | 'role',
  sameName: readonly (GroupRow | RoleRow)[],
  { name, workspaceId }: NewSet,
): void {
  requireSubjectName(kind, name);
  const taken = sameName.find(
    (row) => workspaceId === null || row.workspace_id === null || row.workspace_id === workspaceId,
  );
  if (taken !== undefined) throw subjectExists(kind, taken.name);
}

/** No group is in itself, by whatever way, and no chain of groups is too long. */
function requireTree(policy: Policy, member: Subject, parent: Subject): void {
  const up = (id: string): readonly string[] =>
    policy.memberships
      .by('member', id)
      .filter((row) => row.parent_kind === 'group')
      .map((row) => row.parent_id);
  const down = (id: string): readonly string[] =>
    policy.memberships
      .by('parent', id)
      .filter((row) => row.member_kind === 'group')
      .map((row) => row.member_id);
  const above = reach(parent.id, up);
  if (above.ids.has(member.id)) {
    throw new StrongroomError('group_cycle', `${parent.text} is in ${member.text} itself`, {
      details: { member: member.text, parent: parent.text },
      hint: 'make a third group, and put both into it',
    });
  }
  const depth = above.depth + 1 + reach(member.id, down).depth;
  if (depth > GROUP_DEPTH_MAX) {
    throw new StrongroomError('invalid_input', `groups are nested at most ${GROUP_DEPTH_MAX} deep`);
  }
}

/** What can be reached step by step, itself too, and how many steps the longest way has. */
function reach(
  id: string,
  next: (id: string) => readonly string[],
): { readonly ids: ReadonlySet<string>; readonly depth: number } {
  const ids = new Set([id]);
  let level: ReadonlySet<string> = ids;
  let depth = 0;
  // A way that goes round would have as many steps as there are things to reach.
  for (; depth <= GROUP_DEPTH_MAX; depth += 1) {
    level = new Set([...level].flatMap((each) => next(each)));
    if (level.size === 0) break;
    for (const each of level) ids.add(each);
  }
  return { ids, depth };
}
