import type { Keyring } from '../../keys/keyring.ts';
import { networkOfClient, siteOfClient } from '../../lib/ip-networks.ts';

/** Where from something was begun that anybody can begin. */
export interface Origin {
  /** An IPv4 address, or the /64 of an IPv6 address; empty if it is not known. */
  readonly network: string;
  /** Likewise, but the /48 of an IPv6 address: so much one site has. */
  readonly site: string;
}

/** How many of a kind wait at a time. */
export interface WaitingLimits {
  /** From one network. */
  readonly ofOne: number;
  /** In all. */
  readonly total: number;
}

interface Waiting extends Origin {
  readonly until: number;
  askedAt: number;
}

const OVER_AT_ONCE = 64;

/** @param ip - As circumstances have it. */
export function originOf(ip: string | undefined): Origin {
  return { network: networkOfClient(ip ?? '') ?? '', site: siteOfClient(ip ?? '') ?? '' };
}

/**
 * What has to go before one more is begun. Nobody is kept out by what others began: of a network
 * that has as many as it may its own oldest goes, and of all of them the oldest of the site that has most.
 *
 * @param waiting - The oldest first.
 * @returns What to end; `undefined`: there is room.
 */
export function whichToEnd<W extends Origin>(
  waiting: readonly W[],
  { network }: Origin,
  { ofOne, total }: WaitingLimits,
): W | undefined {
  const own = waiting.filter((each) => each.network === network);
  if (own.length >= ofOne) return own[0];
  if (waiting.length < total) return undefined;
  const counts = new Map<string, number>();
  for (const { site } of waiting) counts.set(site, (counts.get(site) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return waiting.find(({ site }) => counts.get(site) === most);
}

/** For how long something waits, in milliseconds. */
export interface WaitingTimes {
  /** How long it is good. */
  readonly lastsMs: number;
  /** For so long one that is over is told so, before its row goes. Default 0. */
  readonly keptMs?: number;
}

/** What of one kind waits in each open vault, which its keyring stands for. */
export function clientsWaiting(
  limits: WaitingLimits,
  times: WaitingTimes,
): (keyring: Keyring) => ClientsWaiting {
  const waitingOf = new WeakMap<Keyring, ClientsWaiting>();
  return (keyring) => {
    const found = waitingOf.get(keyring) ?? new ClientsWaiting(limits, times);
    waitingOf.set(keyring, found);
    return found;
  };
}

/**
 * What waits for somebody, and since when each asked last: kept in memory alone,
 * since it decides nothing but how much anybody may ask for. What a restart
 * forgets expires by itself.
 */
export class ClientsWaiting {
  readonly #all: Map<string, Waiting> = new Map();
  readonly #limits: WaitingLimits;
  readonly #lastsMs: number;
  readonly #keptMs: number;

  constructor(limits: WaitingLimits, { lastsMs, keptMs = 0 }: WaitingTimes) {
    this.#limits = limits;
    this.#lastsMs = lastsMs;
    this.#keptMs = keptMs;
  }

  /** Takes those away that have to go before another one is begun; gives the ids of their rows. */
  makeRoom(origin: Origin, now: number): readonly string[] {
    const gone: string[] = [];
    for (const [id, { until }] of this.#all) {
      if (until + this.#keptMs > now || gone.length >= OVER_AT_ONCE) break;
      gone.push(id);
      this.#all.delete(id);
    }
    const waiting: (Origin & { readonly id: string })[] = [];
    for (const [id, each] of this.#all) if (each.until > now) waiting.push({ ...each, id });
    const dropped = whichToEnd(waiting, origin, this.#limits)?.id;
    if (dropped === undefined) return gone;
    this.#all.delete(dropped);
    return [...gone, dropped];
  }

  begin(id: string, origin: Origin, now: number): void {
    const until = now + this.#lastsMs;
    this.#all.set(id, { ...origin, until, askedAt: Number.NEGATIVE_INFINITY });
  }

  end(id: string): void {
    this.#all.delete(id);
  }

  /**
   * Notes that one asked.
   *
   * @returns Whether it waited long enough since it did before.
   */
  ask(id: string, now: number, intervalMs: number): boolean {
    const waiting = this.#all.get(id);
    if (waiting === undefined) return true;
    // A clock that was set back makes nobody wait for longer.
    if (Math.abs(now - waiting.askedAt) < intervalMs) return false;
    waiting.askedAt = now;
    return true;
  }
}
