import { decide, mayReachUnder, type Decision } from '../domain/access/decide.ts';
import { loadPrincipalView, type PrincipalView } from '../domain/access/principals.ts';
import { Directory } from '../domain/workspaces/directory.ts';
import { integrityState, readEpoch } from '../store/integrity.ts';
import type { RowMac } from '../store/row-mac.ts';
import type { Transaction } from '../store/store.ts';
import type { SecurityContext } from './context.ts';
import type { Requirement } from './operation.ts';

const VIEWS_MAX = 10_000;

/**
 * Who may do what and what is called how, as of one epoch. Every cohort reads
 * the epoch in its own transaction, so nothing here is ever stale.
 */
export class Rights {
  readonly #mac: RowMac;
  readonly #views: Map<string, PrincipalView> = new Map();
  #epoch = -1;
  #directory: Directory | undefined;
  #state = '';

  constructor(mac: RowMac) {
    this.#mac = mac;
  }

  /** Drops what an earlier epoch said. Resolves to whether anything changed. */
  async refresh(transaction: Transaction): Promise<boolean> {
    const epoch = await readEpoch(transaction);
    if (epoch === this.#epoch) return false;
    this.#epoch = -1;
    this.#views.clear();
    this.#directory = await Directory.load(transaction, this.#mac);
    this.#state = await integrityState(transaction, this.#mac);
    this.#epoch = epoch;
    return true;
  }

  /** The tables' integrity state, for the audit log to anchor. */
  get state(): string {
    return this.#state;
  }

  /** Workspaces and environments. */
  get directory(): Directory {
    if (this.#directory === undefined) throw new TypeError('rights were not refreshed');
    return this.#directory;
  }

  /** Whether somebody has a right, within what the context leaves of it. */
  decide(view: PrincipalView, context: SecurityContext, requirement: Requirement): Decision {
    const { capability, resource, reach = 'exact' } = requirement;
    if (context.can?.includes(capability) === false) return { allowed: false, rule: undefined };
    const request = { capability, resource, workspaceId: this.#workspaceIdOf(resource) };
    if (reach === 'exact') return decide(request, view.grants);
    return { allowed: mayReachUnder(request, view.grants), rule: undefined };
  }

  /** A principal by name or id, or `undefined`; that there is none is never remembered. */
  async view(transaction: Transaction, who: string): Promise<PrincipalView | undefined> {
    const known = this.#views.get(who);
    if (known !== undefined) return known;
    const view = await loadPrincipalView(transaction, this.#mac, who);
    if (view === undefined) return undefined;
    if (this.#views.size >= VIEWS_MAX) this.#views.clear();
    this.#views.set(who, view);
    return view;
  }

  #workspaceIdOf(resource: readonly string[]): string | null {
    const name = resource[0] === 'sys' ? resource[2] : resource[0];
    return (name === undefined ? undefined : this.directory.findWorkspace(name)?.id) ?? null;
  }
}
