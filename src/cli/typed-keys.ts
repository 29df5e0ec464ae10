import type { SlotKind } from '../seal/slot.ts';

/** What opens a vault and a person can type, the most likely first. */
const TYPED = ['passphrase', 'shamir', 'recovery'] as const;

/** Where nobody can type what opens a vault. */
export const RESTART = 'it opens with what is at the server: a restart opens it once that is there';

/** What a person can type to open a vault, if there is anything. */
export function typedKey(kinds: readonly SlotKind[]): (typeof TYPED)[number] | undefined {
  return TYPED.find((kind) => kinds.includes(kind));
}
