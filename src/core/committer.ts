import { setImmediate as nextTurn } from 'node:timers/promises';

import { StrongroomError } from '../errors.ts';
import { storageFailure } from '../store/sqlite-errors.ts';
import type { Store, Transaction } from '../store/store.ts';
import type { CohortFacts } from './observer.ts';

/** How one item of a cohort ended. */
export type ItemOutcome =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown };

/**
 * The work of one transaction: an outcome for each item, in their order, and what to do once it is
 * durable. Items that have none, but not all of them, are for the next.
 */
export interface CohortResult {
  readonly outcomes: readonly ItemOutcome[];
  readonly accept: () => void;
}

/** What the committer needs to know of an item. */
export interface CommitterItem {
  readonly mutates: boolean;
}

/** Options of a {@link Committer}. */
export interface CommitterOptions<Item extends CommitterItem> {
  readonly store: Store;
  /**
   * Runs a cohort's items one after another, as many as one transaction is to hold, and writes
   * their entries. With `lostTo`, the one item failed so that its transaction was lost: it is only
   * put on record.
   */
  readonly process: (
    transaction: Transaction,
    items: readonly Item[],
    lostTo?: unknown,
  ) => Promise<CohortResult>;
  /** Brings memory in line with the database after a commit whose outcome is not known. */
  readonly recover: () => Promise<void>;
  /** Called after each durable cohort. */
  readonly committed: (cohort: CohortFacts) => void;
}

/** A burst waits its turn instead of stretching everyone's latency. */
const COHORT_MAX = 256;

interface Waiting<Item> {
  readonly item: Item;
  readonly since: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Runs everything that arrives in one turn of the event loop, or in turns that each
 * bring more, as one cohort in one transaction, so that one fsync pays for many requests.
 * An answer leaves only after its cohort is durable; there is no other delay. A cohort that fails
 * for another reason than its storage is tried again item by item.
 */
export class Committer<Item extends CommitterItem> {
  readonly #options: CommitterOptions<Item>;
  #queue: Waiting<Item>[] = [];
  #draining: Promise<void> | undefined;
  #mustRecover = false;

  constructor(options: CommitterOptions<Item>) {
    this.#options = options;
  }

  /** Settles when the item's cohort is durable, or has failed. */
  submit(item: Item): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ item, since: performance.now(), resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  /** Resolves when nothing is waiting any more. */
  async idle(): Promise<void> {
    while (this.#draining !== undefined) await this.#draining;
  }

  /** Whether the last cohort could not be put on record. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  #isBlocked = false;

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      await this.#gather();
      const cohort = this.#queue.slice(0, COHORT_MAX);
      this.#queue = this.#queue.slice(COHORT_MAX);
      await this.#run(cohort);
    }
    this.#draining = undefined;
  }

  /**
   * Waits as long as each turn brings more. A loop of libuv takes one new connection in a turn, so that
   * a burst of them would else wait for as many commits as it has connections.
   */
  async #gather(): Promise<void> {
    let waiting: number;
    do {
      waiting = this.#queue.length;
      await nextTurn();
    } while (this.#queue.length > waiting && this.#queue.length < COHORT_MAX);
  }

  async #run(cohort: readonly Waiting<Item>[], lostTo?: unknown): Promise<void> {
    const items = cohort.map((waiting) => waiting.item);
    try {
      await this.#recover();
    } catch (error) {
      this.#refuse(cohort, error);
      return;
    }
    let result: CohortResult;
    try {
      result = await this.#options.store.write((transaction) =>
        this.#options.process(transaction, items, lostTo),
      );
    } catch (error) {
      await this.#fail(cohort, error, lostTo);
      return;
    }
    const done = cohort.slice(0, result.outcomes.length);
    this.#queue.unshift(...cohort.slice(done.length));
    try {
      this.#answer(done, result);
    } catch (error) {
      // It is durable, so it may not be run again, nor may anybody think that it was not done.
      this.#mustRecover = true;
      this.#refuse(done, keptButUnanswered(error));
    }
  }

  async #recover(): Promise<void> {
    if (!this.#mustRecover) return;
    await this.#options.recover();
    this.#mustRecover = false;
  }

  #answer(cohort: readonly Waiting<Item>[], { outcomes, accept }: CohortResult): void {
    accept();
    this.#isBlocked = false;
    const waitMs = performance.now() - (cohort[0]?.since ?? performance.now());
    this.#options.committed({ size: outcomes.length, waitMs });
    for (const [index, { resolve, reject }] of cohort.entries()) {
      const outcome = outcomes[index];
      if (outcome?.ok === true) resolve(outcome.value);
      else reject(outcome?.error);
    }
  }

  /**
   * Nothing of the cohort was kept. Unless its storage failed, one item is the
   * reason: each is given a transaction of its own, and the guilty one a last
   * one that puts its failure on record.
   */
  async #fail(cohort: readonly Waiting<Item>[], error: unknown, lostTo: unknown): Promise<void> {
    const failure = storageFailure(error);
    this.#mustRecover ||= failure?.isClean !== true;
    if (failure !== undefined || lostTo !== undefined) this.#refuse(cohort, lostTo ?? error);
    else if (cohort.length === 1) await this.#run(cohort, error);
    else for (const alone of cohort) await this.#run([alone]);
  }

  #refuse(cohort: readonly Waiting<Item>[], error: unknown): void {
    this.#isBlocked = true;
    for (const { item, reject } of cohort) reject(failureOf(item, error));
  }
}

function keptButUnanswered(cause: unknown): StrongroomError {
  return new StrongroomError(
    'outcome_unknown',
    'what was done is kept, but it could not be answered',
    {
      hint: 'look before you try again, or repeat with the same idempotency key',
      cause,
    },
  );
}

/** No secret leaves unrecorded, so a read fails too when its entry cannot be kept. */
function failureOf(item: CommitterItem, error: unknown): unknown {
  if (item.mutates || !(error instanceof StrongroomError)) return error;
  if (storageFailure(error) === undefined) return error;
  return new StrongroomError(
    'audit_blocked',
    'the access cannot be put on record, so nothing was given out',
    {
      details: { reason: error.code },
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
    },
  );
}
