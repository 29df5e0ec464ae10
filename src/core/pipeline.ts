import { hmacSha256 } from '../crypto/mac.ts';
import type { Decision } from '../domain/access/decide.ts';
import { RecentSecrets } from '../domain/secrets/recent-secrets.ts';
import type { PrincipalView } from '../domain/access/principal-directory.ts';
import { STATE_INTERVAL, type AuditLog, type StagedEntries } from '../domain/audit/audit-log.ts';
import type { EntryFields, EntrySubject } from '../domain/audit/entry.ts';
import { KeyUses } from '../domain/keys/key-uses.ts';
import { FIRST_WORKSPACE } from '../domain/workspaces/names.ts';
import { StrongroomError } from '../errors.ts';
import { toBase64Url } from '../lib/base64.ts';
import { tuple } from '../lib/bytes.ts';
import { uuidv7, type Clock } from '../lib/ids.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { RowMac } from '../store/row-mac.ts';
import { isStoreError, storageFailure } from '../store/sqlite-errors.ts';
import type { Store, Transaction } from '../store/store.ts';
import type { SecretValue } from '../secret-value.ts';
import { Committer, type CohortResult, type ItemOutcome } from './committer.ts';
import type { CallOptions, Face, SecurityContext } from './context.ts';
import { denied, principalUnknown } from './denials.ts';
import { runOnce } from './idempotency.ts';
import type { Call, Operation } from './operation.ts';
import { requireIdempotencyKey } from './invalid-input.ts';
import { readInput } from './read-input.ts';
import { Refusals, type StagedRefusals } from './refusals.ts';
import { Rights } from './rights.ts';
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
  /** Called after each durable cohort. */
  readonly committed: () => void;
}

/** Where calls of one caller begin: the principal is looked up once by name, then held by id. */
export interface Caller {
  readonly context: SecurityContext;
  readonly face: Face;
  principalId?: string;
}

interface Item {
  readonly request: string;
  readonly caller: Caller;
  readonly operation: Operation<unknown, unknown>;
  readonly mutates: boolean;
  /** Parsed input, unless `fault` says why there is none. */
  readonly input: unknown;
  /** Values in the input that are the call's own. */
  readonly copies: readonly SecretValue[];
  readonly prepared: unknown;
  readonly fault: unknown;
  readonly idempotencyKey: string | undefined;
}

/** What the items of one transaction share. */
interface Cohort {
  readonly transaction: Transaction;
  readonly staged: StagedEntries;
  readonly keyUses: KeyUses;
  /** Why the one item fails, if a transaction was lost to it: it is only put on record then. */
  readonly lostTo: unknown;
  readonly refusals: StagedRefusals;
  /** Why nobody's rights can be told, if they can't. */
  fault: StrongroomError | undefined;
}

/** What one item found out about itself on its way. */
interface Progress {
  view?: PrincipalView;
  decision?: Decision;
  changesRights?: boolean;
  subject: EntrySubject;
  readonly extra: { readonly action: string; readonly subject: EntrySubject }[];
  readonly now: number;
}

/**
 * The one way to everything: parse, who, may, apply, and put it on record in
 * the same transaction. Nothing else calls an operation.
 */
