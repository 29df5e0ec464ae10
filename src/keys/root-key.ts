import type { KeyObject } from 'node:crypto';

import { hkdfSha512 } from '../crypto/hkdf.ts';
import { uuidBytes, uuidText } from '../lib/ids.ts';

/**
 * The id of a root key: derived from the key, so that whoever opens a slot
 * knows that it is the vault's root and no other (`docs/spec/keyring.md`).
 */
export function rootKeyId(root: Uint8Array | KeyObject, vaultId: string): string {
  return uuidText(hkdfSha512(root, uuidBytes(vaultId), 'strongroom/v1/root-id', 16));
}
