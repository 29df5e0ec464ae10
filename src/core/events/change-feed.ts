import { setTimeout as sleep } from 'node:timers/promises';

import { StrongroomError } from '../../errors.ts';
import type { Clock } from '../../lib/ids.ts';
import type { NotedEntry } from '../change-note.ts';
import type { Callers, Identified } from '../callers.ts';
import type { Caller } from '../item.ts';
import type { Rights } from '../rights.ts';
import { changesOf, type Change } from './change.ts';
import { ChangeRing } from './change-ring.ts';
import type { ChangeFilter } from './change-scope.ts';
import { EventIds } from './event-ids.ts';
import { FollowedChanges, type Ended } from './followed-changes.ts';

/** How many streams of changes there may be. */
export interface StreamLimits {
  /** Of one principal. Default 32. */
  readonly principal?: number | undefined;
  /** In all. Default 256. */
  readonly total?: number | undefined;
}

/** Options of a {@link ChangeFeed}. */
export interface ChangeFeedOptions {
  /** As of the last transaction, and known to be durable only while none is under way. */
  readonly rights: Rights;
  readonly callers: Callers;
  readonly now: Clock;
  /** Puts the end of a stream on record. */
  readonly recordEnd: (stream: FollowedChanges, reason: Ended) => Promise<void>;
  /** Fails if a credential that ends by not being used has ended. */
  readonly requireUsed: (caller: Caller) => Promise<void>;
  readonly limits?: StreamLimits | undefined;
  /** Called once changes are durable, for those in other processes. */
  readonly changed: () => void;
  /** How many changes are kept for those who come back. Default 4,096. */
  readonly kept?: number | undefined;
}

/** Who wants to be told what, and since when. */
export interface Following {
  readonly caller: Caller;
  readonly found: Identified;
  readonly filter: ChangeFilter;
  /** The id under which the opening is on record, and the end too. */
  readonly request: string;
  /** Id of the event after which it goes on. Default: from now on. */
  readonly lastEventId?: string | undefined;
}

const PER_PRINCIPAL = 32;
const TOTAL = 256;
const KEPT = 4096;
/** Changes of several transactions are told together. */
const WAKE_MS = 10;
/** How often it is looked whether a credential has ended by itself. */
const CHECK_MS = 1000;

/**
 * Tells those who may know of changes that are durable. It keeps a bounded
 * number of changes, and of a stream nothing but where it is: who may know of
 * a change is decided when somebody takes it.
 */
export class ChangeFeed {
  readonly #options: ChangeFeedOptions;
  readonly #ring: ChangeRing;
  readonly #ids: EventIds = new EventIds();
  readonly #streams: Set<FollowedChanges> = new Set();
  /** Ended, and not on record yet. */
  readonly #ending: Map<FollowedChanges, Promise<void>> = new Map();
  #staged: Change[] = [];
  #stagedStreams: FollowedChanges[] = [];
  #isSettled = true;
  #isOver = false;
  #state: string | undefined;
  #isAwaited = false;
  #isChecking = false;
  #wake: NodeJS.Timeout | undefined;
  #checks: NodeJS.Timeout | undefined;

  constructor(options: ChangeFeedOptions) {
    this.#options = options;
    this.#ring = new ChangeRing(options.kept ?? KEPT);
  }

  /** A transaction begins: what was noted in one that failed is forgotten. */
  begin(): void {
    this.#staged = [];
    this.#stagedStreams = [];
    this.#isSettled = false;
  }

  /** Notes what an entry of the transaction stands for. */
  note(entry: NotedEntry, at: number): void {
    for (const change of changesOf(entry, at)) this.#staged.push(change);
  }

