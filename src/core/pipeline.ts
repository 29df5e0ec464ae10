import { RecentSecrets } from '../domain/secrets/recent-secrets.ts';
import { NOBODY } from '../domain/access/nobody.ts';
import { KeyUses } from '../domain/keys/key-uses.ts';
import { loadKeys } from '../domain/keys/load-keys.ts';
import { FIRST_WORKSPACE } from '../domain/workspaces/names.ts';
import { StrongroomError } from '../errors.ts';
import { steadyTime } from '../lib/steady-time.ts';
import { isStoreError, storageFailure } from '../store/sqlite-errors.ts';
import type { Transaction } from '../store/store.ts';
import { Committer, type CohortResult, type ItemOutcome } from './committer.ts';
import type { FaceCallOptions } from './context.ts';
import { Admission, refusedRequest } from './admission.ts';
import { callOf, type CallParts } from './call-of.ts';
import { Callers, type Identified } from './callers.ts';
import { LOCKED, whyUnauthenticated } from './denials.ts';
import { ChangeFeed } from './events/change-feed.ts';
import { closeEvents } from './events/close-events.ts';
import type { Ended, FollowedChanges } from './events/followed-changes.ts';
import { shownTo } from './hidden-workspaces.ts';
import { runOnce } from './idempotency.ts';
import type { Caller, Cohort, Item, Progress } from './item.ts';
import { locate, noSuchSecret } from './locate.ts';
import type { Call, InnerOperation } from './operation.ts';
import { readInput } from './read-input.ts';
import type { PipelineOptions } from './pipeline-options.ts';
import { RateLimits } from './rate-limits.ts';
import { Preparation } from './preparation.ts';
import { Recorder } from './recorder.ts';
import { Refusals, type StagedRefusals } from './refusals.ts';
import { hideUnlisted, requireRights } from './require-rights.ts';
import { Rights } from './rights.ts';
import { requireFresh } from './require-fresh.ts';
import { isRepair } from './workspace-policies.ts';

/** Codes of those who were turned away, rather than failed. */
const REFUSALS: ReadonlySet<string> = new Set([
  'denied',
  'principal_unknown',
  'unauthenticated',
  LOCKED,
  'reauth_required',
  'mfa_required',
  'rate_limited',
]);

/** Entries of a transaction, but for those of its last call: one that reads many secrets has one for each. */
const ENTRIES_MAX = 256;

/**
 * The one way to everything: parse, who, may, apply, and put it on record in
 * the same transaction. Nothing else calls an operation.
 */
export class Pipeline {
  /** Its clock does not run backwards: whatever was over stays over when the clock is set back. */
  readonly #options: PipelineOptions;
  /** What the record goes by: the clock as it is. */
  readonly #wall: PipelineOptions['now'];
  readonly #steady: (now: number) => number;
  readonly #rights: Rights;
  readonly #refusals = new Refusals();
  readonly #admission: Admission;
  readonly #callers: Callers;
  readonly #preparation: Preparation;
  readonly #recorder: Recorder;
  readonly #parts: CallParts;
  readonly #feed: ChangeFeed;
  readonly #committer: Committer<Item>;

