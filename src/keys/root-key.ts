import { createSecretKey, type KeyObject } from 'node:crypto';

import { hkdfSha512 } from '../crypto/hkdf.ts';
import { wipe } from '../lib/bytes.ts';
import { uuidBytes, uuidText } from '../lib/ids.ts';

/**
 * The id of a root key: derived from the key, so that whoever opens a slot
 * knows that it is the vault's root and no other (`docs/spec/keyring.md`).
 */
export function rootKeyId(root: Uint8Array | KeyObject, vaultId: string): string {
  return uuidText(hkdfSha512(root, uuidBytes(vaultId), 'strongroom/v1/root-id', 16));
}

/** The key that protects the file keys of backups, derived from the root key (`docs/spec/backup.md`). */
export function backupKeyOf(root: KeyObject, vaultId: string): KeyObject {
  const bytes = hkdfSha512(root, uuidBytes(vaultId), 'strongroom/v1/backup', 32);
  try {
    return createSecretKey(bytes);
  } finally {
    wipe(bytes);
  }
}
