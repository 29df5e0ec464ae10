import { createSecretKey, type KeyObject } from 'node:crypto';
import { unwrapKey, wrapKey } from '../crypto/aead.ts';
import { tuple, wipe } from '../lib/bytes.ts';
import { isUuid, uuidBytes } from '../lib/ids.ts';
import type { SlotRow } from '../store/tables.ts';
import { slotRules } from './slot-kinds.ts';
import { damagedSlot, parseSlotParams } from './slot-params.ts';
import type { SlotKind } from './slot.ts';

/** Bytes of a root key. */
export const ROOT_KEY_BYTES = 32;

const WRAPPED_BYTES = 12 + ROOT_KEY_BYTES + 16;

/** What a slot says about itself; all of it is authenticated with the wrapped root key. */
export type SlotHeader = Pick<SlotRow, 'id' | 'root_key_id' | 'params'> & {
  readonly kind: SlotKind;
};

/**
 * Wraps the root key for a slot (docs/spec/keyring.md, Slots).
 *
 * @param input - What the kind derives its wrapping key from.
 * @returns nonce (12) ‖ ciphertext (32) ‖ tag (16).
 */
export async function wrapRootKey(
  vaultId: string,
  header: SlotHeader,
  input: Uint8Array,
  root: Uint8Array,
): Promise<Uint8Array> {
  const ad = additionalData(vaultId, header);
  return wrapKey(await wrappingKey(header, input), root, ad);
}

/**
 * Unwraps the root key of a stored slot, of which nothing is trusted.
 *
 * @throws {@link StrongroomError} `integrity_error` if the row cannot be a slot.
 * @throws {@link StrongroomError} `kdf_out_of_bounds` before anything is derived.
 * @throws {@link StrongroomError} `decryption_failed` if the input is another, or anything of the slot was altered.
 */
export async function unwrapRootKey(
  vaultId: string,
  slot: SlotHeader & Pick<SlotRow, 'wrapped'>,
  input: Uint8Array,
): Promise<KeyObject> {
  if (!isUuid(slot.id)) throw damagedSlot('id');
  if (!isUuid(slot.root_key_id)) throw damagedSlot('root_key_id');
  if (slot.wrapped.length !== WRAPPED_BYTES) throw damagedSlot('wrapped');
  const ad = additionalData(vaultId, slot);
  const root = unwrapKey(await wrappingKey(slot, input), slot.wrapped, ad);
  try {
    return createSecretKey(root);
  } finally {
    wipe(root);
  }
}

async function wrappingKey(header: SlotHeader, input: Uint8Array): Promise<KeyObject> {
  const derive = slotRules(header.kind).derivation(parseSlotParams(header.params));
  const derived = await derive(input);
  try {
    return createSecretKey(derived);
  } finally {
    wipe(derived);
  }
}

function additionalData(
  vaultId: string,
  { id, kind, root_key_id, params }: SlotHeader,
): Uint8Array {
  return tuple([
    'strongroom/v1/slot',
    uuidBytes(vaultId),
    uuidBytes(id),
    kind,
    uuidBytes(root_key_id),
    params,
  ]);
}
