import { decide, mayReachUnder, type Decision } from '../domain/access/decide.ts';
import { Policy, type PrincipalView } from '../domain/access/policy.ts';
import type { Standing } from '../domain/identities/validity.ts';
import type { SettingName } from '../domain/settings/known-settings.ts';
import type { SettingRows } from '../domain/settings/settings.ts';
import { Directory } from '../domain/workspaces/directory.ts';
import { checkIntegrity, integrityState, readEpoch } from '../store/integrity.ts';
import type { RowMac } from '../store/row-mac.ts';
import type { RowChange, Transaction } from '../store/store.ts';
import type {
  AuthMethodRow,
  EnvironmentRow,
  ImportRow,
  PrincipalRow,
  RevocationRow,
  SettingRow,
  VaultRow,
  WorkspaceRow,
} from '../store/tables.ts';
import type { SecurityContext } from './context.ts';
import type { Requirement } from './operation.ts';
import { WorkspacePolicies, type UnmetPolicy } from './workspace-policies.ts';

/** From where and when somebody calls. */
export type Calling = SecurityContext & {
  readonly now: number;
  /** Of a session: when its holder last gave a proof. */
  readonly signedInAt?: number | undefined;
  /** It mends a workspace whose policies lock everybody out: they do not count. */
  readonly isRepair?: boolean | undefined;
};

/** A decision, and the policy of the workspace that it fell to, if it did. */
export interface Decided extends Decision {
  readonly unmet?: UnmetPolicy;
}

/** What is known as of one epoch. */
interface Known {
  readonly policy: Policy;
  readonly workspaces: Map<string, WorkspaceRow>;
  readonly environments: Map<string, EnvironmentRow>;
  readonly imports: Map<string, ImportRow>;
  readonly vault: Map<string, VaultRow>;
  readonly revocations: Map<string, RevocationRow>;
  readonly methods: Map<string, AuthMethodRow>;
  /** By {@link settingKey}. */
  readonly settings: Map<string, SettingRow>;
}

/**
 * Who may do what and what is called how, as of one epoch. Every cohort reads
 * the epoch in its own transaction, so nothing here is ever stale. Whatever is
 * read into memory comes from tables whose counts and sums were checked in the
 * same transaction, so that a row that was taken away is missed; what our own
 * transactions change is then followed change by change, for as long as the
 * epoch is where those changes take it.
 */
export class Rights implements Standing, SettingRows {
  readonly #mac: RowMac;
  #epoch = -1;
  #known: Known | undefined;
  #directory: Directory | undefined;
  #policies: WorkspacePolicies = new WorkspacePolicies([]);
  #state = '';
  /** The transaction whose changes were followed last, and how many of them. */
  #followed: { readonly transaction: Transaction; readonly count: number } | undefined;

  constructor(mac: RowMac) {
    this.#mac = mac;
  }

  /**
   * Brings what is known to where a transaction is. Resolves to whether anything changed.
   *
   * @throws {@link StrongroomError} `integrity_error`; nothing is known then.
   */
  refresh(transaction: Transaction): Promise<boolean> {
    return this.#bring(transaction, false);
  }

  /**
   * Follows what an operation changed. Resolves to whether that was anything that is counted.
   *
   * @throws {@link StrongroomError} `integrity_error`; `last_owner` if nobody would own the vault.
   */
  afterChange(transaction: Transaction): Promise<boolean> {
    return this.#bring(transaction, true);
  }

  /** Drops everything, after a failure that left in doubt what was kept. */
  forget(): void {
    this.#epoch = -1;
    this.#known = undefined;
    this.#directory = undefined;
    this.#followed = undefined;
  }

  /** Whether what is known is that of a transaction, one that changed nothing itself. */
  async isOf(transaction: Transaction): Promise<boolean> {
    return (await readEpoch(transaction)) === this.#epoch;
  }

  /** Whether the last {@link Rights.refresh} went well. */
  get isKnown(): boolean {
    return this.#epoch !== -1;
  }

  /** The tables' integrity state, for the audit log to anchor, or `undefined` if it isn't known. */
  get state(): string | undefined {
    return this.isKnown ? this.#state : undefined;
  }

