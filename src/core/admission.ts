import { z } from 'zod';

import { NOBODY } from '../domain/access/nobody.ts';
import type { PrincipalView } from '../domain/access/policy.ts';
import { StrongroomError } from '../errors.ts';
import { uuidv7, type Clock } from '../lib/ids.ts';
import type { Caller, Item, Refused } from './item.ts';
import type { InnerOperation } from './operation.ts';
import { isLimited, type RateLimits } from './rate-limits.ts';
import type { Refusals } from './refusals.ts';

/** As what a request is on record that was refused before it was looked at what it asks for. */
const ADMISSION: InnerOperation<unknown, unknown> = {
  name: 'requests.admit',
  summary: 'Lets a request in.',
  input: z.never(),
  secretMembers: [],
  mutates: false,
  requires: () => [],
  subject: () => ({}),
  apply: async () => undefined,
};

/** Lets calls in as long as they are not too many, and counts the others. */
export class Admission {
  readonly #limits: RateLimits;
  readonly #refusals: Refusals;
  readonly #now: Clock;

  constructor(limits: RateLimits, refusals: Refusals, now: Clock) {
    this.#limits = limits;
    this.#refusals = refusals;
    this.#now = now;
  }

  /** Asks the limit of the address, once for each call. */
  address(caller: Caller): Refused | undefined {
    if (!isLimited(caller.face) || caller.isInside === true) return undefined;
    const isAsked = caller.isAdmitted === true;
    caller.isAdmitted = false;
    if (isAsked) return undefined;
    return this.#refused(caller, undefined, () => this.#limits.takeAddress(caller.context.ip));
  }

  /** Asks the limit of a principal; nobody in particular has none but that of their address. */
  principal(caller: Caller, view: PrincipalView): Refused | undefined {
    if (!isLimited(caller.face) || caller.isInside === true) return undefined;
    if (view === NOBODY) return undefined;
    return this.#refused(caller, view, () => this.#limits.takePrincipal(view.principal.id));
  }

  #refused(
    { context: { ip } }: Caller,
    view: PrincipalView | undefined,
    take: () => void,
  ): Refused | undefined {
    try {
      take();
      return undefined;
    } catch (error) {
      if (!(error instanceof StrongroomError)) throw error;
      const source = { ip, reason: error.code, actor: view?.principal.id };
      return { error, view, isNoted: this.#refusals.note(source, this.#now()) };
    }
  }
}

/** A request that is put on record as refused, and no more. */
export function refusedRequest(caller: Caller, refused: Refused, now: Clock): Item {
  return {
    request: uuidv7(now),
    caller,
    operation: ADMISSION,
    mutates: false,
    idempotencyKey: undefined,
    prepared: undefined,
    input: undefined,
    copies: [],
    refused,
    fault: refused.error,
  };
}
