import { randomBytes } from '../crypto/random.ts';
import { toBase64 } from '../lib/base64.ts';
import { wipe } from '../lib/bytes.ts';
import { canonicalJson } from '../lib/canonical-json.ts';
import { uuidv7, type Clock } from '../lib/ids.ts';
import type { Unprotected } from '../store/row-mac.ts';
import type { SlotRow } from '../store/tables.ts';
import { ROOT_KEY_BYTES, wrapRootKey, type SlotHeader } from './slot-cipher.ts';
import { SALT_BYTES, slotRules, type SlotHandover } from './slot-kinds.ts';
import type { NewSlot, RootKey } from './slot.ts';

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
  if (root.bytes.length !== ROOT_KEY_BYTES) throw new RangeError('a key of 32 bytes was expected');
  const seed = await slotRules(spec.kind).seed(spec);
  try {
    const header: SlotHeader = {
      id: uuidv7(now),
      kind: spec.kind,
      root_key_id: root.id,
      params: canonicalJson({ ...seed.params, salt: toBase64(randomBytes(SALT_BYTES)) }),
    };
    const wrapped = await wrapRootKey(vaultId, header, seed.input, root.bytes);
    const row = {
      ...header,
      wrapped,
      created_at: now(),
      proven_at: null,
      pending_since: null,
      replaces: null,
    };
    return { row, ...seed.handOver(vaultId) };
  } finally {
    wipe(seed.input);
  }
}
