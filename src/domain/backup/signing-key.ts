import { generateSigningKey, importSigningKey, publicKeyOf, sign } from '../../crypto/signature.ts';
import { tuple, wipe } from '../../lib/bytes.ts';
import { signNote } from '../../merkle/note.ts';
import { formatVerifierKeys, verifierKey, type VerifierKey } from '../../merkle/verifier-key.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { KEYS } from '../../store/protected-tables.ts';
import { insertRow } from '../../store/rows.ts';
import type { KeyObject } from 'node:crypto';
import type { Work } from '../work.ts';
import { signerName } from './backup-header.ts';

/** What signs a vault's backups and their receipts. */
export interface BackupSigner {
  readonly key: VerifierKey;
  /** The key as a verifier key file has it. */
  readonly verifierKeys: string;
  /** Signs the hash of a file: 64 bytes. */
  sign(digest: Uint8Array): Uint8Array;
  /** Signs a text as a C2SP note. */
  signNote(text: string): string;
}

/** The vault's signer, or `undefined` before its first backup. */
export function findSigner(keyring: Keyring): BackupSigner | undefined {
  const row = keyring.newest('backup-ed25519');
  if (row === undefined) return undefined;
  const pkcs8 = keyring.unwrap(row.id);
  try {
    return signerFrom(keyring.vaultId, importSigningKey('ed25519', pkcs8));
  } finally {
    wipe(pkcs8);
  }
}

/**
 * The keys that backups of a vault are signed with: none before its first one, and then the same
 * for good. A change of the root key wraps it anew, and every backup holds it, so that a restored
 * vault has it too.
 */
export function ownSigners(keyring: Keyring): readonly VerifierKey[] {
  const signer = findSigner(keyring);
  return signer === undefined ? [] : [signer.key];
}

/** The vault's signer, which is made if there is none. */
export async function signerOfVault(work: Work): Promise<BackupSigner> {
  const { keyring, transaction, mac } = work;
  const known = findSigner(keyring);
  if (known !== undefined) return known;
  const made = generateSigningKey('ed25519');
  const row = keyring.create({
    purpose: 'backup-ed25519',
    workspaceId: null,
    number: 1,
    bytes: made.pkcs8,
  });
  await insertRow(transaction, mac, KEYS, row);
  keyring.add(row);
  return signerFrom(keyring.vaultId, made.privateKey);
}

/** What is signed of a file. */
export function signedMessage(digest: Uint8Array): Uint8Array {
  return tuple(['strongroom/v1/backup/signature', digest]);
}

function signerFrom(vaultId: string, privateKey: KeyObject): BackupSigner {
  const key = verifierKey(signerName(vaultId), 'ed25519', publicKeyOf(privateKey));
  return {
    key,
    verifierKeys: formatVerifierKeys([key]),
    sign: (digest) => sign(privateKey, signedMessage(digest)),
    signNote: (text) => signNote(text, [{ key, privateKey }]),
  };
}
