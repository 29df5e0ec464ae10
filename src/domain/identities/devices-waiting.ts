import type { Keyring } from '../../keys/keyring.ts';
import { DEVICE_MS } from './device.ts';

/** Most devices that one address (of IPv6: one /64) has waiting. */
export const WAITING_OF_ONE_MAX = 10;

/** How long a device is to wait before it asks again, in milliseconds (RFC 8628 §3.2). */
export const INTERVAL_MS = 5000;

const WAITING_MAX = 5000;
/** For so long one that is over is told so, before its row goes. */
const KEPT_MS = DEVICE_MS;
/** Clocks and networks are not exact. */
const INTERVAL_MS_MIN = INTERVAL_MS - 500;
const OVER_AT_ONCE = 64;

interface Waiting {
  readonly network: string;
  readonly until: number;
  askedAt: number;
}

const waitingOf = new WeakMap<Keyring, DevicesWaiting>();

/** The devices that wait for somebody, of one open vault, which its keyring stands for. */
export function devicesWaiting(keyring: Keyring): DevicesWaiting {
  const found = waitingOf.get(keyring) ?? new DevicesWaiting();
  waitingOf.set(keyring, found);
  return found;
}

/**
 * How many devices wait, and since when each asked last: kept in memory alone,
 * since it decides nothing but how much anybody may ask for. What a restart
 * forgets expires by itself.
 */
export class DevicesWaiting {
  readonly #all: Map<string, Waiting> = new Map();

  /** Milliseconds until there is room for another one from a network; 0: there is. */
  roomIn(network: string, now: number): number {
    let [ofOne, isNext] = [0, now + DEVICE_MS];
    for (const each of this.#all.values()) {
      if (each.until <= now || each.network !== network) continue;
      ofOne += 1;
      isNext = Math.min(isNext, each.until);
    }
    if (ofOne >= WAITING_OF_ONE_MAX) return isNext - now;
    return this.#all.size >= WAITING_MAX ? INTERVAL_MS : 0;
  }

  /** Takes those away that were over for a while; gives some of them, whose rows can go. */
  takeOver(now: number): readonly string[] {
    const over: string[] = [];
    for (const [id, { until }] of this.#all) {
      if (until + KEPT_MS > now || over.length >= OVER_AT_ONCE) break;
      over.push(id);
      this.#all.delete(id);
    }
    return over;
  }

  begin(id: string, network: string, now: number): void {
    this.#all.set(id, { network, until: now + DEVICE_MS, askedAt: Number.NEGATIVE_INFINITY });
  }

  end(id: string): void {
    this.#all.delete(id);
  }

  /**
   * Notes that a device asked.
   *
   * @returns Whether it waited long enough since it did before.
   */
  ask(id: string, now: number): boolean {
    const waiting = this.#all.get(id);
    if (waiting === undefined) return true;
    // A clock that was set back makes nobody wait for longer.
    if (Math.abs(now - waiting.askedAt) < INTERVAL_MS_MIN) return false;
    waiting.askedAt = now;
    return true;
  }
}
