import { createSecretKey, type KeyObject } from 'node:crypto';

import { randomBytes } from '../crypto/random.ts';
import { toBase64 } from '../lib/base64.ts';
import { wipe } from '../lib/bytes.ts';
import { canonicalJson } from '../lib/canonical-json.ts';
import { uuidv7, type Clock } from '../lib/ids.ts';
import type { Unprotected } from '../store/row-mac.ts';
import type { SlotRow } from '../store/tables.ts';
import { ROOT_KEY_BYTES, wrapRootKey, type SlotHeader } from './slot-cipher.ts';
import { SALT_BYTES, slotRules, type SlotHandover } from './slot-kinds.ts';
import { parseSlotParams, type SlotParams } from './slot-params.ts';
import type { NewSlot, RootKey, SlotKey, SlotKind } from './slot.ts';

/** Bytes of the key in a key file. */
const KEY_FILE_BYTES = 32;

/** A slot that was made, and what is given to people and kept nowhere. */
export interface CreatedSlot extends SlotHandover {
  /** The row, to be stored with its MAC. */
  readonly row: Unprotected<SlotRow>;
}

/**
 * Makes a slot that protects the root key. For `keyfile`, the key file is on
 * disk when this returns and stays there if the row is not stored afterwards;
 * for `recovery` and `shamir`, the recovery key or the shares are returned here
 * and never again.
 *
 * @param root - Its bytes stay the caller's.
 * @throws {@link StrongroomError} `file_exists` if something is at the path of the key file.
 * @throws {@link StrongroomError} `passphrase_too_short` below 15 characters.
 * @throws {@link StrongroomError} `key_too_short` if `STRONGROOM_MASTER_KEY` has fewer than 32 bytes.
 * @throws {@link StrongroomError} `invalid_input` if it is not base64, a passphrase has control characters or more than 1,024, or a threshold cannot be.
 * @throws RangeError if the root key has not 32 bytes, or an id is no UUID.
 *
 * @example
 * const { row, recovery } = await createSlot(vaultId, root, { kind: 'recovery' }, Date.now);
 */
export async function createSlot(
  vaultId: string,
  root: RootKey,
  spec: NewSlot,
  now: Clock,
): Promise<CreatedSlot> {
  const seed = await slotRules(spec.kind).seed(spec);
  try {
    const row = await wrapIn(vaultId, root, { kind: spec.kind, ...seed }, now);
    return { row, ...seed.handOver(vaultId) };
  } finally {
    wipe(seed.input);
  }
}

/**
 * Makes a slot for a key file that is yet to be written.
 *
 * @param root - Its bytes stay the caller's.
 * @returns The row, and what has to be in the key file: 32 bytes.
 */
export async function draftKeyFileSlot(
  vaultId: string,
  root: RootKey,
  now: Clock,
): Promise<{ readonly row: Unprotected<SlotRow>; readonly key: KeyObject }> {
  const input = randomBytes(KEY_FILE_BYTES);
  try {
    const row = await wrapIn(vaultId, root, { kind: 'keyfile', input, params: {} }, now);
    return { row, key: createSecretKey(input) };
  } finally {
    wipe(input);
  }
}

/**
 * Makes a slot that protects another root key and opens with what opens this one.
 *
 * @param slot - As stored, under the root key of now.
 * @param key - What opens it; whether it does has been found out before.
 * @param root - The other root key; its bytes stay the caller's.
 * @throws {@link StrongroomError} `integrity_error` if the row cannot be a slot; codes of keys that cannot be read.
 */
export async function resealSlot(
  vaultId: string,
  { slot, key }: { readonly slot: SlotRow; readonly key: SlotKey },
  root: RootKey,
  now: Clock,
): Promise<Unprotected<SlotRow>> {
  const { salt: _salt, ...params } = parseSlotParams(slot.params);
  const input = await slotRules(key.kind).readInput(key);
  try {
    return await wrapIn(vaultId, root, { kind: key.kind, input, params }, now);
  } finally {
    wipe(input);
  }
}

/** The row of a slot with a new id and salt. */
async function wrapIn(
  vaultId: string,
  root: RootKey,
  {
    kind,
    input,
    params,
  }: { readonly kind: SlotKind; readonly input: Uint8Array; readonly params: SlotParams },
  now: Clock,
): Promise<Unprotected<SlotRow>> {
  if (root.bytes.length !== ROOT_KEY_BYTES) throw new RangeError('a key of 32 bytes was expected');
  const header: SlotHeader = {
    id: uuidv7(now),
    kind,
    root_key_id: root.id,
    params: canonicalJson({ ...params, salt: toBase64(randomBytes(SALT_BYTES)) }),
  };
  return {
    ...header,
    wrapped: await wrapRootKey(vaultId, header, input, root.bytes),
    created_at: now(),
    proven_at: null,
    pending_since: null,
    replaces: null,
  };
}
