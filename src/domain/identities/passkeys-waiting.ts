import type { Keyring } from '../../keys/keyring.ts';
import { ClientsWaiting } from './clients-waiting.ts';

/** Of one address (of IPv6: one /64), and of all. */
const LIMITS = { ofOne: 100, total: 5000 } as const;

const waitingOf = new WeakMap<Keyring, ClientsWaiting>();

/**
 * The sign-ins with a passkey alone that are under way, of one open vault, which its keyring
 * stands for: anybody can begin one.
 *
 * @param lastsMs - How long one is good.
 */
export function passkeysWaiting(keyring: Keyring, lastsMs: number): ClientsWaiting {
  const found = waitingOf.get(keyring) ?? new ClientsWaiting(LIMITS, { lastsMs, keptMs: 0 });
  waitingOf.set(keyring, found);
  return found;
}
