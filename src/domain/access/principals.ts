import { StrongroomError } from '../../errors.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { insertRow, removeRow, updateRow } from '../../store/rows.ts';
import {
  GRANTS,
  MEMBERSHIPS,
  PERSONAL_VALUES,
  PRINCIPALS,
  ROLES,
} from '../../store/protected-tables.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { PrincipalRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import { BUILT_IN_ROLES } from './built-in-roles.ts';
import { SYSTEM_NAME } from './system-principal.ts';
import type { Policy } from './policy.ts';
import { removeCredentials } from './remove-credentials.ts';
import { foldName, requireSubjectName, subjectExists } from './subject-names.ts';

/** Who acts. */
export interface Principal {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
}

const personalOf = statement((db, p: Parameters<{ principalId: string }>) =>
  db.selectFrom('personal_values').selectAll().where('principal_id', '=', p('principalId')),
);

/** Makes a user. */
export async function createUser(work: Work, id: string, name: string): Promise<Principal> {
  if (name.toLowerCase() === SYSTEM_NAME) {
    throw new StrongroomError('reserved_name', 'system is who does the work that is due', {
      hint: 'take another name',
    });
  }
  if (!/^[\p{L}\p{N}._@+-]{1,128}$/u.test(name)) {
    throw new StrongroomError(
      'invalid_name',
      'a name of a user has letters, digits and ._@+- only',
    );
  }
  const row = await insertRow(work.transaction, work.mac, PRINCIPALS, {
    id,
    kind: 'user',
    name,
    created_at: work.now,
    disabled_at: null,
    factors: null,
    generation: null,
  });
  return toPrincipal(row);
}

/**
 * Makes a user or a machine. It has no rights, whatever its name was given to before.
 *
 * @throws {@link StrongroomError} `invalid_name`, `reserved_name`, `subject_exists`.
 */
export async function createPrincipal(
  work: Work,
  policy: Policy,
  { kind, name }: { readonly kind: 'user' | 'machine'; readonly name: string },
): Promise<PrincipalRow> {
  requireFree(policy, kind, name);
  return insertRow(work.transaction, work.mac, PRINCIPALS, {
    id: uuidv7(),
    kind,
    name,
    created_at: work.now,
    disabled_at: null,
    factors: null,
    generation: null,
  });
}

/**
 * Gives a principal another name. It stays who it is.
 *
 * @throws {@link StrongroomError} `invalid_name`, `reserved_name`, `subject_exists`.
 */
export async function renamePrincipal(
  work: Work,
  policy: Policy,
  { from, name }: { readonly from: PrincipalRow; readonly name: string },
): Promise<PrincipalRow> {
  requireFree(policy, from.kind === 'machine' ? 'machine' : 'user', name, from.id);
  return updateRow(work.transaction, work.mac, PRINCIPALS, { from, set: { name } });
}

/** Lets a principal act no more, or again. Credentials of before stay void also then. */
export async function setDisabled(
  work: Work,
  from: PrincipalRow,
  isDisabled: boolean,
): Promise<PrincipalRow> {
  if ((from.disabled_at !== null) === isDisabled) return from;
  const set = isDisabled
    ? { disabled_at: work.now, generation: (from.generation ?? 0) + 1 }
    : { disabled_at: null };
  return updateRow(work.transaction, work.mac, PRINCIPALS, { from, set });
}

/** Takes a principal away, with its rights, memberships, personal values, and what it signs in with. */
export async function removePrincipal(
  work: Work,
  policy: Policy,
  row: PrincipalRow,
): Promise<void> {
  const { transaction, mac } = work;
  await removeSubjectRows(work, policy, row.id);
  for (const own of await transaction.all(personalOf, { principalId: row.id })) {
    mac.check(PERSONAL_VALUES, own);
    await removeRow(transaction, mac, PERSONAL_VALUES, own);
  }
  await removeCredentials(work, row.id);
  await removeRow(transaction, mac, PRINCIPALS, row);
}

/** Takes away the rules about a principal, group or role, and what it is in or has in it. */
export async function removeSubjectRows(work: Work, policy: Policy, id: string): Promise<void> {
  const { transaction, mac } = work;
  for (const row of policy.grants.by('subject', id)) await removeRow(transaction, mac, GRANTS, row);
  const memberships = [
    ...policy.memberships.by('member', id),
    ...policy.memberships.by('parent', id),
  ];
  for (const row of memberships) await removeRow(transaction, mac, MEMBERSHIPS, row);
}

function requireFree(policy: Policy, kind: 'user' | 'machine', name: string, ownId?: string): void {
  requireSubjectName(kind, name);
  const taken = policy.principals.by('folded', foldName(name)).find(({ id }) => id !== ownId);
  if (taken !== undefined) throw subjectExists(taken.kind, taken.name);
}

/** Makes the built-in roles of a new vault; resolves to their ids by name. */
export async function createBuiltInRoles(work: Work): Promise<ReadonlyMap<string, string>> {
  const ids = new Map<string, string>();
  for (const role of BUILT_IN_ROLES) {
    const id = uuidv7();
    ids.set(role.name, id);
    await insertRow(work.transaction, work.mac, ROLES, {
      id,
      workspace_id: null,
      name: role.name,
      built_in: 1,
    });
    for (const grant of role.grants) {
      await insertRow(work.transaction, work.mac, GRANTS, {
        id: uuidv7(),
        workspace_id: null,
        subject_kind: 'role',
        subject_id: id,
        effect: 'allow',
        capabilities: grant.capabilities.join(' '),
        pattern: grant.pattern,
        conditions: null,
        created_at: work.now,
        created_by: null,
        secret_id: null,
      });
    }
  }
  return ids;
}

/** Gives a principal a role, in one workspace or (`null`) in the whole vault. */
export async function assignRole(
  work: Work,
  assignment: {
    readonly principalId: string;
    readonly roleId: string;
    readonly workspaceId: string | null;
  },
): Promise<void> {
  await insertRow(work.transaction, work.mac, MEMBERSHIPS, {
    id: uuidv7(),
    workspace_id: assignment.workspaceId,
    member_kind: 'principal',
    member_id: assignment.principalId,
    parent_kind: 'role',
    parent_id: assignment.roleId,
    created_at: work.now,
    method_id: null,
  });
}

/** What a row says about who somebody is. */
export function toPrincipal(row: PrincipalRow): Principal {
  return { id: row.id, name: row.name, kind: row.kind };
}
