import { StrongroomError } from '../../errors.ts';
import type { Clock } from '../../lib/ids.ts';
import type { Callers, Identified } from '../callers.ts';
import type { Caller } from '../item.ts';
import type { Rights } from '../rights.ts';
import type { Change } from './change.ts';
import type { ChangeEvent, ChangeStream } from './change-event.ts';
import type { Following } from './change-feed.ts';
import type { ChangeRing } from './change-ring.ts';
import { ChangeScope, isGone, requiresToFollow } from './change-scope.ts';
import type { EventIds } from './event-ids.ts';
import { mayKnow } from './may-know.ts';

/**
 * Why a stream ended. `closed`: whoever read it is done, or gone. `slow`: they did not take what
 * was sent. `sealed`: the vault or the server is being closed. `limit`: all streams were taken, and
 * somebody who had none was let in.
 */
export type Ended = 'closed' | 'slow' | 'sealed' | 'unauthenticated' | 'denied' | 'limit';

/** What a stream works with. */
export interface StreamParts {
  readonly rights: Rights;
  readonly callers: Callers;
  readonly now: Clock;
  readonly ring: ChangeRing;
  readonly ids: EventIds;
  /** Whether what is known of rights is durable. If not, streams are woken once it is. */
  readonly isSettled: () => boolean;
  /** Told once. */
  readonly ended: (reason: Ended) => Promise<void>;
}

/** How many events are taken at once. */
const BATCH = 64;

/**
 * What one subscriber may know of the changes: a place among those that are
 * kept, and who it is. Each time something is taken, it is found out anew
 * whether the subscriber may still call, and may list what the event names.
 */
export class FollowedChanges implements ChangeStream {
  readonly #following: Following;
  readonly #parts: StreamParts;
  readonly #recheck: (rights: Rights, now: number) => Identified;
  #scope: ChangeScope;
  /** Of the rights that scope and workspaces are of. */
  #state: string | undefined;
  #workspaces: ReadonlySet<string> = new Set();
  /** Number of the next change to look at. */
  #at = 0;
  #isReset = false;
  #ended: Ended | undefined;
  #recorded: Promise<void> | undefined;
  #wakeUp: (() => void) | undefined;
  #told = 0;

  /** @throws {@link StrongroomError} `workspace_not_found`, `environment_not_found`. */
  constructor(following: Following, parts: StreamParts) {
    this.#following = following;
    this.#parts = parts;
    this.#recheck = parts.callers.hold(following.found, following.caller);
    this.#scope = new ChangeScope(parts.rights.directory, following.filter);
  }

  get principalId(): string {
    return this.#following.found.view.principal.id;
  }

  get caller(): Caller {
    return this.#following.caller;
  }

  /** Who asked for what, for the record. */
  get following(): Following {
    return this.#following;
  }

  /** How many events were taken. */
  get told(): number {
    return this.#told;
  }

