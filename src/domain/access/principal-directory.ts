import { isUuid } from '../../lib/ids.ts';
import { GRANTS, MEMBERSHIPS, PRINCIPALS } from '../../store/protected-tables.ts';
import type { RowMac } from '../../store/row-mac.ts';
import { statement } from '../../store/statement.ts';
import type { Transaction } from '../../store/store.ts';
import type { GrantRow, MembershipRow, PrincipalRow } from '../../store/tables.ts';
import { isCapability } from './capability.ts';
import type { Grant } from './decide.ts';
import { toPrincipal, type Principal } from './principals.ts';

/** A principal and every rule that applies to it, straight or through roles. */
export interface PrincipalView {
  readonly principal: Principal;
  readonly grants: readonly Grant[];
}

// Nothing narrows or sorts these: an index that leaves a row out would take a rule away that denies.
const allPrincipals = statement((db) => db.selectFrom('principals').selectAll());
const allMemberships = statement((db) => db.selectFrom('memberships').selectAll());
const allGrants = statement((db) => db.selectFrom('grants').selectAll());

/**
 * Every principal with its rules, as of one epoch. The tables are read whole,
 * as those are that their counts and sums are held against; a vault with very
 * many principals will want another way.
 */
export class PrincipalDirectory {
  readonly #mac: RowMac;
  readonly #byId: ReadonlyMap<string, PrincipalRow>;
  readonly #idByName: ReadonlyMap<string, string>;
  readonly #memberships: ReadonlyMap<string, readonly MembershipRow[]>;
  readonly #grants: ReadonlyMap<string, readonly GrantRow[]>;
  readonly #views: Map<string, PrincipalView> = new Map();

  private constructor(
    mac: RowMac,
    rows: {
      readonly principals: readonly PrincipalRow[];
      readonly memberships: readonly MembershipRow[];
      readonly grants: readonly GrantRow[];
    },
  ) {
    this.#mac = mac;
    this.#byId = new Map(rows.principals.map((row) => [row.id, row]));
    this.#idByName = new Map(rows.principals.map(({ name, id }) => [name, id]));
    this.#memberships = Map.groupBy(rows.memberships, (row) => row.member_id);
    this.#grants = Map.groupBy(rows.grants, (row) => row.subject_id);
  }

  /** Reads all rows. The MACs of a principal's rows are checked when its rules are first asked for. */
  static async load(transaction: Transaction, mac: RowMac): Promise<PrincipalDirectory> {
    return new PrincipalDirectory(mac, {
      principals: await transaction.all(allPrincipals, {}),
      memberships: await transaction.all(allMemberships, {}),
      grants: await transaction.all(allGrants, {}),
    });
  }

  /**
   * A principal by id or name with its rules, or `undefined` if there is none that may act.
   *
   * @throws {@link StrongroomError} `integrity_error` if one of its rows was altered.
   */
  view(who: string): PrincipalView | undefined {
    const id = isUuid(who) ? who : this.#idByName.get(who);
    if (id === undefined) return undefined;
    const known = this.#views.get(id);
    if (known !== undefined) return known;
    const row = this.#byId.get(id);
    if (row === undefined) return undefined;
    this.#mac.check(PRINCIPALS, row);
    if (row.disabled_at !== null) return undefined;
    const view = { principal: toPrincipal(row), grants: this.#grantsFor(id) };
    this.#views.set(id, view);
    return view;
  }

  #grantsFor(principalId: string): readonly Grant[] {
    const grants = this.#grantsOf(principalId, null);
    for (const membership of this.#memberships.get(principalId) ?? []) {
      this.#mac.check(MEMBERSHIPS, membership);
      grants.push(...this.#grantsOf(membership.parent_id, membership.workspace_id));
    }
    return grants;
  }

  #grantsOf(subjectId: string, throughWorkspaceId: string | null): Grant[] {
    return (this.#grants.get(subjectId) ?? []).map((row) => {
      this.#mac.check(GRANTS, row);
      return toGrant(row, throughWorkspaceId);
    });
  }
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
