import type { AuditLog } from '../domain/audit/audit-log.ts';
import { RecentSecrets } from '../domain/secrets/recent-secrets.ts';
import { requireHeld } from '../domain/access/escalation.ts';
import type { PrincipalView } from '../domain/access/policy.ts';
import { SYSTEM } from '../domain/access/system-principal.ts';
import { KeyUses } from '../domain/keys/key-uses.ts';
import { loadKeys } from '../domain/keys/load-keys.ts';
import { FIRST_WORKSPACE } from '../domain/workspaces/names.ts';
import { StrongroomError } from '../errors.ts';
import { uuidv7, type Clock } from '../lib/ids.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { RowMac } from '../store/row-mac.ts';
import { isStoreError, storageFailure } from '../store/sqlite-errors.ts';
import type { Store, Transaction } from '../store/store.ts';
import { Committer, type CohortResult, type ItemOutcome } from './committer.ts';
import type { CallOptions, SecurityContext } from './context.ts';
import { denied, principalUnknown } from './denials.ts';
import { runOnce } from './idempotency.ts';
import type { Caller, Cohort, Item, Progress } from './item.ts';
import type { Call, Operation } from './operation.ts';
import { requireIdempotencyKey } from './invalid-input.ts';
import { readInput } from './read-input.ts';
import { Recorder } from './recorder.ts';
import { Refusals, type StagedRefusals } from './refusals.ts';
import { Rights, type Calling } from './rights.ts';
import { asStrongroomError } from './unforeseen.ts';

/** Everything that the pipeline works with. */
export interface PipelineOptions {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly mac: RowMac;
  readonly log: AuditLog;
  readonly now: Clock;
  /** The vault's directory. */
  readonly directory: string;
  /** Where the newest checkpoint is kept outside the vault; verifier keys lie beside it. */
  readonly checkpointPath: string;
  /** The rights that an operation needs for what an entry of the log says. */
  readonly requirementsOf: Call['requirementsOf'];
  /** Called after each durable cohort. */
  readonly committed: () => void;
  /** Called after a durable cohort in which something was overwritten that must not be found any more. */
  readonly scrub: () => void;
}

/**
 * The one way to everything: parse, who, may, apply, and put it on record in
 * the same transaction. Nothing else calls an operation.
 */