export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #rights: Rights;
  readonly #refusals = new Refusals();
  readonly #recent = new RecentSecrets();
  readonly #committer: Committer<Item>;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#rights = new Rights(options.mac);
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
    } finally {
      for (const copy of item.copies) copy.wipe();
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
      requireIdempotencyKey(idempotencyKey);
      if (operation.prepare === undefined) {
        return { ...item, input, copies, fault: undefined };
      }
      await this.#requireBefore(item, input);
      const prepared = await operation.prepare(input, this.#options);
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
    const rights = new Rights(this.#options.mac);
    await this.#options.store.read(async (transaction) => {
      await rights.refresh(transaction);
      const view = rights.view(whoIs(caller));
      if (view === undefined) throw principalUnknown();
      for (const requirement of operation.requires(input)) {
        const { allowed } = rights.decide(view, caller.context, requirement);
        if (!allowed) throw denied(requirement, request);
      }
    });
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
    for (const fields of refusals.drain(this.#options.now())) this.#append(staged, fields);
    const cohort: Cohort = { transaction, staged, keyUses, lostTo, refusals, fault };
    for (const item of items) outcomes.push(await this.#one(cohort, item));
    await keyUses.flush();
    await staged.flush(transaction);
    const accept = (): void => {
      staged.accept();
      refusals.accept();
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
      this.#record(cohort, item, progress, { outcome: 'ok', state });
      return { ok: true, value };
    } catch (error) {
      if (endsTransaction(error)) throw error;
      const reason = error instanceof StrongroomError ? error.code : 'internal';
      const outcome = reason === 'denied' || reason === 'principal_unknown' ? 'denied' : 'failed';
      progress.extra.length = 0;
      // What was undone has no revision, and the log is what revisions are held against.
      progress.subject = { ...progress.subject, revision: undefined, commit: undefined };
      this.#record(cohort, item, progress, { outcome, reason });
      return { ok: false, error: asStrongroomError(error) };
    }
  }

  /** Rows that decide who may do what may be found altered: then every item fails, on record. */
  async #refresh(transaction: Transaction): Promise<StrongroomError | undefined> {
    try {
      await this.#rights.refresh(transaction);
      return undefined;
    } catch (error) {
      if (error instanceof StrongroomError && error.code === 'integrity_error') return error;
      throw error;
    }
  }

  /** Who? May they? Then the work itself. */
  async #answer(cohort: Cohort, item: Item, progress: Progress): Promise<unknown> {
    const { transaction, fault } = cohort;
    if (fault !== undefined) throw fault;
    const { caller, operation } = item;
    const view = this.#rights.view(whoIs(caller));
    if (view === undefined) throw principalUnknown();
    caller.principalId = view.principal.id;
    progress.view = view;
    if (item.input === undefined) throw item.fault;
    progress.subject = this.#resolve(operation.subject(item.input));
    for (const requirement of operation.requires(item.input)) {
      progress.decision = this.#rights.decide(view, caller.context, requirement);
      if (!progress.decision.allowed) throw denied(requirement, item.request);
    }
    if (item.fault !== undefined) throw item.fault;
    if (cohort.lostTo !== undefined) throw cohort.lostTo;
    const call = this.#callOf(cohort, item, view, progress);
    if (!item.mutates) return operation.apply(item.input, call, item.prepared);
    return transaction.savepoint(async () => {
      const value = await this.#change(item, call);
      progress.changesRights = await this.#rights.refresh(transaction);
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

  #callOf(cohort: Cohort, item: Item, view: PrincipalView, progress: Progress): Call {
    return {
      transaction: cohort.transaction,
      keyUses: cohort.keyUses,
      recent: this.#recent,
      mac: this.#options.mac,
      keyring: this.#options.keyring,
      log: this.#options.log,
      directory: this.#rights.directory,
      now: progress.now,
      actor: view.principal.id,
      principal: view.principal,
      request: item.request,
      may: (capability, resource, reach = 'exact') =>
        this.#rights.decide(view, item.caller.context, { capability, resource, reach }).allowed,
      about: (subject) => {
        progress.subject = { ...progress.subject, ...subject };
      },
      record: (action, subject) => {
        progress.extra.push({ action, subject: this.#resolve(subject) });
      },
    };
  }

  /** Adds the ids that belong to the names in a subject. */
  #resolve(subject: EntrySubject): EntrySubject {
    if (subject.workspace === undefined) return subject;
    const workspace = this.#rights.directory.findWorkspace(subject.workspace);
    if (workspace === undefined) return subject;
    const environment = this.#rights.directory
      .environments(workspace)
      .find(({ name }) => name === subject.environment);
    return { ...subject, workspaceId: workspace.id, environmentId: environment?.id };
  }

  #record(
    { staged, refusals }: Cohort,
    item: Item,
    progress: Progress,
    end: Pick<EntryFields, 'outcome' | 'reason' | 'state'>,
  ): void {
    const { context, face } = item.caller;
    const { view, decision } = progress;
    const common = {
      request: item.request,
      actor: view?.principal.id,
      actorName: view?.principal.name,
      actorKind: view?.principal.kind,
      session: this.#sessionOf(context.sessionId),
      ip: context.ip,
      userAgent: context.userAgent,
      face,
      ...end,
    };
    const fields: EntryFields = {
      ...progress.subject,
      ...common,
      action: item.operation.name,
      decision: decision === undefined ? undefined : decision.allowed ? 'allow' : 'deny',
      rule: decision?.rule,
    };
    if (view === undefined) {
      for (const entry of refusals.take(fields, progress.now)) this.#append(staged, entry);
      return;
    }
    this.#append(staged, fields, progress.now);
    for (const { action, subject } of progress.extra) {
      this.#append(staged, { ...subject, ...common, state: undefined, action }, progress.now);
    }
  }

  #append(staged: StagedEntries, fields: EntryFields, now: number = this.#options.now()): void {
    const isAnchor = staged.size % STATE_INTERVAL === 0;
    staged.append(isAnchor ? { ...fields, state: this.#rights.state } : fields, now);
  }

  #sessionOf(sessionId: string | undefined): string | undefined {
    if (sessionId === undefined) return undefined;
    const { key } = this.#options.keyring.fingerprintKey();
    const mac = hmacSha256(key, tuple(['strongroom/v1/session', sessionId]));
    return toBase64Url(mac.subarray(0, 16));
  }

  /** After a commit whose outcome is unknown, nothing in memory is trusted until it was read again. */
  async #recover(): Promise<void> {
    const { store, log } = this.#options;
    await store.reopen();
    await store.read((transaction) => log.reload(transaction));
  }
}

/** A caller's principal: by id once it was found, so that a name given to somebody else later means nothing. */
function whoIs({ principalId, context }: Caller): string {
  return principalId ?? context.principal;
}

/** Whether a failure concerns the whole transaction. SQLite writes nothing more after it met damage. */
function endsTransaction(error: unknown): boolean {
  return storageFailure(error)?.endsTransaction ?? isStoreError(error);
}
