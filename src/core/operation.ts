import type { ZodType } from 'zod';

import type { Capability } from '../domain/access/capability.ts';
import type { Circumstances } from '../domain/access/conditions.ts';
import type { GivenRights } from '../domain/access/escalation.ts';
import type { Policy } from '../domain/access/policy.ts';
import type { Principal } from '../domain/access/principals.ts';
import type { AuditLog } from '../domain/audit/audit-log.ts';
import type { EntrySubject } from '../domain/audit/entry.ts';
import type { Work } from '../domain/work.ts';
import type { Directory } from '../domain/workspaces/directory.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { Clock } from '../lib/ids.ts';
import type { RowMac } from '../store/row-mac.ts';
import type { Store } from '../store/store.ts';

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
  /** Where the newest checkpoint is kept outside the vault; verifier keys lie beside it. */
  readonly checkpointPath: string;
  /** Calls another operation as the same caller: with its own rights, and on record by itself. */
  run<I, O, P>(operation: Operation<I, O, P>, input: I): Promise<O>;
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
  readonly circumstances: Circumstances;
  /**
   * The rights that an operation needs for what an entry says it was about;
   * `undefined` if it is no operation, or the entry does not say enough.
   */
  requirementsOf(action: string, subject: EntrySubject): readonly Requirement[] | undefined;
  /** Whether the caller may do something; the same decision as for requirements. */
  may(capability: Capability, resource: readonly string[], reach?: Requirement['reach']): boolean;
  /**
   * Refuses to let the caller give others what they do not have themselves.
   * Owners of the vault may.
   *
   * @throws {@link StrongroomError} `escalation_refused`.
   */
  requireHeld(rights: readonly GivenRights[]): void;
  /** Adds to what this call's audit entry says it was about. */
  about(subject: EntrySubject): void;
  /** Asks that what this call overwrites is in none of the database's files once it is durable. */
  scrub(): void;
  /** Writes a further entry beside the call's own, for one of many things that it did. */
  record(action: string, subject: EntrySubject): void;
}

/**
 * One thing that Strongroom can do, as data. Faces, validation, audit and
 * documentation derive from it; the pipeline alone runs it.
 *
 * @typeParam I - Input. @typeParam O - Output. @typeParam P - What `prepare` hands to `apply`.
 */
export interface Operation<I, O, P = unknown> {
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
  /** Its answer has what is given once and kept nowhere: an idempotency key is refused. */
  readonly givesOnce?: true;
  /** Slow or outside work: key derivation, files, long reads. */
  readonly prepare?: (input: I, services: Services) => Promise<P>;
  /** Takes back what `prepare` left outside the vault, once it is certain that nothing was changed. */
  readonly undo?: (prepared: P) => void;
  /** The work itself, inside the cohort's transaction; awaits nothing but the store. */
  readonly apply: (input: I, call: Call, prepared: P) => Promise<O>;
}
