import { createHmac } from 'node:crypto';

import { u64, utf8 } from '../lib/bytes.ts';
import { equalBytes } from '../lib/compare.ts';

/** How long a code counts, in seconds (RFC 6238 §4). */
export const TOTP_STEP_SECONDS = 30;

const DIGITS = 6;
const STEP_MS = TOTP_STEP_SECONDS * 1000;
/** Steps before and after the present one whose codes are taken: clocks differ. */
const SKEW_STEPS = 1;
const CODE = /^[0-9]{6}$/;

/** Whether a text has the form of a code of an app: six digits, and nothing around them. */
export function isTotpCode(text: string): boolean {
  return CODE.test(text);
}

/** The number of the step that a moment is in. */
export function totpStep(now: number): number {
  return Math.floor(now / STEP_MS);
}

/** The code of a step: HOTP (RFC 4226 §5.3) with HMAC-SHA-1 and 6 digits. */
export function totpCode(secret: Uint8Array, step: number): string {
  const mac = createHmac('sha1', secret).update(u64(step)).digest();
  const offset = (mac[mac.length - 1] ?? 0) & 0x0f;
  const number = mac.readUInt32BE(offset) & 0x7fff_ffff;
  return String(number % 10 ** DIGITS).padStart(DIGITS, '0');
}

/**
 * The step whose code somebody gave, or `undefined` if it is of none that counts.
 *
 * @param code - Six digits of ASCII, and nothing around them.
 * @param after - The last step that was accepted: only later ones are (RFC 6238 §5.2).
 */
export function findTotpStep(
  secret: Uint8Array,
  code: string,
  { now, after }: { readonly now: number; readonly after: number },
): number | undefined {
  if (!isTotpCode(code)) return undefined;
  const given = utf8(code);
  const present = totpStep(now);
  let found: number | undefined;
  for (let step = present - SKEW_STEPS; step <= present + SKEW_STEPS; step += 1) {
    if (step <= after || step < 0) continue;
    if (equalBytes(utf8(totpCode(secret, step)), given)) found ??= step;
  }
  return found;
}
