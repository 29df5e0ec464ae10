import { uuidv7 } from '../lib/ids.ts';
import { networkOfClient } from '../lib/ip-networks.ts';
import type { Transaction } from '../store/store.ts';
import type { Admission } from './admission.ts';
import type { Callers, Identified } from './callers.ts';
import type { FaceCallOptions } from './context.ts';
import { DeferredInput, type Address } from './deferred-input.ts';
import { denied, enrollmentDue } from './denials.ts';
import { requireIdempotencyKey } from './invalid-input.ts';
import type { Caller, Item } from './item.ts';
import { locate } from './locate.ts';
import type { InnerOperation } from './operation.ts';
import type { PipelineOptions } from './pipeline-options.ts';
import { isLimited } from './rate-limits.ts';
import { readInput } from './read-input.ts';
import { requireFresh } from './require-fresh.ts';
import { ownerOf } from './require-rights.ts';
import { Rights } from './rights.ts';

/** What a {@link Preparation} shares with the pipeline. */
export interface PreparationParts {
  /** As of the last cohort. */
  readonly rights: Rights;
  readonly callers: Callers;
  readonly admission: Admission;
  /** Calls another operation. */
  readonly run: <I, O, P>(
    operation: InnerOperation<I, O, P>,
    caller: Caller,
    input: unknown,
  ) => Promise<O>;
}

/**
 * What is done with a call before a cohort takes it: its input is received and
 * parsed, and what takes long is prepared. Nothing that it finds out about who
 * calls is the decision that counts: that is made in the cohort.
 */
export class Preparation {
  readonly #options: PipelineOptions;
  readonly #rights: Rights;
  /** What was read last beside the cohorts, for checks before long preparations. */
  readonly #rightsBefore: Rights;
  readonly #callers: Callers;
  readonly #admission: Admission;
  readonly #run: PreparationParts['run'];

  constructor(options: PipelineOptions, { rights, callers, admission, run }: PreparationParts) {
    this.#options = options;
    this.#rights = rights;
    this.#rightsBefore = new Rights(options.mac);
    this.#callers = callers;
    this.#admission = admission;
    this.#run = run;
  }

  /** One call, as the committer takes it. It never fails: what is wrong with the call goes on record with it. */
  async prepare<I, O, P>(
    operation: InnerOperation<I, O, P>,
    caller: Caller,
    given: unknown,
    { idempotencyKey, request = uuidv7(this.#options.now) }: FaceCallOptions,
  ): Promise<Item> {
    const item = {
      request,
      caller,
      // The registry's types end here: an operation is only ever given its own input.
      operation: operation as unknown as InnerOperation<unknown, unknown>,
      mutates: operation.mutates,
      idempotencyKey,
      prepared: undefined,
      refused: this.#admission.address(caller),
    };
    if (item.refused !== undefined) {
      return { ...item, input: undefined, copies: [], fault: item.refused.error };
    }
    let held: ReturnType<typeof readInput<I, O, P>>;
    // What is wrong with a document that was not received is so wherever it was sent to.
    let address: Address | undefined;
    try {
      // What is given at once is taken before anything is waited for: the caller may change it then.
      const waits = given instanceof DeferredInput || isLimited(caller.face);
      const received = waits ? await this.#receive(item, given) : undefined;
      if (received !== undefined && operation.prepare === undefined) {
        requireIdempotencyKey(idempotencyKey, operation);
        return { ...item, ...received, input: undefined, copies: [], fault: undefined };
      }
      address = received?.address;
      held = readInput(
        operation,
        received === undefined ? given : await this.#place(item, received),
      );
    } catch (fault) {
      return { ...item, address, input: undefined, copies: [], fault };
    }
    const { input, copies } = held;
    try {
      requireIdempotencyKey(idempotencyKey, operation);
      if (operation.prepare === undefined) {
        return { ...item, address, input, copies, fault: undefined };
      }
      await this.#requireBefore(item, input);
      const prepared = await operation.prepare(input, {
        ...this.#options,
        network: networkOfClient(caller.context.ip ?? '') ?? '',
        settings: () => this.#options.store.read((transaction) => this.#rightsBeside(transaction)),
        run: (other, otherInput) => this.#run(other, { ...caller, isInside: true }, otherInput),
      });
      return { ...item, address, input, copies, prepared, fault: undefined };
    } catch (fault) {
      return { ...item, address, input, copies, fault };
    }
  }

  /**
   * Looks whether somebody may still call at all.
   *
   * @throws {@link StrongroomError} `unauthenticated`.
   */
  async requireKnown(caller: Caller): Promise<void> {
    await this.#beside(caller, {}, () => undefined);
  }

  /** Receives the document of somebody who is known, and not before. */
  async #receive(
    item: Pick<Item, 'caller' | 'operation' | 'refused'>,
    given: unknown,
  ): Promise<Pick<Item, 'address' | 'inputAt'> | undefined> {
    const { caller, operation } = item;
    const isDeferred = given instanceof DeferredInput;
    const { view } = await this.#who(caller, operation);
    item.refused = this.#admission.principal(caller, view);
    if (item.refused !== undefined) throw item.refused.error;
    return isDeferred ? { address: given.at, inputAt: await given.receive() } : undefined;
  }

  /** Who calls, as far as is known already: what counts is found out in the cohort. */
  async #who(caller: Caller, operation: Item['operation']): Promise<Identified> {
    const asked = { caller, now: this.#options.now(), anyone: operation.anyone === true };
    const known = this.#rights.isKnown ? this.#callers.recall(this.#rights, asked) : undefined;
    if (known !== undefined) return known;
    return this.#options.store.read(async (transaction) =>
      this.#callers.look(transaction, await this.#rightsBeside(transaction), asked),
    );
  }