  constructor(options: PipelineOptions) {
    this.#steady = steadyTime(options.elapsed ?? options.rateLimits?.clock);
    this.#options = { ...options, now: () => this.#steady(options.now()) };
    this.#wall = options.now;
    this.#rights = new Rights(options.mac);
    const limits = new RateLimits(options.rateLimits);
    this.#admission = new Admission(limits, this.#refusals, options.now);
    this.#callers = new Callers(options.mac, options.keyring);
    this.#preparation = new Preparation(this.#options, {
      rights: this.#rights,
      callers: this.#callers,
      admission: this.#admission,
      run: (operation, caller, input) => this.call(operation, caller, input),
    });
    const feed = new ChangeFeed({
      rights: this.#rights,
      callers: this.#callers,
      now: this.#options.now,
      limits: options.streamLimits,
      changed: options.changed,
      recordEnd: (stream, reason) => this.#recordEnd(stream, reason),
      requireUsed: (caller) => this.#preparation.requireKnown(caller),
    });
    this.#feed = feed;
    this.#recorder = new Recorder(this.#rights, { ...options, feed });
    const recent = new RecentSecrets();
    this.#parts = { ...options, rights: this.#rights, recorder: this.#recorder, recent, feed };
    this.#committer = new Committer({
      store: options.store,
      process: (transaction, items, lostTo) => this.#cohort(transaction, items, lostTo),
      recover: () => this.#recover(),
      committed: (cohort) => {
        this.#recorder.tell();
        options.committed(cohort);
      },
    });
  }

  /**
   * Calls an operation. The answer leaves after its audit entry is durable.
   *
   * @throws {@link StrongroomError} whatever the operation fails with; `invalid_input`, `denied`,
   * `principal_unknown`, `audit_blocked`, `outcome_unknown`.
   */
  async call<I, O, P>(
    operation: InnerOperation<I, O, P>,
    caller: Caller,
    input: unknown,
    options: FaceCallOptions = {},
  ): Promise<O> {
    const item = await this.#preparation.prepare(operation, caller, input, options);
    if (item.refused?.isNoted === true) throw item.refused.error;
    try {
      return (await this.#committer.submit(item)) as O;
    } catch (error) {
      const isCertain = !(error instanceof StrongroomError && error.code === 'outcome_unknown');
      if (item.prepared !== undefined && isCertain) operation.undo?.(item.prepared as P);
      throw error;
    } finally {
      for (const copy of item.copies) copy.wipe();
      dispose(item.prepared);
    }
  }

  /**
   * Lets a request in before anything of it is looked at: for faces whose limit of an address
   * also holds for what is no call. The next call of that caller counts no second time.
   *
   * @throws {@link StrongroomError} `rate_limited`, `audit_blocked`, `outcome_unknown`.
   */
  async admit(caller: Caller): Promise<void> {
    const refused = this.#admission.address(caller);
    if (refused === undefined) {
      caller.isAdmitted = true;
      return;
    }
    if (!refused.isNoted) {
      await this.#committer.submit(refusedRequest(caller, refused, this.#options.now));
    }
    throw refused.error;
  }

  /** Ends all who follow changes, and lets nobody begin. Resolves when that is on record. */
  endStreams(): Promise<void> {
    return this.#feed.end();
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    return this.#committer.idle();
  }

  /** Whether accesses cannot be put on record at the moment. */
  get isBlocked(): boolean {
    return this.#committer.isBlocked;
  }

  /** The counts of refusals, for a transaction that tells the last of them. */
  stageRefusals(): StagedRefusals {
    return this.#refusals.stage();
  }

  /** The tables' integrity state as of now, or `undefined` if they were altered. */
  async state(transaction: Transaction): Promise<string | undefined> {
    await this.#refresh(transaction);
    return this.#rights.state;
  }

  /** Puts the end of a stream on record, in the name of who opened it, whatever they may do now. */
  async #recordEnd(
    { caller, following: { found, filter, request }, told }: FollowedChanges,
    reason: Ended,
  ): Promise<void> {
    const closing: Caller = { ...caller, opened: found, isInside: true };
    await this.call(closeEvents, closing, { ...filter, reason, told }, { request });
  }

  async #cohort(
    transaction: Transaction,
    items: readonly Item[],
    lostTo: unknown,
  ): Promise<CohortResult> {
    const staged = this.#options.log.stage();
    this.#recorder.begin();
    const keyUses = new KeyUses(transaction, this.#options.mac);
    const refusals = this.#refusals.stage();
    const outcomes: ItemOutcome[] = [];
    const fault = await this.#refresh(transaction);
    for (const fields of refusals.drain(this.#wall())) this.#recorder.append(staged, fields);
    const cohort: Cohort = {
      transaction,
      staged,
      keyUses,
      lostTo,
      refusals,
      fault,
      scrubs: false,
    };
    for (const item of items) {
      if (outcomes.length > 0 && staged.count >= ENTRIES_MAX) break;
      outcomes.push(await this.#one(cohort, item));
    }
    await keyUses.flush();
    await staged.flush(transaction);
    const accept = (): void => {
      staged.accept();
      refusals.accept();
      this.#options.keyring.settle();
      if (cohort.scrubs) this.#options.scrub();
    };
    return { outcomes, accept };
  }

  async #one(cohort: Cohort, item: Item): Promise<ItemOutcome> {
    const { transaction } = cohort;
    const at = this.#wall();
    const progress: Progress = { subject: {}, extra: [], now: this.#steady(at), at };
    let value: unknown;
    try {
      // A change of rights that was undone took along what is known of them.
      if (!this.#rights.isKnown) cohort.fault ??= await this.#refresh(transaction);
      value = await this.#answer(cohort, item, progress);
    } catch (error) {
      if (item.mutates) this.#options.keyring.discard();
      if (endsTransaction(error)) throw error;
      const why = whyUnauthenticated(error);
      const code = error instanceof StrongroomError ? error.code : 'internal';
      const reason = why?.of === 'lock' ? LOCKED : code;
      const outcome = REFUSALS.has(reason) ? 'denied' : 'failed';
      progress.extra.length = 0;
      // What was undone has no revision, and the log is what revisions are held against.
      const { detail = why?.why, target = why?.target, method = why?.method } = progress.subject;
      const rest = { revision: undefined, commit: undefined, detail, target, method };
      progress.subject = { ...progress.subject, ...rest };
      this.#recorder.record(cohort, item, progress, { outcome, reason });
      return { ok: false, error: shownTo(this.#rights, item, progress, error) };
    }
    const state = progress.changesRights === true ? this.#rights.state : undefined;
    // What cannot be put on record ends the transaction, and with it the change.
    this.#recorder.record(cohort, item, progress, { outcome: 'ok', state });
    return { ok: true, value };
  }

  /** Rows that decide who may do what may be found altered: then every item fails, on record. */
  async #refresh(transaction: Transaction): Promise<StrongroomError | undefined> {
    try {
      await this.#follow(transaction, 'pause');
      return undefined;
    } catch (error) {
      if (error instanceof StrongroomError && error.code === 'integrity_error') return error;
      throw error;
    }
  }

  /** Brings rights and keys in line with the database. Resolves to whether anything changed. */
  async #follow(transaction: Transaction, after: 'change' | 'pause'): Promise<boolean> {
    const isChanged =
      after === 'change'
        ? await this.#rights.afterChange(transaction)
        : await this.#rights.refresh(transaction);
    if (isChanged) await loadKeys(transaction, this.#options.mac, this.#options.keyring);
    return isChanged;
  }

  /** Who? May they? Then the work itself. */
  async #answer(cohort: Cohort, item: Item, progress: Progress): Promise<unknown> {
    const { transaction, fault } = cohort;
    if (item.refused !== undefined) {
      if (item.refused.view !== undefined) progress.view = item.refused.view;
      throw item.refused.error;
    }
    if (fault !== undefined) throw fault;
    const { caller, operation } = item;
    const { now } = progress;
    const anyone = operation.anyone === true;
    const found = await this.#callers.identify(transaction, this.#rights, { caller, now, anyone });
    const mends = isRepair(operation.name, caller, found, this.#rights.policy);
    const who = mends ? { ...found, calling: { ...found.calling, isRepair: true } } : found;
    if (who.view !== NOBODY) progress.view = who.view;
    if (who.credential !== undefined) {
      progress.credential = who.credential.id;
      progress.usesLeft = who.credential.uses_left ?? undefined;
    } else if (who.view !== NOBODY) caller.principalId = who.view.principal.id;
    progress.who = who;
    await this.#readInput(transaction, item, who);
    if (item.input === undefined) {
      // What is wrong with the input is for who may know of the secret that it is for.
      if (item.address?.secretId !== undefined) {
        const place = await locate(transaction, { rights: this.#rights, who }, item.address);
        hideUnlisted(this.#rights, item, progress, { who, place });
      }
      throw item.fault;
    }
    progress.subject = this.#recorder.resolve(operation.subject(item.input));
    requireRights(this.#rights, item, progress, who);
    if (item.fault !== undefined) throw item.fault;
    if (cohort.lostTo !== undefined) throw cohort.lostTo;
    const call = callOf(this.#parts, cohort, item, { who, progress });
    if (operation.fresh === true) await requireFresh(call);
    const apply = async (): Promise<unknown> => {
      const value = await operation.apply(item.input, call, item.prepared);
      requireAddressed(item, progress);
      return value;
    };
    if (!item.mutates) return apply();
    return transaction.savepoint(async () => {
      const value = await this.#change(item, call, apply);
      progress.changesRights = await this.#follow(transaction, 'change');
      return value;
    });
  }

  /** Parses an input whose ids become names only here. */
  async #readInput(transaction: Transaction, item: Item, who: Identified): Promise<void> {
    if (item.inputAt === undefined || item.fault !== undefined) return;
    const place = await locate(transaction, { rights: this.#rights, who }, item.address ?? {});
    try {
      const { input, copies } = readInput(item.operation, item.inputAt(place));
      item.input = input;
      item.copies.push(...copies);
    } catch (fault) {
      item.fault = fault;
    }
  }

  #change(item: Item, call: Call, apply: () => Promise<unknown>): Promise<unknown> {
    if (item.idempotencyKey === undefined) return apply();
    const subject = item.operation.subject(item.input);
    const workspace = this.#rights.directory.workspace(subject.workspace ?? FIRST_WORKSPACE);
    const repeatable = {
      key: item.idempotencyKey,
      operation: item.operation.name,
      workspaceId: workspace.id,
      input: item.input,
      secretId: item.address?.secretId,
    };
    return runOnce(call, repeatable, apply);
  }

  /** After a commit whose outcome is unknown, nothing in memory is trusted until it was read again. */
  async #recover(): Promise<void> {
    const { store, log, mac, keyring } = this.#options;
    this.#rights.forget();
    this.#callers.forget();
    this.#feed.doubt();
    await store.reopen();
    await store.read(async (transaction) => {
      await log.reload(transaction);
      await loadKeys(transaction, mac, keyring);
    });
  }
}

/** What was addressed by an id has to be what the operation was about: a name may have gone to another secret. */
function requireAddressed({ address }: Item, { subject }: Progress): void {
  if (address?.secretId !== undefined && subject.secretId !== address.secretId)
    throw noSuchSecret();
}

/** Whether a failure concerns the whole transaction. SQLite writes nothing more after it met damage. */
function endsTransaction(error: unknown): boolean {
  return storageFailure(error)?.endsTransaction ?? isStoreError(error);
}

/** What was prepared may hold values, and is over with the call. */
function dispose(prepared: unknown): void {
  if (typeof prepared !== 'object' || prepared === null || !(Symbol.dispose in prepared)) return;
  (prepared as Disposable)[Symbol.dispose]();
}
