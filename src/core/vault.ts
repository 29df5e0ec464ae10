import { setImmediate as nextTurn } from 'node:timers/promises';

import { SYSTEM_NAME } from '../domain/access/system-principal.ts';
import { CAPABILITIES, isCapability, type Capability } from '../domain/access/capability.ts';
import { STATE_INTERVAL, type AuditLog } from '../domain/audit/audit-log.ts';
import type { EntryFields } from '../domain/audit/entry.ts';
import { INDEX_STEP, indexEntries } from '../domain/audit/entry-index.ts';
import { StrongroomError } from '../errors.ts';
import { uuidv7, type Clock } from '../lib/ids.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { RowMac } from '../store/row-mac.ts';
import type { Store, Transaction } from '../store/store.ts';
import type { VaultLock } from '../store/vault-lock.ts';
import type { Face, FaceCallOptions, SecurityContext } from './context.ts';
import type { DeferredInput } from './deferred-input.ts';
import type { StreamLimits } from './events/change-feed.ts';
import type { InnerOperation } from './operation.ts';
import { tell, type VaultObserver } from './observer.ts';
import { writeOutsideCheckpoint } from './outside-checkpoint.ts';
import { requirementsOf } from './operations/requirements-of.ts';
import type { Caller } from './item.ts';
import { Pipeline } from './pipeline.ts';
import type { RateLimitOptions } from './rate-limits.ts';
import { asStrongroomError } from './unforeseen.ts';

/** The parts of an unsealed vault. */
export interface VaultParts {
  readonly directory: string;
  readonly store: Store;
  readonly lock: VaultLock;
  readonly keyring: Keyring;
  readonly mac: RowMac;
  readonly log: AuditLog;
  readonly now: Clock;
  /** A clock in milliseconds that is never set. Default: that of {@link VaultParts.rateLimits}. */
  readonly elapsed?: (() => number) | undefined;
  /** Where the newest checkpoint is kept outside the vault. */
  readonly checkpointPath: string;
  /** Path of the key file that opened the vault, if it lies in the vault's own directory. */
  readonly keyBesideVault?: string | undefined;
  readonly observer?: VaultObserver | undefined;
  /** What is done when somebody who may has sealed the vault. Default: it is closed. */
  readonly seal?: (() => void) | undefined;
  /** How often callers over the network may call. */
  readonly rateLimits?: RateLimitOptions | undefined;
  /** How many may follow changes at a time. */
  readonly streamLimits?: StreamLimits | undefined;
}

/** How long new entries may go without a signed checkpoint, in milliseconds. */
const CHECKPOINT_MS = 1000;

/** A second with more new entries than this is not a quiet one. */
const QUIET_ENTRIES = 256;

/** An unsealed vault: runs operations, signs checkpoints, and closes in good order. */
export class UnsealedVault {
  readonly #parts: VaultParts;
  readonly #pipeline: Pipeline;
  #checkpointTimer: NodeJS.Timeout | undefined;
  #checkpointing: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;
  /** Whether somebody who may has sealed the vault. */
  #isToSeal = false;
  #outsideFault: StrongroomError | undefined;
  /** The log's size when the last checkpoint was signed. */
  #seenSize = 0;
  #underWay = 0;
  /** Whether something was overwritten that must not be found any more. */
  #isToScrub = false;
  #scrubbing: Promise<void> = Promise.resolve();
  #whenQuiet: (() => void) | undefined;

