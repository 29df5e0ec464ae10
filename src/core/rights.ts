import { decide, mayReachUnder, type Decision } from '../domain/access/decide.ts';
import { Policy, type PrincipalView } from '../domain/access/policy.ts';
import { Directory } from '../domain/workspaces/directory.ts';
import { checkIntegrity, integrityState, readEpoch } from '../store/integrity.ts';
import type { RowMac } from '../store/row-mac.ts';
import type { RowChange, Transaction } from '../store/store.ts';
import type { EnvironmentRow, ImportRow, WorkspaceRow } from '../store/tables.ts';
import type { SecurityContext } from './context.ts';
import type { Requirement } from './operation.ts';

/** From where and when somebody calls. */
export type Calling = SecurityContext & { readonly now: number };

/** What is known as of one epoch. */
interface Known {
  readonly policy: Policy;
  readonly workspaces: Map<string, WorkspaceRow>;
  readonly environments: Map<string, EnvironmentRow>;
  readonly imports: Map<string, ImportRow>;
}

/**
 * Who may do what and what is called how, as of one epoch. Every cohort reads
 * the epoch in its own transaction, so nothing here is ever stale. Whatever is
 * read into memory comes from tables whose counts and sums were checked in the
 * same transaction, so that a row that was taken away is missed; what our own
 * transactions change is then followed change by change, for as long as the
 * epoch is where those changes take it.
 */
export class Rights {
  readonly #mac: RowMac;
  #epoch = -1;
  #known: Known | undefined;
  #directory: Directory | undefined;
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
    if (this.#known === undefined) throw new TypeError('rights were not refreshed');
    return this.#known.policy;
  }

  /** Whether somebody has a right, within what the context leaves of it. */
  decide(view: PrincipalView, calling: Calling, requirement: Requirement): Decision {
    const { capability, resource, reach = 'exact' } = requirement;
    if (calling.can?.includes(capability) === false) return { allowed: false, rule: undefined };
    const workspaceId = this.directory.workspaceIdOf(resource);
    const request = { capability, resource, workspaceId, circumstances: calling };
    if (reach === 'exact') return decide(request, view.rules);
    return { allowed: mayReachUnder(request, view.rules), rule: undefined };
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
    };
    this.#directory = Directory.from(rows);
    this.#state = state;
    this.#epoch = epoch;
    this.#followed = { transaction, count: transaction.changes.length };
  }

  /** Takes our own changes in; all of them or, if nobody would own the vault, none. */
  #follow(known: Known, changes: readonly RowChange[], mustBeOwned: boolean): void {
    const { policy, workspaces, environments, imports } = known;
    if (policy.apply(changes) && mustBeOwned) {
      try {
        policy.requireOwner();
      } catch (error) {
        policy.revert(changes);
        throw error;
      }
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
): boolean {
  const own = changes.filter((change) => change.table === table);
  for (const { added, removed } of own) {
    if (removed !== undefined) rows.delete((removed as unknown as R).id);
    if (added !== undefined) rows.set((added as unknown as R).id, added as unknown as R);
  }
  return own.length > 0;
}
