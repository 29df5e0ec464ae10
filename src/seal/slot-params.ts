import { DAMAGED_HINT, StrongroomError } from '../errors.ts';
import { fromBase64 } from '../lib/base64.ts';
import { parseCanonicalJson } from '../lib/canonical-json.ts';

/** The parameters of a slot: a flat object. */
export type SlotParams = Readonly<Record<string, unknown>>;

/**
 * Reads the parameters of a stored slot, which are untrusted until its root
 * key was unwrapped with them as additional data.
 *
 * @param text - Canonical JSON (RFC 8785).
 * @throws {@link StrongroomError} `integrity_error` if it is no canonical JSON object.
 */
export function parseSlotParams(text: string): SlotParams {
  const value = parseCanonicalJson(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw damagedSlot('params');
  }
  return { ...value };
}

/**
 * Refuses parameters that have other members than these.
 *
 * @throws {@link StrongroomError} `integrity_error`.
 */
export function requireMembers(params: SlotParams, names: readonly string[]): void {
  const found = Object.keys(params);
  if (found.length !== names.length || !names.every((name) => found.includes(name))) {
    throw damagedSlot('params');
  }
}

/**
 * A member that is base64 of a known number of bytes.
 *
 * @throws {@link StrongroomError} `integrity_error` if it is something else.
 */
export function bytesMember(params: SlotParams, name: string, length: number): Uint8Array {
  const value = params[name];
  const bytes = typeof value === 'string' ? fromBase64(value) : undefined;
  if (bytes?.length !== length) throw damagedSlot(name);
  return bytes;
}

/**
 * A member that is a number. What it may be is for the caller to say.
 *
 * @throws {@link StrongroomError} `integrity_error` if it is something else.
 */
export function numberMember(params: SlotParams, name: string): number {
  const value = params[name];
  if (typeof value !== 'number') throw damagedSlot(name);
  return value;
}

/** The error of a slot whose row cannot have been written by Strongroom. */
export function damagedSlot(part: string): StrongroomError {
  return new StrongroomError('integrity_error', `a slot of this vault is damaged: its ${part}`, {
    details: { table: 'slots', part },
    hint: `open the vault with another slot; if none opens it, ${DAMAGED_HINT}`,
  });
}
