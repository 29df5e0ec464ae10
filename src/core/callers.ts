import { compileConditions, type Condition } from '../domain/access/conditions.ts';
import { isCapability, type Capability } from '../domain/access/capability.ts';
import type { PrincipalView } from '../domain/access/policy.ts';
import { NOBODY } from '../domain/access/nobody.ts';
import { SYSTEM } from '../domain/access/system-principal.ts';
import { decodeLimits } from '../domain/identities/limits.ts';
import { ACTING_KINDS } from '../domain/identities/token-kinds.ts';
import { findToken } from '../domain/identities/tokens.ts';
import { invalidity, isUseToBeNoted, type Invalidity } from '../domain/identities/validity.ts';
import { keyDigestOf } from '../auth/client-certificate.ts';
import { fingerprintOf } from '../crypto/hash.ts';
import type { Keyring } from '../keys/keyring.ts';
import { equalBytes } from '../lib/compare.ts';
import { TOKENS } from '../store/protected-tables.ts';
import type { RowMac } from '../store/row-mac.ts';
import { updateRow } from '../store/rows.ts';
import type { Transaction } from '../store/store.ts';
import type { TokenRow } from '../store/tables.ts';
import { principalUnknown, unauthenticated } from './denials.ts';
import type { Caller } from './item.ts';
import { isFactorDue } from './mfa-due.ts';
import type { Calling, Rights } from './rights.ts';

/** Who calls, and what is known of it. */
export interface Identified {
  readonly view: PrincipalView;
  readonly calling: Calling;
  /** The credential that the call was made with, if it was made with one. */
  readonly credential?: TokenRow | undefined;
  /** Nothing can be done with it but to set up a second factor. */
  readonly isEnrolling?: boolean | undefined;
}

/** What is made of a credential's row once. */
interface Known {
  readonly row: TokenRow;
  readonly can: readonly Capability[] | undefined;
  readonly condition: Condition | undefined;
}

/** Of whom it is asked who they are. */
export interface Asked {
  readonly caller: Caller;
  /** By a clock that does not run backwards: what was over stays over. */
  readonly now: number;
  /** Whether anyone may make the call. */
  readonly anyone: boolean;
}

const KNOWN_MAX = 10_000;

/**
 * Tells who calls. Rows of credentials that were checked are remembered, which
 * cannot make them stale: what ends a credential early is in counted rows that
 * are known as of the transaction, and what changes with each use is not remembered.
 */
export class Callers {
  readonly #mac: RowMac;
  readonly #keyring: Keyring;
  readonly #known: Map<string, Known> = new Map();

  constructor(mac: RowMac, keyring: Keyring) {
    this.#mac = mac;
    this.#keyring = keyring;
  }

