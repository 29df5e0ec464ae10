import type { Command } from 'commander';

import type { SlotKey } from '../seal/slot.ts';
import { readSecretFile } from './read-secret.ts';

/** Options that name what opened the vault when a backup was made. */
export interface BackupKeyOptions {
  readonly backupKeyFile?: string;
  readonly backupRecoveryFile?: string;
}

/** Adds {@link BackupKeyOptions} to a command. */
export function addBackupKeyOptions(command: Command): Command {
  return command
    .option(
      '--backup-key-file <file>',
      'key file that opened the vault before its root key changed',
    )
    .option('--backup-recovery-file <file>', 'recovery key of before, instead');
}

/** What the options name, or `undefined` for the keys of now. */
export function backupKeysOf({
  backupKeyFile,
  backupRecoveryFile,
}: BackupKeyOptions): readonly SlotKey[] | undefined {
  if (backupRecoveryFile !== undefined) {
    return [{ kind: 'recovery', token: readSecretFile(backupRecoveryFile) }];
  }
  return backupKeyFile === undefined ? undefined : [{ kind: 'keyfile', path: backupKeyFile }];
}
