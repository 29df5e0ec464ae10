import type { Decision } from '../domain/access/decide.ts';
import type { PrincipalView } from '../domain/access/policy.ts';
import type { StagedEntries } from '../domain/audit/audit-log.ts';
import type { EntryFields } from '../domain/audit/entry.ts';
import type { KeyUses } from '../domain/keys/key-uses.ts';
import type { StrongroomError } from '../errors.ts';
import type { SecretValue } from '../secret-value.ts';
import type { Transaction } from '../store/store.ts';
import type { NotedSubject } from './change-note.ts';
import type { Identified } from './callers.ts';
import type { Face, SecurityContext } from './context.ts';
import type { Address, Place } from './deferred-input.ts';
import type { InnerOperation } from './operation.ts';
import type { StagedRefusals } from './refusals.ts';

/** Where calls of one caller begin: the principal is looked up once by name, then held by id. */
export interface Caller {
  readonly context: SecurityContext;
  readonly face: Face;
  principalId?: string;
  /** A bearer credential, which says who calls instead of `context.principal`. */
  readonly credential?: string | undefined;
  /** How it came. Default `bearer`. */
  readonly carrier?: 'bearer' | 'cookie' | undefined;
  /** The scheduler's: calls as the system, which no name leads to. */
  readonly isSystem?: true;
  /** Whether the limit of its address was asked already for what it calls now. */
  isAdmitted?: boolean;
  /** Calls as part of another call, which was counted. */
  readonly isInside?: true;
  /**
   * Who it was found to be when something began that ends now. The end is on record as theirs, also
   * if they may not call any more: the vault alone makes such a caller, for that one step.
   */
  readonly opened?: Identified;
}

/** Why a call is one too many. */
export interface Refused {
  readonly error: StrongroomError;
  /** Who called, if that was known by then. */
  readonly view: PrincipalView | undefined;
  /** Whether it was counted to an entry that is there already. */
  readonly isNoted: boolean;
}

/** One call on its way through a cohort. */
export interface Item {
  readonly request: string;
  readonly caller: Caller;
  readonly operation: InnerOperation<unknown, unknown>;
  readonly mutates: boolean;
  /** Parsed input, unless `fault` says why there is none, or `inputAt` makes it in the transaction. */
  input: unknown;
  /** Where the address of the call says that it is. */
  readonly address?: Address | undefined;
  /** Makes the input once it is known what the ids of the address are called. */
  readonly inputAt?: ((place: Place) => unknown) | undefined;
  /** Values in the input that are the call's own. */
  readonly copies: SecretValue[];
  readonly prepared: unknown;
  fault: unknown;
  /** Why it is one too many, if it is. */
  refused?: Refused | undefined;
  readonly idempotencyKey: string | undefined;
}

/** What the items of one transaction share. */
export interface Cohort {
  readonly transaction: Transaction;
  readonly staged: StagedEntries;
  readonly keyUses: KeyUses;
  /** Why the one item fails, if a transaction was lost to it: it is only put on record then. */
  readonly lostTo: unknown;
  readonly refusals: StagedRefusals;
  /** Why nobody's rights can be told, if they can't. */
  fault: StrongroomError | undefined;
  /** Whether a call asked for a scrub. */
  scrubs: boolean;
}

/** What one item found out about itself on its way. */
export interface Progress {
  /** Who calls, once that is known. */
  who?: Identified;
  view?: PrincipalView;
  /** Id of the credential that the call was made with. */
  credential?: string;
  /** How often that one can still be used, if not any number of times. */
  usesLeft?: number | undefined;
  decision?: Decision;
  /** Whether a right was asked for, and the caller has all of them. */
  isAllowed?: boolean;
  /** The resource to which the caller lacks a right. */
  deniedAt?: readonly string[];
  changesRights?: boolean;
  /** What the caller is told instead of an error that would say what there is. */
  shown?: StrongroomError;
  subject: NotedSubject;
  readonly extra: {
    readonly action: string;
    readonly subject: NotedSubject;
    /** How it ended, if not like the call. */
    readonly end?: Pick<EntryFields, 'outcome' | 'reason'> | undefined;
  }[];
  /** By the clock that does not run backwards: what the call goes by. */
  readonly now: number;
  /** By the clock as it is: what goes on record. */
  readonly at: number;
}