export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #rights: Rights;
  /** What was read last beside the cohorts, for checks before long preparations. */
  readonly #rightsBefore: Rights;
  readonly #refusals = new Refusals();
  readonly #recent = new RecentSecrets();
  readonly #recorder: Recorder;
  readonly #committer: Committer<Item>;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#rights = new Rights(options.mac);
    this.#rightsBefore = new Rights(options.mac);
    this.#recorder = new Recorder(this.#rights, options);
    this.#committer = new Committer({
      store: options.store,
      process: (transaction, items, lostTo) => this.#cohort(transaction, items, lostTo),
      recover: () => this.#recover(),
      committed: options.committed,
    });
  }

  /**
   * Calls an operation. The answer leaves after its audit entry is durable.
   *
   * @throws {@link StrongroomError} whatever the operation fails with; `invalid_input`, `denied`,
   * `principal_unknown`, `audit_blocked`, `outcome_unknown`.
   */
  async call<I, O, P>(
    operation: Operation<I, O, P>,
    caller: Caller,
    input: unknown,
    options: CallOptions = {},
  ): Promise<O> {
    const item = await this.#prepare(operation, caller, input, options);
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

  async #prepare<I, O, P>(
    operation: Operation<I, O, P>,
    caller: Caller,
    given: unknown,
    { idempotencyKey }: CallOptions,
  ): Promise<Item> {
    const item = {
      request: uuidv7(this.#options.now),
      caller,
      // The registry's types end here: an operation is only ever given its own input.
      operation: operation as unknown as Operation<unknown, unknown>,
      mutates: operation.mutates,
      idempotencyKey,
      prepared: undefined,
    };
    let held: ReturnType<typeof readInput<I, O, P>>;
    try {
      held = readInput(operation, given);
    } catch (fault) {
      return { ...item, input: undefined, copies: [], fault };
    }
    const { input, copies } = held;
    try {
      requireIdempotencyKey(idempotencyKey, operation);
      if (operation.prepare === undefined) {
        return { ...item, input, copies, fault: undefined };
      }
      await this.#requireBefore(item, input);
      const prepared = await operation.prepare(input, {
        ...this.#options,
        run: (other, otherInput) => this.call(other, caller, otherInput),
      });
      return { ...item, input, copies, prepared, fault: undefined };
    } catch (fault) {
      return { ...item, input, copies, fault };
    }
  }

  /**
   * Keeps long preparations from those who may not have them. What it finds is
   * not remembered: the decision that counts is made in the cohort.
   */
  async #requireBefore(
    { caller, operation, request }: Pick<Item, 'caller' | 'operation' | 'request'>,
    input: unknown,
  ): Promise<void> {
    const now = this.#options.now();
    await this.#options.store.read(async (transaction) => {
      const rights = await this.#rightsBeside(transaction);
      const view = viewOf(rights, caller);
      if (view === undefined) throw principalUnknown();
      for (const requirement of operation.requires(input)) {
        const { allowed } = rights.decide(view, { ...caller.context, now }, requirement);
        if (!allowed) throw denied(requirement, request, ownerOf(rights, view, caller.context));
      }
    });
  }

  /** Rights as of a transaction beside the cohorts: theirs, if they are of the same epoch. */
  async #rightsBeside(transaction: Transaction): Promise<Rights> {
    if (await this.#rights.isOf(transaction)) return this.#rights;
    await this.#rightsBefore.refresh(transaction);
    return this.#rightsBefore;
  }

  async #cohort(
    transaction: Transaction,
    items: readonly Item[],
    lostTo: unknown,
  ): Promise<CohortResult> {
    const staged = this.#options.log.stage();
    const keyUses = new KeyUses(transaction, this.#options.mac);
    const refusals = this.#refusals.stage();
    const outcomes: ItemOutcome[] = [];
    const fault = await this.#refresh(transaction);
    for (const fields of refusals.drain(this.#options.now())) this.#recorder.append(staged, fields);
    const cohort: Cohort = {
      transaction,
      staged,
      keyUses,
      lostTo,
      refusals,
      fault,
      scrubs: false,
    };
    for (const item of items) outcomes.push(await this.#one(cohort, item));
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
    const progress: Progress = { subject: {}, extra: [], now: this.#options.now() };
    try {
      // A change of rights that was undone took along what is known of them.
      if (!this.#rights.isKnown) cohort.fault ??= await this.#refresh(transaction);
      const value = await this.#answer(cohort, item, progress);
      const state = progress.changesRights === true ? this.#rights.state : undefined;
      this.#recorder.record(cohort, item, progress, { outcome: 'ok', state });
      return { ok: true, value };
    } catch (error) {
      if (item.mutates) this.#options.keyring.discard();
      if (endsTransaction(error)) throw error;
      const reason = error instanceof StrongroomError ? error.code : 'internal';
      const outcome = reason === 'denied' || reason === 'principal_unknown' ? 'denied' : 'failed';
      progress.extra.length = 0;
      // What was undone has no revision, and the log is what revisions are held against.
      progress.subject = { ...progress.subject, revision: undefined, commit: undefined };
      this.#recorder.record(cohort, item, progress, { outcome, reason });
      return { ok: false, error: asStrongroomError(error) };
    }
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
    if (fault !== undefined) throw fault;
    const { caller, operation } = item;
    const view = viewOf(this.#rights, caller);
    if (view === undefined) throw principalUnknown();
    caller.principalId = view.principal.id;
    progress.view = view;
    if (item.input === undefined) throw item.fault;
    progress.subject = this.#recorder.resolve(operation.subject(item.input));
    const calling = { ...caller.context, now: progress.now };
    for (const requirement of operation.requires(item.input)) {
      progress.decision = this.#rights.decide(view, calling, requirement);
      if (!progress.decision.allowed) {
        throw denied(requirement, item.request, ownerOf(this.#rights, view, calling));
      }
    }
    if (item.fault !== undefined) throw item.fault;
    if (cohort.lostTo !== undefined) throw cohort.lostTo;
    const call = this.#callOf(cohort, item, { view, progress, calling });
    if (!item.mutates) return operation.apply(item.input, call, item.prepared);
    return transaction.savepoint(async () => {
      const value = await this.#change(item, call);
      progress.changesRights = await this.#follow(transaction, 'change');
      return value;
    });
  }

  #change(item: Item, call: Call): Promise<unknown> {
    const apply = (): Promise<unknown> => item.operation.apply(item.input, call, item.prepared);
    if (item.idempotencyKey === undefined) return apply();
    const subject = item.operation.subject(item.input);
    const workspace = this.#rights.directory.workspace(subject.workspace ?? FIRST_WORKSPACE);
    const repeatable = {
      key: item.idempotencyKey,
      operation: item.operation.name,
      workspaceId: workspace.id,
      input: item.input,
    };
    return runOnce(call, repeatable, apply);
  }

  #callOf(
    cohort: Cohort,
    item: Item,
    who: { readonly view: PrincipalView; readonly progress: Progress; readonly calling: Calling },
  ): Call {
    const { view, progress, calling } = who;
    return {
      transaction: cohort.transaction,
      keyUses: cohort.keyUses,
      recent: this.#recent,
      mac: this.#options.mac,
      keyring: this.#options.keyring,
      log: this.#options.log,
      directory: this.#rights.directory,
      policy: this.#rights.policy,
      circumstances: calling,
      requirementsOf: this.#options.requirementsOf,
      now: progress.now,
      actor: view.principal.id,
      principal: view.principal,
      request: item.request,
      may: (capability, resource, reach = 'exact') =>
        this.#rights.decide(view, calling, { capability, resource, reach }).allowed,
      requireHeld: (rights) => {
        // Owners decide about everything, also about what they are denied themselves.
        const isOwner = this.#rights.policy.isOwner(view.principal.id);
        if (!isOwner || calling.can !== undefined) requireHeld(view.grants, rights, calling.can);
      },
      about: (subject) => {
        progress.subject = { ...progress.subject, ...subject };
      },
      scrub: () => {
        cohort.scrubs = true;
      },
      record: (action, subject) => {
        progress.extra.push({ action, subject: this.#recorder.resolve(subject) });
      },
    };
  }

  /** After a commit whose outcome is unknown, nothing in memory is trusted until it was read again. */
  async #recover(): Promise<void> {
    const { store, log, mac, keyring } = this.#options;
    this.#rights.forget();
    await store.reopen();
    await store.read(async (transaction) => {
      await log.reload(transaction);
      await loadKeys(transaction, mac, keyring);
    });
  }
}

/** Who a caller is: by id once it was found, so that a name given to somebody else later means nothing. */
function viewOf(
  rights: Rights,
  { principalId, context, isSystem }: Caller,
): PrincipalView | undefined {
  return isSystem === true ? SYSTEM : rights.view(principalId ?? context.principal);
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

/** How an owner is called whom nothing but a denial keeps from anything; `undefined` for others. */
function ownerOf(
  { policy }: Rights,
  { principal: { id, kind, name } }: PrincipalView,
  { can }: Pick<SecurityContext, 'can'>,
): string | undefined {
  return can === undefined && policy.isOwner(id) ? `${kind}:${name}` : undefined;
}
