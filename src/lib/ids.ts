import { randomFillSync } from 'node:crypto';

import { writeUuid } from './bytes.ts';

/** A source of the current time in milliseconds since 1970, so that tests can set it. */
export type Clock = () => number;

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
);
const pool = new Uint8Array(4096);
let used = pool.length;
let lastMs = 0;
let counter = 0;

/**
 * Makes a UUID of version 7 (RFC 9562 §5.7): 48 bits of time, a 12-bit counter
 * that keeps ids of one millisecond in order, and 62 random bits. Strictly
 * increasing within a process, also when the clock steps back.
 *
 * @returns Lower-case, hyphenated text of 36 characters.
 */
export function uuidv7(now: Clock = Date.now): string {
  const ms = now();
  if (ms > lastMs) {
    lastMs = ms;
    counter = 0;
  } else if (++counter > 0xfff) {
    lastMs += 1;
    counter = 0;
  }
  if (used + 8 > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const at = used;
  used += 8;
  const time = lastMs.toString(16).padStart(12, '0');
  const random = (index: number): string => HEX[pool[at + index] ?? 0] ?? '';
  const variant = HEX[((pool[at] ?? 0) & 0x3f) | 0x80] ?? '';
  return (
    `${time.slice(0, 8)}-${time.slice(8)}-7${counter.toString(16).padStart(3, '0')}-` +
    `${variant}${random(1)}-${random(2)}${random(3)}${random(4)}${random(5)}${random(6)}${random(7)}`
  );
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether a text has the form of a UUID, lower-case and hyphenated. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/**
 * The 16 bytes of a UUID.
 *
 * @throws RangeError if the text is not a lower-case, hyphenated UUID.
 */
export function uuidBytes(id: string): Uint8Array {
  const bytes = new Uint8Array(16);
  writeUuid(bytes, 0, id);
  return bytes;
}

/** The text of a UUID's 16 bytes. */
export function uuidText(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += HEX[byte] ?? '';
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