  /** The transaction is durable. */
  publish(): void {
    for (const stream of this.#stagedStreams) {
      stream.begin(this.#ring.next);
      this.#streams.add(stream);
      if (this.#isOver) void stream.end('sealed');
    }
    for (const change of this.#staged) this.#ring.add(change);
    if (this.#staged.length > 0) this.#options.changed();
    const { state } = this.#options.rights;
    const isNews = this.#staged.length > 0 || state !== this.#state || this.#isAwaited;
    this.#staged = [];
    this.#stagedStreams = [];
    this.#isSettled = true;
    this.#state = state;
    this.#isAwaited = false;
    if (this.#streams.size === 0) return;
    this.#checks ??= setInterval(() => void this.#check(), CHECK_MS);
    if (isNews) this.#wake ??= setTimeout(() => this.#wakeAll(), WAKE_MS);
  }

  /** It is not known whether changes became durable: everybody looks again. */
  doubt(): void {
    this.begin();
    for (const stream of this.#streams) stream.reset();
  }

  /**
   * Begins a stream once the transaction is durable.
   *
   * @throws {@link StrongroomError} `rate_limited` if there are too many; `vault_closed`;
   * `workspace_not_found`, `environment_not_found`.
   */
  follow(following: Following): FollowedChanges {
    if (this.#isOver) throw new StrongroomError('vault_closed', 'the vault is being closed');
    this.#requireRoom(following.found.view.principal.id);
    const stream = new FollowedChanges(following, {
      ...this.#options,
      ring: this.#ring,
      ids: this.#ids,
      isSettled: () => {
        this.#isAwaited ||= !this.#isSettled;
        return this.#isSettled;
      },
      ended: (reason) => this.#end(stream, reason),
    });
    this.#stagedStreams.push(stream);
    return stream;
  }

  /** Ends every stream, and lets none begin. Resolves when that is on record. */
  async end(): Promise<void> {
    this.#isOver = true;
    for (const stream of this.#streams) void stream.end('sealed');
    await Promise.allSettled(this.#ending.values());
    clearTimeout(this.#wake);
    clearInterval(this.#checks);
  }

  #requireRoom(principalId: string): void {
    const { principal = PER_PRINCIPAL, total = TOTAL } = this.#options.limits ?? {};
    const all = [...this.#streams, ...this.#ending.keys(), ...this.#stagedStreams];
    const own = all.filter((stream) => stream.principalId === principalId);
    if (own.length < principal && all.length < total) return;
    // A few cannot keep everybody else out. What ends has not ended yet, hence the bound.
    if (own.length === 0 && all.length < total + principal && this.#endOneOfMost()) return;
    throw new StrongroomError('rate_limited', 'there are too many streams of changes', {
      details: { retryAfter: 5 },
      hint: 'end one that is not needed, or ask for the changes of several environments with one',
    });
  }

  /** Ends the newest stream of whoever has most. @returns Whether somebody has more than one. */
  #endOneOfMost(): boolean {
    const newest = new Map<string, { stream: FollowedChanges; count: number }>();
    for (const stream of this.#streams) {
      const count = (newest.get(stream.principalId)?.count ?? 0) + 1;
      newest.set(stream.principalId, { stream, count });
    }
    const most = [...newest.values()].toSorted((one, other) => other.count - one.count)[0];
    if (most === undefined || most.count < 2) return false;
    void most.stream.end('limit');
    return true;
  }

  #end(stream: FollowedChanges, reason: Ended): Promise<void> {
    this.#streams.delete(stream);
    const recorded = this.#record(stream, reason).finally(() => this.#ending.delete(stream));
    this.#ending.set(stream, recorded);
    if (this.#streams.size === 0) {
      clearInterval(this.#checks);
      this.#checks = undefined;
    }
    return recorded;
  }

  /** What cannot be put on record at the moment, as on a full disk, is tried again; it counts as a stream until then. */
  async #record(stream: FollowedChanges, reason: Ended): Promise<void> {
    for (;;) {
      try {
        await this.#options.recordEnd(stream, reason);
        return;
      } catch (error) {
        const isBlocked = error instanceof StrongroomError && error.code === 'audit_blocked';
        if (!isBlocked || this.#isOver) return;
        await sleep(CHECK_MS);
      }
    }
  }

  #wakeAll(): void {
    this.#wake = undefined;
    for (const stream of this.#streams) stream.wake();
  }

  /** What ends by time alone makes no transaction. */
  async #check(): Promise<void> {
    // With many streams one look may take longer than the pause before the next.
    if (this.#isChecking) return;
    this.#isChecking = true;
    try {
      for (const stream of this.#streams) {
        stream.wake();
        if (stream.endsUnused) await this.#requireUsed(stream);
      }
    } finally {
      this.#isChecking = false;
    }
  }

  async #requireUsed(stream: FollowedChanges): Promise<void> {
    try {
      await this.#options.requireUsed(stream.caller);
    } catch (error) {
      const isOver = error instanceof StrongroomError && error.code === 'unauthenticated';
      if (isOver) void stream.end('unauthenticated');
    }
  }
}
