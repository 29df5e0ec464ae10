import { isUuid } from '../../lib/ids.ts';
import type { CheckedRows } from '../../store/integrity.ts';
import type { RowChange } from '../../store/store.ts';
import type {
  GrantRow,
  GroupRow,
  MembershipRow,
  PrincipalRow,
  RoleRow,
} from '../../store/tables.ts';
import { lastOwner } from './access-errors.ts';
import { isCapability } from './capability.ts';
import { compileConditions } from './conditions.ts';
import { covers, toRules, type Grant, type Rules } from './decide.ts';
import { toPrincipal, type Principal } from './principals.ts';
import { RowIndex } from './row-index.ts';
import { foldName } from './subject-names.ts';
import { parseSubject, type Subject, type SubjectName } from './subjects.ts';
import { SYSTEM_ID, SYSTEM_NAME } from './system-principal.ts';

/** A rule of a principal, and by which way it has it. */
export interface HeldGrant extends Grant {
  readonly row: GrantRow;
  /** Such as `['group:ops', 'role:reader']`; empty for a grant of its own. */
  readonly through: readonly string[];
}

/** A principal and every rule that applies to it, straight or through groups and roles. */
export interface PrincipalView {
  readonly principal: Principal;
  readonly grants: readonly HeldGrant[];
  readonly rules: Rules;
}

/** The tables that say who may do what. */
const TABLES = ['principals', 'groups', 'roles', 'memberships', 'grants'] as const;

/** How deep groups may be nested in groups. */
export const GROUP_DEPTH_MAX = 8;

/** The role whose holders own the vault. */
const OWNER = 'owner';

const CHANGES_RIGHTS = {
  capability: 'admin',
  resource: ['sys', 'access'],
  workspaceId: null,
} as const;

/** The rows that a policy is made from. */
export type PolicyRows = Pick<CheckedRows, (typeof TABLES)[number]>;