  /** The input of a preparation: where its ids point at the moment. */
  async #place(
    { caller, operation }: Pick<Item, 'caller' | 'operation'>,
    { address = {}, inputAt }: Pick<Item, 'address' | 'inputAt'>,
  ): Promise<unknown> {
    const place = await this.#beside(caller, operation, (who, rights, transaction) =>
      locate(transaction, { rights, who }, address),
    );
    return inputAt?.(place);
  }

  /**
   * Keeps long preparations from those who may not have them. What it finds is
   * not remembered: the decision that counts is made in the cohort.
   */
  async #requireBefore(
    { caller, operation, request }: Pick<Item, 'caller' | 'operation' | 'request'>,
    input: unknown,
  ): Promise<void> {
    await this.#beside(caller, operation, async (who, rights, transaction) => {
      const { view, calling, credential, isEnrolling } = who;
      for (const requirement of operation.requires(input)) {
        const { allowed } = rights.decide(view, calling, requirement);
        if (!allowed && isEnrolling === true) throw enrollmentDue();
        if (!allowed) throw denied(requirement, request, ownerOf(rights, { view, calling }));
      }
      if (operation.fresh !== true) return;
      const { mac } = this.#options;
      const [principal, standing] = [view.principal, rights];
      await requireFresh({ credential, principal, standing, transaction, mac, now: calling.now });
    });
  }

  /** Looks who calls, beside the cohorts. */
  async #beside<T>(
    caller: Caller,
    operation: Pick<Item['operation'], 'anyone'>,
    look: (who: Identified, rights: Rights, transaction: Transaction) => T | Promise<T>,
  ): Promise<T> {
    const now = this.#options.now();
    const anyone = operation.anyone === true;
    return this.#options.store.read(async (transaction) => {
      const rights = await this.#rightsBeside(transaction);
      const who = await this.#callers.look(transaction, rights, { caller, now, anyone });
      return look(who, rights, transaction);
    });
  }

  /** Rights as of a transaction beside the cohorts: theirs, if they are of the same epoch. */
  async #rightsBeside(transaction: Transaction): Promise<Rights> {
    if (await this.#rights.isOf(transaction)) return this.#rights;
    await this.#rightsBefore.refresh(transaction);
    return this.#rightsBefore;
  }
}
