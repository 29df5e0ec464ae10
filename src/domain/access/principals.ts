import { StrongroomError } from '../../errors.ts';
import { isUuid, uuidv7 } from '../../lib/ids.ts';
import { insertRow } from '../../store/rows.ts';
import { GRANTS, MEMBERSHIPS, PRINCIPALS, ROLES } from '../../store/protected-tables.ts';
import type { RowMac } from '../../store/row-mac.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { Transaction } from '../../store/store.ts';
import type { GrantRow, PrincipalRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import { BUILT_IN_ROLES } from './built-in-roles.ts';
import { isCapability } from './capability.ts';
import type { Grant } from './decide.ts';

/** Who acts. */
export interface Principal {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
}

/** A principal and every rule that applies to it, straight or through roles. */
export interface PrincipalView {
  readonly principal: Principal;
  readonly grants: readonly Grant[];
}

const byId = statement((db, p: Parameters<{ id: string }>) =>
  db.selectFrom('principals').selectAll().where('id', '=', p('id')),
);

const byName = statement((db, p: Parameters<{ name: string }>) =>
  db.selectFrom('principals').selectAll().where('name', '=', p('name')),
);

const allPrincipals = statement((db) => db.selectFrom('principals').selectAll());

const membershipsOf = statement((db, p: Parameters<{ memberId: string }>) =>
  db.selectFrom('memberships').selectAll().where('member_id', '=', p('memberId')),
);

const grantsOf = statement((db, p: Parameters<{ subjectId: string }>) =>
  db.selectFrom('grants').selectAll().where('subject_id', '=', p('subjectId')),
);

/** Loads a principal by id or name with its rules, or `undefined` if there is none that may act. */
export async function loadPrincipalView(
  transaction: Transaction,
  mac: RowMac,
  who: string,
): Promise<PrincipalView | undefined> {
  const row = isUuid(who)
    ? await transaction.get(byId, { id: who })
    : await transaction.get(byName, { name: who });
  if (row === undefined) return undefined;
  mac.check(PRINCIPALS, row);
  if (row.disabled_at !== null) return undefined;
  const grants = await loadGrants(transaction, mac, { subjectId: row.id, workspaceId: null });
  for (const membership of await transaction.all(membershipsOf, { memberId: row.id })) {
    mac.check(MEMBERSHIPS, membership);
    const through = { subjectId: membership.parent_id, workspaceId: membership.workspace_id };
    grants.push(...(await loadGrants(transaction, mac, through)));
  }
  return { principal: toPrincipal(row), grants };
}

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

async function loadGrants(
  transaction: Transaction,
  mac: RowMac,
  subject: { readonly subjectId: string; readonly workspaceId: string | null },
): Promise<Grant[]> {
  const rows = await transaction.all(grantsOf, { subjectId: subject.subjectId });
  return rows.map((row) => {
    mac.check(GRANTS, row);
    return toGrant(row, subject.workspaceId);
  });
}

function toGrant(row: GrantRow, throughWorkspaceId: string | null): Grant {
  return {
    id: row.id,
    // Anything but an explicit allow denies.
    effect: row.effect === 'allow' ? 'allow' : 'deny',
    capabilities: new Set(row.capabilities.split(' ').filter(isCapability)),
    pattern: row.pattern.split('/'),
    workspaceId: row.workspace_id ?? throughWorkspaceId,
    isConditional: row.conditions !== null,
  };
}

function toPrincipal(row: PrincipalRow): Principal {
  return { id: row.id, name: row.name, kind: row.kind };
}
