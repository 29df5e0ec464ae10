import { writePrivateFile } from '../../store/private-files.ts';
import type { BackupHeader } from './backup-header.ts';

/** What a proof of restore found. */
export interface Receipt {
  readonly header: BackupHeader;
  readonly sizeBytes: number;
  /** SHA-256 of the whole file. */
  readonly digest: Uint8Array;
  /** Secrets whose values were decrypted. */
  readonly decrypted: number;
  /** Milliseconds since 1970. */
  readonly provenAt: number;
}

/** The text of a receipt, to be signed as a note (`docs/spec/backup.md`). */
export function formatReceipt({ header, sizeBytes, digest, decrypted, provenAt }: Receipt): string {
  return [
    'strongroom backup receipt/1',
    `vault ${header.vault}`,
    `backup ${header.id}`,
    `created ${new Date(header.createdAt).toISOString()}`,
    `proven ${new Date(provenAt).toISOString()}`,
    `bytes ${sizeBytes}`,
    `sha256 ${Buffer.from(digest).toString('hex')}`,
    `audit ${header.auditLog} ${header.auditSize}`,
    `secrets ${header.secrets}`,
    `versions ${header.versions}`,
    `decrypted ${decrypted}`,
    '',
  ].join('\n');
}

/** Where the receipt of a backup is kept. */
export function receiptPath(path: string): string {
  return `${path}.receipt`;
}

/** Keeps a receipt beside its backup. */
export function writeReceipt(path: string, receipt: string): void {
  writePrivateFile(receiptPath(path), receipt);
}
