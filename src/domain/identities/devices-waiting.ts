import { clientsWaiting } from './clients-waiting.ts';
import { DEVICE_MS } from './device.ts';

/** How long a device is to wait before it asks again, in milliseconds (RFC 8628 §3.2). */
export const INTERVAL_MS = 5000;

/** What is held against that: clocks and networks are not exact. */
export const INTERVAL_MS_MIN: number = INTERVAL_MS - 500;

/** The devices that wait for somebody. */
export const devicesWaiting: ReturnType<typeof clientsWaiting> = clientsWaiting(
  { ofOne: 10, total: 5000 },
  { lastsMs: DEVICE_MS, keptMs: DEVICE_MS },
);