/** Everybody and every rule, as of one epoch: the checked rows, and what follows from them. */
export class Policy {
  readonly principals: RowIndex<PrincipalRow> = new RowIndex({
    name: ({ name }) => name,
    folded: ({ name }) => foldName(name),
  });
  readonly groups: RowIndex<GroupRow> = new RowIndex({
    name: ({ name }) => name,
    folded: ({ name }) => foldName(name),
  });
  readonly roles: RowIndex<RoleRow> = new RowIndex({
    name: ({ name }) => name,
    folded: ({ name }) => foldName(name),
  });
  readonly memberships: RowIndex<MembershipRow> = new RowIndex({
    member: (row) => row.member_id,
    parent: (row) => row.parent_id,
  });
  readonly grants: RowIndex<GrantRow> = new RowIndex({ subject: (row) => row.subject_id });
  readonly #views: Map<string, PrincipalView> = new Map();
  readonly #indexes: Readonly<Record<string, Pick<RowIndex<never>, 'add' | 'remove'>>> = {
    principals: this.principals,
    groups: this.groups,
    roles: this.roles,
    memberships: this.memberships,
    grants: this.grants,
  };

  constructor(rows: PolicyRows) {
    for (const table of TABLES) {
      for (const added of rows[table]) this.#change({ table, added });
    }
  }

  /**
   * Takes changes in, in their order; others than of its tables are passed over.
   *
   * @returns Whether there was one of its tables.
   */
  apply(changes: readonly RowChange[]): boolean {
    const own = changes.filter(({ table }) => Object.hasOwn(this.#indexes, table));
    for (const change of own) this.#change(change);
    if (own.length > 0) this.#views.clear();
    return own.length > 0;
  }

  /** Takes changes back out. */
  revert(changes: readonly RowChange[]): void {
    this.apply(
      changes
        .toReversed()
        .map(({ table, added, removed }) => ({ table, added: removed, removed: added })),
    );
  }

  /** A principal by id or name with its rules, or `undefined` if there is none that may act. */
  view(who: string): PrincipalView | undefined {
    const row = isUuid(who) ? this.principals.get(who) : this.principals.by('name', who)[0];
    if (row === undefined || row.disabled_at !== null) return undefined;
    const known = this.#views.get(row.id);
    if (known !== undefined) return known;
    const grants = this.grantsOf(row.id);
    const view = { principal: toPrincipal(row), grants, rules: toRules(grants) };
    this.#views.set(row.id, view);
    return view;
  }

  /** Every rule of a principal, a group or a role: its own, and through what it is in. */
  grantsOf(id: string, workspaceId: string | null = null): readonly HeldGrant[] {
    const found: HeldGrant[] = [];
    this.#collect({ id, workspaceId, through: [] }, found, new Set());
    return found;
  }

  /**
   * Whom a text such as `role:payments` names: that of the workspace, or of the
   * vault. A name alone will do where only one has it.
   */
  subject(text: string, workspaceId: string | null): Subject | undefined {
    const parsed = parseSubject(text);
    return parsed === undefined
      ? this.#onlySubject(text, workspaceId)
      : this.#subjectNamed(parsed, workspaceId);
  }

  #subjectNamed({ kind, name }: SubjectName, workspaceId: string | null): Subject | undefined {
    const text = `${kind}:${name}`;
    if (kind === 'group' || kind === 'role') {
      const rows: readonly (GroupRow | RoleRow)[] =
        kind === 'group' ? this.groups.by('name', name) : this.roles.by('name', name);
      const row =
        rows.find((each) => each.workspace_id !== null && each.workspace_id === workspaceId) ??
        rows.find((each) => each.workspace_id === null);
      return row && { kind, id: row.id, text, workspaceId: row.workspace_id };
    }
    const row = this.principals.by('name', name).find((each) => each.kind === kind);
    return row && { kind: 'principal', id: row.id, text, workspaceId: null };
  }

  /** A principal's name by its id, the system's too; the id itself if it is gone. */
  nameOf(id: string): string {
    return id === SYSTEM_ID ? SYSTEM_NAME : (this.principals.get(id)?.name ?? id);
  }

  /** The id of the principal that a text names or is the id of, the system too; or `undefined`. */
  principalId(text: string): string | undefined {
    if (text === SYSTEM_ID || text === SYSTEM_NAME) return SYSTEM_ID;
    return (this.principals.get(text) ?? this.principals.by('name', text)[0])?.id;
  }

  /** How a principal, group or role is written, by its id; the id itself if it is gone. */
  textOf(id: string): string {
    const principal = this.principals.get(id);
    if (principal !== undefined) return `${principal.kind}:${principal.name}`;
    const group = this.groups.get(id);
    if (group !== undefined) return `group:${group.name}`;
    const role = this.roles.get(id);
    return role === undefined ? id : `role:${role.name}`;
  }

  /**
   * Makes sure that somebody owns the whole vault, may act, and may change
   * rights whatever the circumstances.
   *
   * @throws {@link StrongroomError} `last_owner`.
   */
  requireOwner(): void {
    const role = this.roles.by('name', OWNER).find((row) => row.built_in === 1);
    if (role === undefined || !this.#principalsIn(role.id).some((id) => this.isOwner(id))) {
      throw lastOwner();
    }
  }

  /** Whether somebody owns the whole vault, may act, and may change rights in any case. */
  isOwner(id: string): boolean {
    const view = this.principals.get(id)?.kind === 'user' ? this.view(id) : undefined;
    const asked = view?.grants.filter((grant) => covers(grant, CHANGES_RIGHTS)) ?? [];
    return asked.some(isOwnerGrant) && asked.every(({ effect }) => effect === 'allow');
  }

  #onlySubject(name: string, workspaceId: string | null): Subject | undefined {
    const found = ['user', 'machine', 'group', 'role'].flatMap(
      (kind) => this.#subjectNamed({ kind, name }, workspaceId) ?? [],
    );
    return found.length === 1 ? found[0] : undefined;
  }

  /** The principals in a role or group of the whole vault, straight or through groups. */
  #principalsIn(parentId: string, seen: Set<string> = new Set()): readonly string[] {
    if (seen.has(parentId)) return [];
    seen.add(parentId);
    return this.memberships
      .by('parent', parentId)
      .filter((row) => row.workspace_id === null)
      .flatMap((row) =>
        row.member_kind === 'principal' ? [row.member_id] : this.#principalsIn(row.member_id, seen),
      );
  }

  #collect(at: Position, found: HeldGrant[], seen: Set<string>): void {
    const key = `${at.id} ${at.workspaceId ?? ''}`;
    if (seen.has(key)) return;
    seen.add(key);
    for (const row of this.grants.by('subject', at.id)) {
      const workspaceId = narrowed(at.workspaceId, row.workspace_id);
      if (workspaceId !== undefined) found.push(toGrant(row, workspaceId, at.through));
    }
    for (const membership of this.memberships.by('member', at.id)) {
      const parent = this.groups.get(membership.parent_id) ?? this.roles.get(membership.parent_id);
      if (parent === undefined) continue;
      const within = narrowed(at.workspaceId, membership.workspace_id);
      const workspaceId = within === undefined ? undefined : narrowed(within, parent.workspace_id);
      if (workspaceId === undefined) continue;
      const through = [...at.through, this.textOf(parent.id)];
      this.#collect({ id: parent.id, workspaceId, through }, found, seen);
    }
  }

  #change({ table, added, removed }: RowChange): void {
    const index = this.#indexes[table];
    if (removed !== undefined) index?.remove(removed as never);
    if (added !== undefined) index?.add(added as never);
  }
}

/** Where the search for rules is, on its way up from a principal. */
interface Position {
  readonly id: string;
  readonly workspaceId: string | null;
  readonly through: readonly string[];
}

/** The narrower of two limits to a workspace; `undefined` if nothing is in both. */
function narrowed(one: string | null, other: string | null): string | null | undefined {
  if (one === null) return other;
  return other === null || other === one ? one : undefined;
}

function isOwnerGrant({ through, condition, workspaceId }: HeldGrant): boolean {
  return through.at(-1) === `role:${OWNER}` && condition === undefined && workspaceId === null;
}

function toGrant(row: GrantRow, workspaceId: string | null, through: readonly string[]): HeldGrant {
  return {
    id: row.id,
    row,
    through,
    // Anything but an explicit allow denies.
    effect: row.effect === 'allow' ? 'allow' : 'deny',
    capabilities: new Set(row.capabilities.split(' ').filter(isCapability)),
    pattern: row.pattern.split('/'),
    workspaceId,
    condition: row.conditions === null ? undefined : compileConditions(row.conditions),
  };
}
