import { StrongroomError } from '../../errors.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { insertRow } from '../../store/rows.ts';
import { GRANTS, MEMBERSHIPS, PRINCIPALS, ROLES } from '../../store/protected-tables.ts';
import type { RowMac } from '../../store/row-mac.ts';
import { statement } from '../../store/statement.ts';
import type { Transaction } from '../../store/store.ts';
import type { PrincipalRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import { BUILT_IN_ROLES } from './built-in-roles.ts';

/** Who acts. */
export interface Principal {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
}

const allPrincipals = statement((db) => db.selectFrom('principals').selectAll());

/** Every principal's name by id, for showing who did something. */
export async function principalNames(
  transaction: Transaction,
  mac: RowMac,
): Promise<ReadonlyMap<string, string>> {
  const rows = await transaction.all(allPrincipals, {});
  for (const row of rows) mac.check(PRINCIPALS, row);
  return new Map(rows.map((row) => [row.id, row.name]));
}

/** Makes a user. */
export async function createUser(work: Work, id: string, name: string): Promise<Principal> {
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
  });
  return toPrincipal(row);
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
  });
}

/** What a row says about who somebody is. */
export function toPrincipal(row: PrincipalRow): Principal {
  return { id: row.id, name: row.name, kind: row.kind };
}
