import { parseVerifierKeys } from '../../merkle/verifier-key.ts';
import { withBackupFile, verifySignature } from './read-backup.ts';
import type { BackupHeader } from './backup-header.ts';

/** What a backup says about itself, once its signature was verified. */
export interface BackupFacts {
  readonly id: string;
  readonly vault: string;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly sizeBytes: number;
  /** Of the whole file, hexadecimal. */
  readonly sha256: string;
  readonly auditLog: string;
  readonly auditSize: number;
  readonly secrets: number;
  readonly versions: number;
  /** Kinds of slots that open it. */
  readonly opensWith: readonly string[];
}

/**
 * Tells from a verifier key alone whether a backup is whole and unchanged.
 *
 * @param verifierKeys - A verifier key file, as `strongroom backup key` prints it.
 * @throws {@link StrongroomError} `backup_damaged`, `backup_unverifiable`, `invalid_input` if there
 * is no key in the text, `file_not_found`, `schema_too_new`.
 */
export async function verifyBackupFile(path: string, verifierKeys: string): Promise<BackupFacts> {
  const keys = parseVerifierKeys(verifierKeys);
  return withBackupFile(path, async (file) => {
    const digest = await verifySignature(file, keys);
    return factsOf(file.header, file.sizeBytes, digest);
  });
}

/** What a backup says about itself. */
export type BackupClaims = Omit<BackupFacts, 'sha256'>;

/**
 * Reads what a backup says about itself. Nothing of it is verified.
 *
 * @throws {@link StrongroomError} `backup_damaged` if it is no backup, `file_not_found`, `schema_too_new`.
 */
export async function readClaims(path: string): Promise<BackupClaims> {
  return withBackupFile(path, async ({ header, sizeBytes }) => {
    const { sha256: _none, ...claims } = factsOf(header, sizeBytes, new Uint8Array());
    return claims;
  });
}

/** The facts of a header. */
export function factsOf(header: BackupHeader, sizeBytes: number, digest: Uint8Array): BackupFacts {
  return {
    id: header.id,
    vault: header.vault,
    createdAt: new Date(header.createdAt).toISOString(),
    sizeBytes,
    sha256: Buffer.from(digest).toString('hex'),
    auditLog: header.auditLog,
    auditSize: header.auditSize,
    secrets: header.secrets,
    versions: header.versions,
    opensWith: [...new Set(header.slots.map(({ kind }) => kind))],
  };
}