  constructor(parts: VaultParts) {
    this.#parts = parts;
    this.#pipeline = new Pipeline({
      ...parts,
      requirementsOf,
      changed: () => parts.lock.mark(),
      committed: (cohort) => {
        this.#scheduleCheckpoint();
        tell(parts.observer?.committed, cohort);
      },
      scrub: () => {
        this.#isToScrub = true;
        this.#scrubbing = this.#scrub();
      },
    });
  }

  get id(): string {
    return this.#parts.keyring.vaultId;
  }

  /** Whether accesses cannot be put on record at the moment, and so nothing is given out. */
  get isBlocked(): boolean {
    return this.#pipeline.isBlocked;
  }

  /** Whether nothing can be called any more: it was closed, or somebody sealed it. */
  get isClosed(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Why the newest checkpoint could not be kept outside the vault. The log is
   * whole and signed then; but an older copy of the vault would go unnoticed.
   */
  get outsideFault(): StrongroomError | undefined {
    return this.#outsideFault;
  }

  /**
   * Path of the key file that opened the vault, if it lies in the vault's own
   * directory: then whoever copies the directory has the key too.
   */
  get keyBesideVault(): string | undefined {
    return this.#parts.keyBesideVault;
  }

  /**
   * Begins calls of one caller. What it is given is copied.
   *
   * @throws TypeError if no principal is named, something that goes on record is not text,
   * `mfa` is neither true nor false, or `can` is not a list of capabilities.
   */
  caller(context: SecurityContext, face: Face): Caller {
    return { context: heldContext(context), face };
  }

  /** Begins calls of the system: for the scheduler alone. */
  systemCaller(): Caller {
    return {
      context: Object.freeze({ principal: SYSTEM_NAME }),
      face: 'scheduler',
      isSystem: true,
    };
  }

  /**
   * Calls an operation.
   *
   * @throws {@link StrongroomError} `vault_closed` after {@link UnsealedVault.close}.
   */
  async call<I, O, P>(
    operation: InnerOperation<I, O, P>,
    caller: Caller,
    input: I | DeferredInput,
    options?: FaceCallOptions,
  ): Promise<O> {
    if (this.#closing !== undefined) {
      throw new StrongroomError('vault_closed', 'the vault was closed');
    }
    this.#underWay += 1;
    try {
      const answer = await this.#pipeline.call(operation, caller, input, options);
      if (operation.seals === true) this.#isToSeal = true;
      return answer;
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) this.#whenQuiet?.();
      // Not waited for by this call, which it waits for itself.
      if (this.#isToSeal) this.#seal();
    }
  }

  /**
   * Lets a request over the network in, before anything of it is looked at; one that is one too
   * many is on record. The next call of that caller counts no second time.
   *
   * @throws {@link StrongroomError} `rate_limited` with `retryAfter` seconds in its details;
   * `vault_closed`, `audit_blocked`.
   */
  async admit(caller: Caller): Promise<void> {
    if (this.#closing !== undefined) {
      throw new StrongroomError('vault_closed', 'the vault was closed');
    }
    this.#underWay += 1;
    try {
      await this.#pipeline.admit(caller);
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) this.#whenQuiet?.();
    }
  }

  /** Ends all who follow changes, and lets nobody begin: for a server that is about to stop. */
  endStreams(): Promise<void> {
    return this.#pipeline.endStreams();
  }

  #seal(): void {
    this.#isToSeal = false;
    const { seal = () => void this.close().catch(() => undefined) } = this.#parts;
    seal();
  }

  /** Puts an event of the vault itself on record, with what it changes in the same transaction. */
  async recordEvent(
    action: string,
    fields: Partial<EntryFields> = {},
    change: (transaction: Transaction) => Promise<void> = async () => undefined,
  ): Promise<void> {
    const { store, log, now } = this.#parts;
    const staged = await store.write(async (transaction) => {
      const entries = log.stage();
      await change(transaction);
      const state = await this.#pipeline.state(transaction);
      const request = uuidv7(now);
      entries.append({ outcome: 'ok', ...fields, request, action, state }, now());
      await entries.flush(transaction);
      return entries;
    });
    staged.accept();
  }

  /** Finishes what is under way, puts the closing on record, signs a checkpoint, and lets go of the files. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { lock } = this.#parts;
    try {
      await this.#finish();
    } finally {
      lock.release();
    }
  }

  async #finish(): Promise<void> {
    clearTimeout(this.#checkpointTimer);
    try {
      await this.#pipeline.endStreams();
      await this.#quiet();
      // Those whose opening was under way.
      await this.#pipeline.endStreams();
      await this.#checkpointing;
      await this.#scrubbing;
      clearTimeout(this.#checkpointTimer);
      if (!this.#pipeline.isBlocked) {
        await this.#recordRefusals();
        await this.recordEvent('vault.seal');
        await this.checkpoint();
      }
    } finally {
      await this.#parts.store.close();
    }
  }

  /** Resolves when no call is under way, also none that is still being prepared. */
  async #quiet(): Promise<void> {
    if (this.#underWay > 0) {
      await new Promise<void>((resolve) => {
        this.#whenQuiet = resolve;
      });
    }
    await this.#pipeline.idle();
  }

  async #recordRefusals(): Promise<void> {
    const { store, log, now } = this.#parts;
    const refusals = this.#pipeline.stageRefusals();
    const due = refusals.drain(now(), true);
    if (due.length === 0) return;
    const staged = await store.write(async (transaction) => {
      const entries = log.stage();
      const state = await this.#pipeline.state(transaction);
      for (const fields of due) {
        const isAnchor = entries.size % STATE_INTERVAL === 0;
        entries.append(isAnchor ? { ...fields, state } : fields, now());
      }
      await entries.flush(transaction);
      return entries;
    });
    staged.accept();
    refusals.accept();
  }

  #scheduleCheckpoint(): void {
    if (this.#checkpointTimer !== undefined || this.#closing !== undefined) return;
    this.#checkpointTimer = setTimeout(() => {
      this.#checkpointTimer = undefined;
      // What fails here is tried again after the next entries, and at closing.
      this.#checkpointing = this.#tidy().catch(() => undefined);
    }, CHECKPOINT_MS);
    this.#checkpointTimer.unref();
  }

  /** What does not succeed, as while somebody reads, is tried again with the next checkpoint; closing does it too. */
  async #scrub(): Promise<void> {
    try {
      if (await this.#parts.store.scrub()) this.#isToScrub = false;
      else this.#scheduleCheckpoint();
    } catch {
      this.#scheduleCheckpoint();
    }
  }

  /** Signs a checkpoint, and uses a quiet moment for the index of entries by path. */
  async #tidy(): Promise<void> {
    const { store, log } = this.#parts;
    await this.checkpoint();
    if (this.#isToScrub) await this.#scrub();
    const isBusy = this.#checkpointTimer !== undefined || log.size - this.#seenSize > QUIET_ENTRIES;
    this.#seenSize = log.size;
    if (isBusy || this.#closing !== undefined) return;
    const rest = await store.write((transaction) => indexEntries(transaction, log, INDEX_STEP));
    if (rest > 0) this.#scheduleCheckpoint();
  }

  /** Signs a checkpoint, and keeps it outside the vault too, or says in `outsideFault` why not. */
  async checkpoint(): Promise<void> {
    const { store, log, now, checkpointPath } = this.#parts;
    // Page by page, so that calls are answered between them.
    while (await store.read((transaction) => log.recheck(transaction))) await nextTurn();
    const note = await store.write((transaction) => log.checkpoint(transaction, now()));
    if (note === undefined) return;
    try {
      writeOutsideCheckpoint(checkpointPath, note);
      this.#outsideFault = undefined;
    } catch (error) {
      this.#outsideFault = asStrongroomError(error);
    }
  }
}

