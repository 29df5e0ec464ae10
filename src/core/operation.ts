import type { ZodType } from 'zod';

import type { Capability } from '../domain/access/capability.ts';
import type { Circumstances } from '../domain/access/conditions.ts';
import type { GivenRights } from '../domain/access/escalation.ts';
import type { Policy } from '../domain/access/policy.ts';
import type { Principal } from '../domain/access/principals.ts';
import type { AuditLog } from '../domain/audit/audit-log.ts';
import type { EntryFields, EntrySubject } from '../domain/audit/entry.ts';
import type { Standing } from '../domain/identities/validity.ts';
import type { SettingRows } from '../domain/settings/settings.ts';
import type { Work } from '../domain/work.ts';
import type { Directory } from '../domain/workspaces/directory.ts';
import type { ErrorCode } from '../errors.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { Clock } from '../lib/ids.ts';
import type { NotedSubject } from './change-note.ts';
import type { ChangeStream } from './events/change-event.ts';
import type { ChangeFilter } from './events/change-scope.ts';
import type { RestBinding } from './rest-binding.ts';
import type { RowMac } from '../store/row-mac.ts';
import type { Store } from '../store/store.ts';
import type { TokenRow } from '../store/tables.ts';

/** A right that an operation needs before it runs. */
export interface Requirement {
  readonly capability: Capability;
  /** Segments: workspace, environment and path, or `sys` and what of the vault. */
  readonly resource: readonly string[];
  /** `under`: it is enough to have the right somewhere at or under the resource. Default `exact`. */
  readonly reach?: 'exact' | 'under';
}

/** What `prepare` may use: no transaction is open. */
export interface Services {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly mac: RowMac;
  readonly log: AuditLog;
  readonly now: Clock;
  /** The vault's directory. */
  readonly directory: string;
  /** The network that the call comes from; empty if that is not known. */
  readonly network: string;
  /** Where the newest checkpoint is kept outside the vault; verifier keys lie beside it. */
  readonly checkpointPath: string;
  /** What is set, as it is known in memory. */
  settings(): Promise<SettingRows>;
  /** Calls another operation as the same caller: with its own rights, and on record by itself. */
  run<I, O, P>(operation: InnerOperation<I, O, P>, input: I): Promise<O>;
}

/** One call while it is applied. */
export interface Call extends Work {
  readonly request: string;
  readonly principal: Principal;
  readonly directory: Directory;
  /** Everybody and every rule. */
  readonly policy: Policy;
  readonly log: AuditLog;
  /** What is known about the call, besides who calls. */
  readonly circumstances: Circumstances & {
    /** DER of the client certificate of the connection. */
    readonly certificate?: Uint8Array | undefined;
  };
  /** The credential that it was made with, if it was made with one. */
  readonly credential: TokenRow | undefined;
  /** Whether that is a session with which nothing can be done but to set up a second factor. */
  readonly isEnrolling: boolean;
  /** What credentials are held against, and what is set. */
  readonly standing: Standing & SettingRows;
  /**
   * The rights that an operation needs for what an entry says it was about;
   * `undefined` if it is no operation, or the entry does not say enough.
   */
  requirementsOf(action: string, subject: EntrySubject): readonly Requirement[] | undefined;
  /** Whether the caller may do something; the same decision as for requirements. */
  may(capability: Capability, resource: readonly string[], reach?: Requirement['reach']): boolean;
  /**
   * Refuses to let the caller give others what they do not have themselves.
   * Owners of the vault may, unless by a credential that is limited to networks.
   *
   * @throws {@link StrongroomError} `escalation_refused`.
   */
  requireHeld(rights: readonly GivenRights[]): void;
  /**
   * Says who calls, of a call that anyone may make, once that was proven: it is on record as theirs.
   *
   * @param made - Of somebody that the call itself makes: who they are.
   * @throws {@link StrongroomError} `unauthenticated` if nobody of that id may act.
   */
  identified(principalId: string, made?: Principal): void;
  /**
   * Follows changes from the moment on at which this call is durable.
   *
   * @param lastEventId - Id of the event after which it goes on.
   * @throws {@link StrongroomError} `rate_limited` if there are too many who do; `vault_closed`.
   */
  follow(filter: ChangeFilter, lastEventId: string | undefined): ChangeStream;
  /** Adds to what this call's audit entry says it was about. */
  about(subject: NotedSubject): void;
  /** Asks that what this call overwrites is in none of the database's files once it is durable. */
  scrub(): void;
  /**
   * Writes a further entry beside the call's own, for one of many things that it did.
   *
   * @param end - How that ended, if not like the call.
   */
  record(
    action: string,
    subject: NotedSubject,
    end?: Pick<EntryFields, 'outcome' | 'reason'>,
  ): void;
}

/**
 * What the pipeline runs: an operation, or a step of one that goes on record
 * by itself and that no face can name.
 *
 * @typeParam I - Input. @typeParam O - Output. @typeParam P - What `prepare` hands to `apply`.
 */
export interface InnerOperation<I, O, P = unknown> {
  /** Group and verb, such as `secrets.read`; also the action in the audit log. */
  readonly name: string;
  /** One sentence for people. */
  readonly summary: string;
  readonly input: ZodType<I>;
  /** Input members that hold secrets, and output members that do. */
  readonly secretMembers: readonly string[];
  readonly mutates: boolean;
  /** The rights needed, all of them. */
  readonly requires: (input: I) => readonly Requirement[];
  /** What the audit entry names, also when the operation is denied or fails. */
  readonly subject: (input: I) => EntrySubject;
  /** Anyone may call it, also who is not known yet. What it asks for, it asks for itself. */
  readonly anyone?: true;
  /** The vault is sealed once this is durable and the answer has left. */
  readonly seals?: true;
  /** A session has to be proven anew for it, within the last five minutes; a token cannot do it. */
  readonly fresh?: true;
  /** Its answer cannot be kept, as of what is given once and kept nowhere: an idempotency key is refused. */
  readonly givesOnce?: true;
  /** Slow or outside work: key derivation, files, long reads. */
  readonly prepare?: (input: I, services: Services) => Promise<P>;
  /** Takes back what `prepare` left outside the vault, once it is certain that nothing was changed. */
  readonly undo?: (prepared: P) => void;
  /** The work itself, inside the cohort's transaction; awaits nothing but the store. */
  readonly apply: (input: I, call: Call, prepared: P) => Promise<O>;
}

/**
 * One thing that Strongroom can do, as data. Faces, validation, audit and
 * documentation derive from it; the pipeline alone runs it.
 *
 * @typeParam I - Input. @typeParam O - Output. @typeParam P - What `prepare` hands to `apply`.
 */
export interface Operation<I, O, P = unknown> extends InnerOperation<I, O, P> {
  /** What it answers, for documentation, clients and tests. */
  readonly output: ZodType<O>;
  /** What it may fail with besides what any call may, which `common-errors.ts` has. */
  readonly errors: readonly ErrorCode[];
  /** What it answers is a stream of these instead, over HTTP as events. */
  readonly streams?: ZodType;
  /** Every way to it over REST; none: it is not reachable over the network. */
  readonly rest: readonly RestBinding[];
}
