import { hmacSha256 } from '../crypto/mac.ts';
import { STATE_INTERVAL, type StagedEntries } from '../domain/audit/audit-log.ts';
import type { EntryFields } from '../domain/audit/entry.ts';
import type { Keyring } from '../keys/keyring.ts';
import { toBase64Url } from '../lib/base64.ts';
import { tuple } from '../lib/bytes.ts';
import type { Clock } from '../lib/ids.ts';
import type { NotedEntry, NotedSubject } from './change-note.ts';
import type { ChangeFeed } from './events/change-feed.ts';
import type { Cohort, Item, Progress } from './item.ts';
import { tell, type VaultObserver } from './observer.ts';
import type { Rights } from './rights.ts';

/** What a {@link Recorder} works with. */
interface RecorderOptions {
  readonly keyring: Keyring;
  readonly now: Clock;
  readonly observer?: VaultObserver | undefined;
  readonly feed: Pick<ChangeFeed, 'begin' | 'note' | 'publish'>;
}

/** Writes down who did what and how it ended, in the transaction in which it was done. */
export class Recorder {
  readonly #rights: Rights;
  readonly #options: RecorderOptions;
  /** Entries of the transaction that is under way, for whoever watches. */
  #news: EntryFields[] = [];

  constructor(rights: Rights, options: RecorderOptions) {
    this.#rights = rights;
    this.#options = options;
  }

  /** Forgets the entries of a transaction that may not have become durable. */
  begin(): void {
    this.#news = [];
    this.#options.feed.begin();
  }

  /** Tells whoever watches of the entries since {@link Recorder.begin}, now that they are durable. */
  tell(): void {
    this.#options.feed.publish();
    const { recorded } = this.#options.observer ?? {};
    if (recorded === undefined) return;
    for (const entry of this.#news) tell(recorded, entry);
    this.#news = [];
  }

  /** Adds the ids that belong to the names in a subject. */
  resolve(subject: NotedSubject): NotedSubject {
    if (subject.workspace === undefined) return subject;
    const workspace = this.#rights.directory.findWorkspace(subject.workspace);
    if (workspace === undefined) return subject;
    const environment = this.#rights.directory
      .environments(workspace)
      .find(({ name }) => name === subject.environment);
    return { ...subject, workspaceId: workspace.id, environmentId: environment?.id };
  }

  /** Puts what became of an item on record, and everything that it did besides. */
  record(
    { staged, refusals }: Cohort,
    item: Item,
    progress: Progress,
    end: Pick<EntryFields, 'outcome' | 'reason' | 'state'>,
  ): void {
    const { context, face } = item.caller;
    const { view, decision, credential, usesLeft } = progress;
    const common = {
      request: item.request,
      actor: view?.principal.id,
      actorName: view?.principal.name,
      actorKind: view?.principal.kind,
      session: this.#sessionOf(context.sessionId),
      credential,
      ip: context.ip,
      userAgent: context.userAgent,
      face,
      ...end,
    };
    const fields: NotedEntry = {
      ...progress.subject,
      ...common,
      // An entry says it of one credential only: of the one that the call was made with, if any.
      usesLeft: credential === undefined ? progress.subject.usesLeft : usesLeft,
      action: item.operation.name,
      decision: decision === undefined ? undefined : decision.allowed ? 'allow' : 'deny',
      rule: decision?.rule,
    };
    // Too many calls must not become as many entries, whoever makes them.
    if (view === undefined || item.refused !== undefined) {
      // Who is over a limit is so whatever they ask for.
      const kind = item.refused === undefined ? fields : { ...fields, action: undefined };
      for (const entry of refusals.take(fields, progress.at, kind)) this.append(staged, entry);
      return;
    }
    this.append(staged, fields, progress.at);
    for (const { action, subject, end: own } of progress.extra) {
      const left = credential === undefined ? subject.usesLeft : undefined;
      const more = { ...subject, ...common, ...own, state: undefined, usesLeft: left, action };
      this.append(staged, more, progress.at);
    }
  }

  /** Adds one entry; every so many of them vouch for the tables. */
  append(staged: StagedEntries, fields: NotedEntry, now: number = this.#options.now()): void {
    const isAnchor = staged.size % STATE_INTERVAL === 0;
    staged.append(isAnchor ? { ...fields, state: this.#rights.state } : fields, now);
    this.#options.feed.note(fields, now);
    if (this.#options.observer !== undefined) this.#news.push(fields);
  }

  #sessionOf(sessionId: string | undefined): string | undefined {
    if (sessionId === undefined) return undefined;
    const { key } = this.#options.keyring.fingerprintKey();
    const mac = hmacSha256(key, tuple(['strongroom/v1/session', sessionId]));
    return toBase64Url(mac.subarray(0, 16));
  }
}
