import { StrongroomError } from '../errors.ts';
import { networkOfClient } from '../lib/ip-networks.ts';
import type { Face } from './context.ts';

/** How often something may be done. */
export interface RateLimit {
  /** Lasting rate, above 0, at most 1,000,000. */
  readonly perSecond: number;
  /** How many at once after a rest, from 1 to 1,000,000. */
  readonly burst: number;
}

/** Options of {@link RateLimits}. */
export interface RateLimitOptions {
  /**
   * Requests from one client address (IPv6: its /64), before anything of them is looked at.
   * `null`: no limit. Default 20,000 a second, 20,000 at once.
   */
  readonly address?: RateLimit | null | undefined;
  /**
   * Calls of one principal, before what they bring is parsed. `null`: no limit.
   * Default 20,000 a second, 20,000 at once.
   */
  readonly principal?: RateLimit | null | undefined;
  /** How many addresses, and how many principals, are remembered. Default 20,000 each. */
  readonly remembered?: number | undefined;
  /** A clock in milliseconds that is never set back. Default `performance.now`. */
  readonly clock?: (() => number) | undefined;
}

/** One address may be a whole company behind one router. */
const ADDRESS: RateLimit = { perSecond: 20_000, burst: 20_000 };
const PRINCIPAL: RateLimit = { perSecond: 20_000, burst: 20_000 };
const REMEMBERED = 20_000;
const LIMIT_MAX = 1_000_000;

/** What all calls share whose address is not known. */
const NOWHERE = '';

/** Faces of whoever has the vault before them: nothing is gained by limiting them. */
const UNLIMITED: ReadonlySet<Face> = new Set(['library', 'cli', 'scheduler']);

/** Whether calls by a face are limited. */
export function isLimited(face: Face): boolean {
  return !UNLIMITED.has(face);
}

/** How often one address and one principal may call. Kept in memory alone. */
export class RateLimits {
  readonly #addresses: Buckets | undefined;
  readonly #principals: Buckets | undefined;

  /** @throws RangeError for a limit that is none. */
  constructor(options: RateLimitOptions = {}) {
    const { address = ADDRESS, principal = PRINCIPAL, remembered = REMEMBERED } = options;
    const { clock = () => performance.now() } = options;
    requireRange('remembered', remembered, 1);
    const bucketsOf = (limit: RateLimit | null): Buckets | undefined =>
      limit === null ? undefined : new Buckets(limit, remembered, clock);
    this.#addresses = bucketsOf(address);
    this.#principals = bucketsOf(principal);
  }

  /**
   * Counts a request from an address.
   *
   * @throws {@link StrongroomError} `rate_limited`, with `retryAfter` seconds in its details.
   */
  takeAddress(ip: string | undefined): void {
    // What is no address is nobody's own: made-up ones would each have a limit of their own.
    const client = (ip === undefined ? undefined : networkOfClient(ip)) ?? NOWHERE;
    requireTaken(this.#addresses?.take(client));
  }

  /**
   * Counts a call of a principal.
   *
   * @throws {@link StrongroomError} `rate_limited`, with `retryAfter` seconds in its details.
   */
  takePrincipal(id: string): void {
    requireTaken(this.#principals?.take(id));
  }
}

/**
 * Token buckets, each kept as one number: when it will be full again (the
 * generic cell rate algorithm, ITU-T I.371). Of too many, the one that was used
 * least recently is forgotten, as if it were full.
 */
class Buckets {
  readonly #intervalMs: number;
  readonly #burst: number;
  readonly #max: number;
  readonly #clock: () => number;
  readonly #fullAt: Map<string, number> = new Map();

  constructor({ perSecond, burst }: RateLimit, max: number, clock: () => number) {
    requireRange('perSecond', perSecond, Number.MIN_VALUE);
    requireRange('burst', burst, 1);
    this.#intervalMs = 1000 / perSecond;
    this.#burst = burst;
    this.#max = max;
    this.#clock = clock;
  }

  /** Takes one; or gives the milliseconds until there is one. */
  take(key: string): number {
    const now = this.#clock();
    const known = this.#fullAt.get(key);
    const fullAt = Math.max(now, known ?? now) + this.#intervalMs;
    const waitMs = fullAt - now - this.#burst * this.#intervalMs;
    // Rounding must not cost the last one of a burst.
    if (waitMs > 1e-6) return waitMs;
    if (known !== undefined) this.#fullAt.delete(key);
    else if (this.#fullAt.size >= this.#max) this.#forgetOne();
    this.#fullAt.set(key, fullAt);
    return 0;
  }

  /** A map keeps the order in which its keys were put in, and each use puts one in again. */
  #forgetOne(): void {
    const [oldest] = this.#fullAt.keys();
    if (oldest !== undefined) this.#fullAt.delete(oldest);
  }
}

function requireTaken(waitMs = 0): void {
  if (waitMs === 0) return;
  const retryAfter = Math.ceil(waitMs / 1000);
  throw new StrongroomError('rate_limited', 'there are too many requests', {
    details: { retryAfter },
    hint: `try again in ${retryAfter} ${retryAfter === 1 ? 'second' : 'seconds'}`,
  });
}

function requireRange(name: string, value: number, min: number): void {
  if (typeof value === 'number' && value >= min && value <= LIMIT_MAX) return;
  throw new RangeError(`${name} of a rate limit is a number up to ${LIMIT_MAX}`);
}