  /** Whether its credential ends when it is not used: a stream is no use of it. */
  get endsUnused(): boolean {
    return (this.#following.found.credential?.idle_ms ?? null) !== null;
  }

  /** Why it ended, if it did. */
  get ending(): Ended | undefined {
    return this.#ended;
  }

  /** An id from which it can be gone on with, also if nothing was told for long. */
  get position(): string {
    return this.#idOf(this.#at - 1);
  }

  /** Takes its place among the changes, before the one with a number. */
  begin(next: number): void {
    const { ring, ids } = this.#parts;
    const { lastEventId } = this.#following;
    this.#at = next;
    if (lastEventId === undefined) return;
    const number = ids.decode(lastEventId, this.principalId);
    this.#isReset = number === undefined || number + 1 < ring.oldest || number >= next;
    if (number !== undefined && !this.#isReset) this.#at = number + 1;
  }

  /** Changes may be missed. */
  reset(): void {
    this.#isReset = true;
  }

  /** There may be something new. */
  wake(): void {
    this.#wakeUp?.();
  }

  /** Ends it. Resolves when that is on record. */
  end(reason: Ended): Promise<void> {
    if (this.#ended === undefined) {
      this.#ended = reason;
      this.#recorded = this.#parts.ended(reason);
      this.wake();
    }
    return this.#recorded ?? Promise.resolve();
  }

  async close(): Promise<void> {
    await this.end('closed');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The next events, at least one. `undefined`: it has ended. */
  async take(): Promise<readonly ChangeEvent[] | undefined> {
    for (;;) {
      if (this.#ended !== undefined) return undefined;
      const events = this.#parts.isSettled() && this.#parts.rights.isKnown ? this.#collect() : [];
      this.#told += events.length;
      if (events.length > 0) return events;
      if (this.#ended === undefined) await this.#news();
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ChangeEvent, void, undefined> {
    try {
      for (let events = await this.take(); events !== undefined; events = await this.take()) {
        yield* events;
      }
    } finally {
      await this.close();
    }
    if (this.#ended !== 'closed') throw endOf(this.#ended);
  }

  /** What there is to tell. Ends the stream if its subscriber may not have it any more. */
  #collect(): readonly ChangeEvent[] {
    const { ring, rights, now } = this.#parts;
    const who = this.#who(rights, now());
    if (who === undefined) return [];
    const events: ChangeEvent[] = [];
    this.#isReset ||= this.#at < ring.oldest;
    if (this.#isReset) {
      this.#at = ring.next;
      events.push(this.#resetEvent(ring.next - 1));
    }
    for (; this.#at < ring.next && events.length < BATCH; this.#at += 1) {
      const change = ring.at(this.#at);
      const event = change && this.#toEvent(rights, who, change);
      if (event !== undefined) events.push(event);
    }
    this.#refresh(rights, who);
    return events;
  }

  /** Who it is now, or `undefined` if the stream ended because it may not be told anything any more. */
  #who(rights: Rights, now: number): Identified | undefined {
    try {
      const who = this.#recheck(rights, now);
      if (rights.state !== this.#state) {
        this.#scope = new ChangeScope(rights.directory, this.#following.filter);
      }
      const isAllowed = requiresToFollow(this.#following.filter).every(
        (requirement) => rights.decide(who.view, who.calling, requirement).allowed,
      );
      if (isAllowed) return who;
    } catch (error) {
      if (!(error instanceof StrongroomError)) throw error;
      void this.end(isGone(error) ? 'denied' : 'unauthenticated');
      return undefined;
    }
    void this.end('denied');
    return undefined;
  }

  #toEvent(rights: Rights, who: Identified, change: Change): ChangeEvent | undefined {
    if (change.type === 'workspace.deleted') {
      // Its name is nothing to those who might not have known it; who did looks again.
      return this.#workspaces.has(change.workspaceId) ? this.#resetEvent(this.#at) : undefined;
    }
    const environment = rights.directory.environmentById(change.environmentId);
    if (environment === undefined || !this.#scope.has(change)) return undefined;
    if (!mayKnow(rights, who, { change, environment })) return undefined;
    return {
      id: this.#idOf(this.#at),
      type: change.type,
      workspace: environment.workspace.name,
      workspaceId: environment.workspace.id,
      environment: environment.name,
      path: change.path ?? null,
      secretId: change.secretId ?? null,
      version: change.version ?? null,
      at: new Date(change.at).toISOString(),
    };
  }

  /** Remembers of which workspaces the subscriber may know, for when one is gone. */
  #refresh(rights: Rights, { view, calling }: Identified): void {
    if (rights.state === this.#state) return;
    this.#state = rights.state;
    const known = rights.directory
      .workspaces()
      .filter(
        ({ name }) =>
          rights.decide(view, calling, { capability: 'list', resource: [name], reach: 'under' })
            .allowed,
      );
    this.#workspaces = new Set(known.map(({ id }) => id));
  }

  #resetEvent(number: number): ChangeEvent {
    this.#isReset = false;
    return { id: this.#idOf(number), type: 'reset' };
  }

  #idOf(number: number): string {
    return this.#parts.ids.encode(number, this.principalId);
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeUp = () => {
        this.#wakeUp = undefined;
        resolve();
      };
    });
  }
}

/** What a reader in the same process is told of an end that it did not ask for. */
function endOf(reason: Ended | undefined): StrongroomError {
  if (reason === 'unauthenticated') {
    return new StrongroomError(
      'unauthenticated',
      'whoever follows the changes may not call any more',
    );
  }
  if (reason === 'denied') {
    return new StrongroomError('denied', 'the changes may not be followed any more');
  }
  if (reason === 'limit') {
    return new StrongroomError('rate_limited', 'there are too many streams of changes');
  }
  return new StrongroomError('vault_closed', 'the vault was closed');
}
