import { existsSync } from 'node:fs';

import type { KeyObject } from 'node:crypto';
import {
  unlockHeader,
  type BackupHeader,
  type BackupKeys,
} from '../domain/backup/backup-header.ts';
import type { RowLook } from '../domain/backup/fill-store.ts';
import { decodeRow } from '../domain/backup/frames.ts';
import { readTables, verifySignature, type BackupFile } from '../domain/backup/read-backup.ts';
import type { TableDigest } from '../domain/backup/snapshot.ts';
import { DAMAGED_HINT, StrongroomError } from '../errors.ts';
import type { Keyring } from '../keys/keyring.ts';
import { backupKeyOf, rootKeyId } from '../keys/root-key.ts';
import { keyFileCandidates } from '../seal/locations.ts';
import { openSlots } from '../seal/open-slot.ts';
import type { SlotKey } from '../seal/slot.ts';
import type { SlotRow } from '../store/tables.ts';
import type { Services } from './operation.ts';

/** A backup whose keys are at hand. */
export interface OpenedBackup {
  readonly keys: BackupKeys;
  readonly rootKey: KeyObject;
}

/** Where keys are looked for, if none are given. */
export interface BackupOpener {
  /** What opens a slot. Default: the key file of the vault that the backup is of. */
  readonly keys?: readonly SlotKey[] | undefined;
  /** A directory that may have a key file. */
  readonly directory: string;
  readonly configDirectory?: string | undefined;
}

/**
 * Opens a slot of a backup as one opens the vault, and checks the header.
 *
 * @throws {@link StrongroomError} the codes of slots, `backup_damaged`.
 */
export async function openBackup(file: BackupFile, opener: BackupOpener): Promise<OpenedBackup> {
  const { header } = file;
  const slots = header.slots.map(toRow);
  const opened = await openSlots(header.vault, slots, opener.keys ?? keyFileOf(header, opener));
  if (rootKeyId(opened.rootKey, header.vault) !== header.rootKeyId) {
    throw new StrongroomError('backup_damaged', 'the slot of the backup holds another root key', {
      details: { slot: opened.slotId },
      hint: DAMAGED_HINT,
    });
  }
  const { rootKey } = opened;
  return { rootKey, keys: unlockHeader(file, backupKeyOf(rootKey, header.vault)) };
}

/**
 * Opens a backup of a vault that is open: with its own keys, or with what opened it before its root
 * key changed.
 *
 * @throws {@link StrongroomError} `backup_of_another_vault`, `backup_damaged`, the codes of slots;
 * `key_not_found` if it was made under an earlier root key and nothing was brought.
 */
export async function openOwnBackup(
  file: BackupFile,
  keys: readonly SlotKey[] | undefined,
  { keyring, directory }: Pick<Services, 'keyring' | 'directory'>,
): Promise<OpenedBackup> {
  const { vault, rootKeyId: root } = file.header;
  if (vault === keyring.vaultId && keys !== undefined) return openBackup(file, { keys, directory });
  requireOwnBackup(file, keyring);
  return { rootKey: keyring.rootKey(root), keys: unlockHeader(file, keyring.backupKey(root)) };
}

/**
 * Refuses a backup that the vault has no key for.
 *
 * @throws {@link StrongroomError} `backup_of_another_vault`; `key_not_found` if it was made under an earlier root key.
 */
function requireOwnBackup({ header }: BackupFile, keyring: Keyring): void {
  if (header.vault === keyring.vaultId) {
    if (header.rootKeyId === keyring.rootKeyId) return;
    throw new StrongroomError('key_not_found', 'the backup was made under an earlier root key', {
      details: { root: header.rootKeyId },
      hint: 'name what opened the vault then: --backup-key-file or --backup-recovery-file',
    });
  }
  throw new StrongroomError('backup_of_another_vault', 'the backup is of another vault', {
    details: { vault: header.vault },
    hint: 'open that vault, or restore the backup as a whole with `strongroom backup restore FILE --to DIR`',
  });
}

/**
 * Reads all of a backup: its signature, every chunk, every row. Nothing is written.
 *
 * @param look - Sees each row.
 * @returns SHA-256 of the file, and what its tables hold.
 * @throws {@link StrongroomError} `backup_damaged`, and what `look` throws.
 */
export async function checkWholeBackup(
  file: BackupFile,
  keys: BackupKeys,
  look?: RowLook,
): Promise<{ readonly digest: Uint8Array; readonly tables: readonly TableDigest[] }> {
  const digest = await verifySignature(file);
  const parts = readTables(file, keys);
  for (;;) {
    const { value, done } = await parts.next();
    if (done === true) return { digest, tables: value };
    if (look === undefined) continue;
    for (const content of value.rows) look(value.table, decodeRow(value.columns, content));
  }
}

function keyFileOf(header: BackupHeader, opener: BackupOpener): readonly SlotKey[] {
  const places = keyFileCandidates(opener.directory, header.vault, opener.configDirectory);
  return [{ kind: 'keyfile', path: places.find((path) => existsSync(path)) ?? places[0] }];
}

/** What opens a slot is in its copy; the rest of the row is in the body. */
function toRow(slot: BackupHeader['slots'][number]): SlotRow {
  return {
    ...slot,
    created_at: 0,
    proven_at: null,
    pending_since: null,
    replaces: null,
    row_revision: 0,
    mac_key: 0,
    mac: new Uint8Array(0),
  };
}
