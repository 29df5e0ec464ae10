import { setImmediate as nextTurn } from 'node:timers/promises';

import { StrongroomError, type ErrorCode } from '../errors.ts';
import type { Store, Transaction } from '../store/store.ts';

/** How one item of a cohort ended. */
export type ItemOutcome =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown };

/** The work of one transaction: an outcome for each item, and what to do once it is durable. */
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
  /** Runs a cohort's items one after another and writes their entries. */
  readonly process: (transaction: Transaction, items: readonly Item[]) => Promise<CohortResult>;
  /** Brings memory in line with the database after a commit whose outcome is not known. */
  readonly recover: () => Promise<void>;
  /** Called after each durable cohort. */
  readonly committed: () => void;
}

/** A burst waits its turn instead of stretching everyone's latency. */
const COHORT_MAX = 256;

interface Waiting<Item> {
  readonly item: Item;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Runs everything that arrives in one turn of the event loop as one cohort in
 * one transaction, so that one fsync pays for many requests. An answer leaves
 * only after its cohort is durable; there is no other delay.
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
      this.#queue.push({ item, resolve, reject });
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
      await nextTurn();
      const cohort = this.#queue.slice(0, COHORT_MAX);
      this.#queue = this.#queue.slice(COHORT_MAX);
      await this.#run(cohort);
    }
    this.#draining = undefined;
  }

  async #run(cohort: readonly Waiting<Item>[]): Promise<void> {
    const items = cohort.map((waiting) => waiting.item);
    try {
      if (this.#mustRecover) {
        await this.#options.recover();
        this.#mustRecover = false;
      }
      const result = await this.#options.store.write((transaction) =>
        this.#options.process(transaction, items),
      );
      result.accept();
      this.#isBlocked = false;
      this.#options.committed();
      for (const [index, { resolve, reject }] of cohort.entries()) {
        const outcome = result.outcomes[index];
        if (outcome?.ok === true) resolve(outcome.value);
        else reject(outcome?.error);
      }
    } catch (error) {
      this.#isBlocked = true;
      this.#mustRecover ||= !isCleanFailure(error);
      for (const { item, reject } of cohort) reject(failureOf(item, error));
    }
  }
}

/** After these the database is as it was before; after others it has to be looked at again. */
function isCleanFailure(error: unknown): boolean {
  return (
    error instanceof StrongroomError &&
    (error.code === 'storage_full' || error.code === 'read_only')
  );
}

const STORAGE_CODES: readonly ErrorCode[] = [
  'storage_full',
  'storage_failed',
  'read_only',
  'outcome_unknown',
];

/** No secret leaves unrecorded, so a read fails too when its entry cannot be kept. */
function failureOf(item: CommitterItem, error: unknown): unknown {
  if (item.mutates || !(error instanceof StrongroomError)) return error;
  if (!STORAGE_CODES.includes(error.code)) return error;
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