  /**
   * Who calls, as of a transaction. It notes the use of a credential.
   *
   * @throws {@link StrongroomError} `principal_unknown`, `unauthenticated`, `integrity_error`.
   */
  async identify(transaction: Transaction, rights: Rights, asked: Asked): Promise<Identified> {
    const found = await this.look(transaction, rights, asked);
    if (found.credential === undefined || found === asked.caller.opened) return found;
    return { ...found, credential: await this.#note(transaction, found.credential, asked.now) };
  }

  /** As {@link Callers.identify}, without noting a use: for what is decided beside the cohorts. */
  async look(transaction: Transaction, rights: Rights, asked: Asked): Promise<Identified> {
    const { opened } = asked.caller;
    if (opened !== undefined) return opened;
    const text = credentialOf(asked);
    if (text === undefined) return withoutCredential(rights, asked);
    const known = await this.#find(transaction, text);
    if (known === undefined) throw unauthenticated('unknown');
    return judge(known, rights, asked);
  }

  /**
   * As {@link Callers.look}, from what is remembered alone.
   *
   * @returns `undefined` if the database has to be asked.
   */
  recall(rights: Rights, asked: Asked): Identified | undefined {
    const { opened } = asked.caller;
    if (opened !== undefined) return opened;
    const text = credentialOf(asked);
    if (text === undefined) return withoutCredential(rights, asked);
    const known = this.#known.get(fingerprintOf(text));
    return known && judge(known, rights, asked);
  }

  /**
   * Holds who was found, for what goes on after the call: tells who that is at a later moment, from
   * what is known in memory. It is no use of the credential: neither how often nor when that is used counts.
   *
   * @returns What throws {@link StrongroomError} `principal_unknown` or `unauthenticated` once it is over.
   */
  hold({ credential }: Identified, caller: Caller): (rights: Rights, now: number) => Identified {
    if (credential === undefined) {
      return (rights, now) => withoutCredential(rights, { caller, now, anyone: false });
    }
    const known = knownOf({ ...credential, uses_left: null, idle_ms: null });
    return (rights, now) => judge(known, rights, { caller, now, anyone: false });
  }

  /** Drops everything, after a failure that left in doubt what was kept. */
  forget(): void {
    this.#known.clear();
  }

  async #find(transaction: Transaction, text: string): Promise<Known | undefined> {
    const name = fingerprintOf(text);
    const remembered = this.#known.get(name);
    if (remembered !== undefined) return remembered;
    const work = { transaction, mac: this.#mac, keyring: this.#keyring };
    const row = await findToken(work, ACTING_KINDS, text);
    if (row === undefined) return undefined;
    const known = knownOf(row);
    if (row.uses_left === null && row.idle_ms === null) {
      if (this.#known.size >= KNOWN_MAX) this.#known.clear();
      this.#known.set(name, known);
    }
    return known;
  }

  /** @returns The row as it is from now on. */
  async #note(transaction: Transaction, row: TokenRow, now: number): Promise<TokenRow> {
    const uses = row.uses_left === null ? {} : { uses_left: row.uses_left - 1 };
    const used = isUseToBeNoted(row, now) ? { used_at: now } : {};
    const set = { ...uses, ...used };
    if (Object.keys(set).length === 0) return row;
    return updateRow(transaction, this.#mac, TOKENS, { from: row, set });
  }
}

function knownOf(row: TokenRow): Known {
  const { can, conditions } = decodeLimits(row.limits);
  return {
    row,
    can: can?.filter(isCapability),
    condition: conditions === undefined ? undefined : compileConditions(conditions),
  };
}

/** When the holder of a session last gave a proof; a token is given without one. */
function signedInAt({ kind, authenticated_at: at, created_at }: TokenRow): number | undefined {
  return kind === 'session' ? (at ?? created_at) : undefined;
}

/** Whether a credential goes with the key of a client certificate that the connection does not have. */
function isBoundElsewhere({ bound_to }: TokenRow, { certificate }: Calling): boolean {
  if (bound_to === null) return false;
  const own = certificate === undefined ? undefined : keyDigestOf(certificate);
  return own === undefined || !equalBytes(own, bound_to);
}

/** The credential that a call is made with. Whoever signs in is not held to what they were, which may be over. */
function credentialOf({ caller: { credential, isSystem }, anyone }: Asked): string | undefined {
  return isSystem === true || anyone ? undefined : credential;
}

function withoutCredential(rights: Rights, { caller, now, anyone }: Asked): Identified {
  const { context } = caller;
  const calling = { ...context, now };
  if (caller.isSystem === true) return { view: SYSTEM, calling };
  if (context.principal === '') {
    if (anyone) return { view: NOBODY, calling };
    throw unauthenticated();
  }
  const view = rights.view(caller.principalId ?? context.principal);
  if (view === undefined) throw principalUnknown();
  return { view, calling };
}

/** Whether a credential is good, at this moment and from there. */
function judge(
  { row, can, condition }: Known,
  rights: Rights,
  { caller: { context, carrier = 'bearer' }, now }: Asked,
): Identified {
  const calling = { ...context, now };
  const reason: Invalidity | undefined =
    invalidity(row, rights, { now, carrier }) ??
    (isBoundElsewhere(row, calling) ? 'not_bound' : undefined) ??
    (condition === undefined || condition(calling) === 'met' ? undefined : 'limits');
  const view = row.principal_id === null ? undefined : rights.view(row.principal_id);
  if (reason !== undefined || view === undefined) throw unauthenticated(reason ?? 'void', row.id);
  const isEnrolling = isFactorDue(row, view.principal, rights);
  return {
    view,
    credential: row,
    isEnrolling,
    calling: {
      ...calling,
      principal: view.principal.id,
      can: isEnrolling ? [] : can,
      mfa: row.mfa_at !== null,
      signedInAt: signedInAt(row),
    },
  };
}
