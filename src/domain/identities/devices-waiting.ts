import type { Keyring } from '../../keys/keyring.ts';
import { ClientsWaiting } from './clients-waiting.ts';
import { DEVICE_MS } from './device.ts';

/** How long a device is to wait before it asks again, in milliseconds (RFC 8628 §3.2). */
export const INTERVAL_MS = 5000;

/** What is held against that: clocks and networks are not exact. */
export const INTERVAL_MS_MIN: number = INTERVAL_MS - 500;

/** Of one address (of IPv6: one /64), and of all. */
const LIMITS = { ofOne: 10, total: 5000 } as const;

const waitingOf = new WeakMap<Keyring, ClientsWaiting>();

/** The devices that wait for somebody, of one open vault, which its keyring stands for. */
export function devicesWaiting(keyring: Keyring): ClientsWaiting {
  const found =
    waitingOf.get(keyring) ?? new ClientsWaiting(LIMITS, { lastsMs: DEVICE_MS, keptMs: DEVICE_MS });
  waitingOf.set(keyring, found);
  return found;
}
