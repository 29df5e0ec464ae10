import type { Decision } from '../domain/access/decide.ts';
import type { PrincipalView } from '../domain/access/policy.ts';
import type { StagedEntries } from '../domain/audit/audit-log.ts';
import type { EntrySubject } from '../domain/audit/entry.ts';
import type { KeyUses } from '../domain/keys/key-uses.ts';
import type { StrongroomError } from '../errors.ts';
import type { SecretValue } from '../secret-value.ts';
import type { Transaction } from '../store/store.ts';
import type { Face, SecurityContext } from './context.ts';
import type { Operation } from './operation.ts';
import type { StagedRefusals } from './refusals.ts';

/** Where calls of one caller begin: the principal is looked up once by name, then held by id. */
export interface Caller {
  readonly context: SecurityContext;
  readonly face: Face;
  principalId?: string;
  /** The scheduler's: calls as the system, which no name leads to. */
  readonly isSystem?: true;
}

/** One call on its way through a cohort. */
export interface Item {
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
  view?: PrincipalView;
  decision?: Decision;
  changesRights?: boolean;
  subject: EntrySubject;
  readonly extra: { readonly action: string; readonly subject: EntrySubject }[];
  readonly now: number;
}