/**
 * A copy that cannot change any more, checked after it was made: each member is
 * read once. What is not text could not be put on record, and would take the
 * other calls of its cohort along.
 */
function heldContext(given: SecurityContext): SecurityContext {
  const { principal, ip, userAgent, sessionId, mfa, can: some, certificate: der } = given ?? {};
  if (typeof principal !== 'string' || principal === '') {
    throw new TypeError('a security context names a principal');
  }
  const can = Array.isArray(some) ? Object.freeze([...(some as readonly Capability[])]) : some;
  if (can !== undefined && !(Array.isArray(can) && can.every(isCapability))) {
    throw new TypeError(`can of a security context is a list of ${CAPABILITIES.join(', ')}`);
  }
  for (const [name, member] of Object.entries({ ip, userAgent, sessionId })) {
    if (member !== undefined && typeof member !== 'string') {
      throw new TypeError(`${name} of a security context is text, not ${typeof member}`);
    }
  }
  if (mfa !== undefined && typeof mfa !== 'boolean') {
    throw new TypeError(`mfa of a security context is true or false, not ${typeof mfa}`);
  }
  if (der !== undefined && !(der instanceof Uint8Array)) {
    throw new TypeError(`certificate of a security context is bytes, not ${typeof der}`);
  }
  const certificate = der === undefined ? undefined : new Uint8Array(der);
  return Object.freeze({ principal, ip, userAgent, sessionId, mfa, can, certificate });
}