  /** Workspaces, environments and imports. */
  get directory(): Directory {
    if (this.#directory === undefined) throw new TypeError('rights were not refreshed');
    return this.#directory;
  }

  /** Everybody and every rule. */
  get policy(): Policy {
    return this.#all.policy;
  }

  /** The generation of the vault; empty before the first restore. */
  get restoreId(): string {
    return [...this.#all.vault.values()][0]?.restore_id ?? '';
  }

  /** When that generation began; `null` before the first restore. */
  get restoredAt(): number | null {
    return [...this.#all.vault.values()][0]?.restored_at ?? null;
  }

  /** Whether a credential or its family was revoked. */
  isRevoked(id: string): boolean {
    return this.#all.revocations.has(id);
  }

  /** The row of a principal, also of one that is disabled. */
  principal(id: string): PrincipalRow | undefined {
    return this.#all.policy.principals.get(id);
  }

  /** A way to sign in. */
  method(id: string): AuthMethodRow | undefined {
    return this.#all.methods.get(id);
  }

  /** The ways to sign in, besides the factors of people. */
  get methods(): readonly AuthMethodRow[] {
    return [...this.#all.methods.values()];
  }

  /** The row of a setting; `null` for one of the vault. */
  setting(workspaceId: string | null, name: SettingName): SettingRow | undefined {
    return this.#all.settings.get(settingKey({ workspace_id: workspaceId, name }));
  }

  get #all(): Known {
    if (this.#known === undefined) throw new TypeError('rights were not refreshed');
    return this.#known;
  }

  /**
   * Whether somebody has a right, within what the context leaves of it. Whoever would have it is
   * held against the policies of the workspace.
   */
  decide(view: PrincipalView, calling: Calling, requirement: Requirement): Decided {
    const { capability, resource, reach = 'exact' } = requirement;
    if (calling.can?.includes(capability) === false) return { allowed: false, rule: undefined };
    const workspaceId = this.directory.workspaceIdOf(resource);
    const request = { capability, resource, workspaceId, circumstances: calling };
    const decision: Decision =
      reach === 'exact'
        ? decide(request, view.rules)
        : { allowed: mayReachUnder(request, view.rules), rule: undefined };
    if (!decision.allowed) return decision;
    const unmet = this.unmet(workspaceId, view, calling);
    return unmet === undefined ? decision : { allowed: false, rule: unmet.rule, unmet };
  }

  /** The policy of a workspace that a call does not meet, or `undefined`. */
  unmet(
    workspaceId: string | null | undefined,
    view: PrincipalView,
    calling: Calling,
  ): UnmetPolicy | undefined {
    return this.#policies.unmet(workspaceId, view, calling);
  }

  /** A principal by name or id, or `undefined`. */
  view(who: string): PrincipalView | undefined {
    return this.policy.view(who);
  }

  async #bring(transaction: Transaction, mustBeOwned: boolean): Promise<boolean> {
    const epoch = await readEpoch(transaction);
    const { changes } = transaction;
    const from = this.#followed?.transaction === transaction ? this.#followed.count : 0;
    const pending = changes.slice(from);
    // What was undone after it was followed leaves fewer changes than were followed.
    const isExpected = from <= changes.length && epoch === this.#epoch + pending.length;
    if (this.#known === undefined || !isExpected) {
      await this.#load(transaction, epoch, mustBeOwned);
      return true;
    }
    if (pending.length === 0) return false;
    const state = await integrityState(transaction, this.#mac);
    this.#follow(this.#known, pending, mustBeOwned);
    this.#state = state;
    this.#epoch = epoch;
    this.#followed = { transaction, count: changes.length };
    return true;
  }

  async #load(transaction: Transaction, epoch: number, mustBeOwned: boolean): Promise<void> {
    this.forget();
    const rows = await checkIntegrity(transaction, this.#mac);
    const state = await integrityState(transaction, this.#mac);
    const policy = new Policy(rows);
    if (mustBeOwned) policy.requireOwner();
    this.#known = {
      policy,
      workspaces: new Map(rows.workspaces.map((row) => [row.id, row])),
      environments: new Map(rows.environments.map((row) => [row.id, row])),
      imports: new Map(rows.imports.map((row) => [row.id, row])),
      vault: new Map(rows.vault.map((row) => [row.id, row])),
      revocations: new Map(rows.revocations.map((row) => [row.id, row])),
      methods: new Map(rows.auth_methods.map((row) => [row.id, row])),
      settings: new Map(rows.settings.map((row) => [settingKey(row), row])),
    };
    this.#policies = new WorkspacePolicies(rows.settings);
    this.#directory = Directory.from(rows);
    this.#state = state;
    this.#epoch = epoch;
    this.#followed = { transaction, count: transaction.changes.length };
  }

  /** Takes our own changes in; all of them or, if nobody would own the vault, none. */
  #follow(known: Known, changes: readonly RowChange[], mustBeOwned: boolean): void {
    const { policy, workspaces, environments, imports, vault, revocations, methods, settings } =
      known;
    if (policy.apply(changes) && mustBeOwned) {
      try {
        policy.requireOwner();
      } catch (error) {
        policy.revert(changes);
        throw error;
      }
    }
    followRows(vault, 'vault', changes);
    followRows(revocations, 'revocations', changes);
    followRows(methods, 'auth_methods', changes);
    if (followRows(settings, 'settings', changes, settingKey)) {
      this.#policies = new WorkspacePolicies(settings.values());
    }
    const areMoved = [
      followRows(workspaces, 'workspaces', changes),
      followRows(environments, 'environments', changes),
      followRows(imports, 'imports', changes),
    ];
    if (!areMoved.includes(true)) return;
    this.#directory = Directory.from({
      workspaces: [...workspaces.values()],
      environments: [...environments.values()],
      imports: [...imports.values()],
    });
  }
}

/** Takes the changes of one table in; returns whether there were any. */
function followRows<R extends { readonly id: string }>(
  rows: Map<string, R>,
  table: RowChange['table'],
  changes: readonly RowChange[],
  keyOf: (row: R) => string = ({ id }) => id,
): boolean {
  const own = changes.filter((change) => change.table === table);
  for (const { added, removed } of own) {
    if (removed !== undefined) rows.delete(keyOf(removed as unknown as R));
    if (added !== undefined) rows.set(keyOf(added as unknown as R), added as unknown as R);
  }
  return own.length > 0;
}

/** Of one workspace, or of the vault, a setting has one row. */
function settingKey({ workspace_id: id, name }: Pick<SettingRow, 'workspace_id' | 'name'>): string {
  return `${id ?? ''} ${name}`;
}
