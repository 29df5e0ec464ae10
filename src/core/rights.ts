import { decide, mayReachUnder, type Decision } from '../domain/access/decide.ts';
import { PrincipalDirectory, type PrincipalView } from '../domain/access/principal-directory.ts';
import { Directory } from '../domain/workspaces/directory.ts';
import { checkIntegrity, integrityState, readEpoch } from '../store/integrity.ts';
import type { RowMac } from '../store/row-mac.ts';
import type { Transaction } from '../store/store.ts';
import type { SecurityContext } from './context.ts';
import type { Requirement } from './operation.ts';

/**
 * Who may do what and what is called how, as of one epoch. Every cohort reads
 * the epoch in its own transaction, so nothing here is ever stale. Whatever is
 * read into memory comes from tables whose counts and sums were checked in the
 * same transaction, so that a row that was taken away is missed.
 */
export class Rights {
  readonly #mac: RowMac;
  #epoch = -1;
  #principals: PrincipalDirectory | undefined;
  #directory: Directory | undefined;
  #state = '';

  constructor(mac: RowMac) {
    this.#mac = mac;
  }

  /**
   * Drops what an earlier epoch said. Resolves to whether anything changed.
   *
   * @throws {@link StrongroomError} `integrity_error`; nothing is known then.
   */
  async refresh(transaction: Transaction): Promise<boolean> {
    const epoch = await readEpoch(transaction);
    if (epoch === this.#epoch) return false;
    this.#epoch = -1;
    this.#principals = undefined;
    this.#directory = undefined;
    await checkIntegrity(transaction, this.#mac);
    this.#principals = await PrincipalDirectory.load(transaction, this.#mac);
    this.#directory = await Directory.load(transaction, this.#mac);
    this.#state = await integrityState(transaction, this.#mac);
    this.#epoch = epoch;
    return true;
  }

  /** Whether the last {@link Rights.refresh} went well. */
  get isKnown(): boolean {
    return this.#epoch !== -1;
  }

  /** The tables' integrity state, for the audit log to anchor, or `undefined` if it isn't known. */
  get state(): string | undefined {
    return this.isKnown ? this.#state : undefined;
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

  /** A principal by name or id, or `undefined`. */
  view(who: string): PrincipalView | undefined {
    if (this.#principals === undefined) throw new TypeError('rights were not refreshed');
    return this.#principals.view(who);
  }

  #workspaceIdOf(resource: readonly string[]): string | null {
    const name = resource[0] === 'sys' ? resource[2] : resource[0];
    return (name === undefined ? undefined : this.directory.findWorkspace(name)?.id) ?? null;
  }
}
