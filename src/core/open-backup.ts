import { existsSync } from 'node:fs';

import type { KeyObject } from 'node:crypto';
import { damaged } from '../domain/backup/backup-errors.ts';
import {
  unlockHeader,
  type BackupHeader,
  type BackupKeys,
} from '../domain/backup/backup-header.ts';
import { allBackups } from '../domain/backup/backup-records.ts';
import type { RowLook } from '../domain/backup/fill-store.ts';
import { decodeRow } from '../domain/backup/frames.ts';
import { readTables, verifySignature, type BackupFile } from '../domain/backup/read-backup.ts';
import { ownSigners } from '../domain/backup/signing-key.ts';
import type { TableDigest } from '../domain/backup/snapshot.ts';
import { DAMAGED_HINT, StrongroomError } from '../errors.ts';
import { equalBytes } from '../lib/compare.ts';
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

/** Which backup of an open vault is meant, and what opens it. */
export interface OwnBackup {
  /** Of a backup that is listed: only the file that was listed will do. */
  readonly id?: string | undefined;
  /** What opened the vault when the backup was made, if its root key was changed since. */
  readonly keys?: readonly SlotKey[] | undefined;
}

/**
 * Opens a backup of a vault that is open: with its own keys, or with what opened it before its root
 * key changed. Whoever brings keys could have made the file with them, so that only the vault's
 * signature says whose it is: it is verified before anything else is believed. Every backup holds
 * the signing key, and a change of the root key does not change it, so that whoever has an earlier
 * root key and a backup of that time signs as the vault does: under an earlier root key only the
 * very file that is listed will do.
 *
 * @returns Its keys, and SHA-256 of the whole file.
 * @throws {@link StrongroomError} `backup_of_another_vault`, `backup_unverifiable` if another key than
 * the vault's signed it, or it was made under an earlier root key and is not listed;
 * `backup_damaged`, the codes of slots; `key_not_found` if it was made under an earlier root key and
 * nothing was brought.
 */
export async function openOwnBackup(
  file: BackupFile,
  { id, keys }: OwnBackup,
  services: Pick<Services, 'keyring' | 'directory' | 'store' | 'mac'>,
): Promise<OpenedBackup & { readonly digest: Uint8Array }> {
  const { keyring, directory } = services;
  const { rootKeyId: root } = file.header;
  requireOwnBackup(file, keyring, keys !== undefined);
  const digest = await verifySignature(file, ownSigners(keyring));
  await requireRecorded(file, { id, digest }, services);
  const opened =
    keys === undefined
      ? { rootKey: keyring.rootKey(root), keys: unlockHeader(file, keyring.backupKey(root)) }
      : await openBackup(file, { keys, directory });
  return { ...opened, digest };
}

/** Refuses a backup that the vault has no key for. */
function requireOwnBackup({ header }: BackupFile, keyring: Keyring, hasKeys: boolean): void {
  if (header.vault === keyring.vaultId) {
    if (hasKeys || header.rootKeyId === keyring.rootKeyId) return;
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
 * Refuses a file in the place of a backup that is listed which is not that
 * one, as an older backup would be that somebody gave its name; and one that is
 * not listed, if a key that is no longer the vault's was enough to make it.
 */
async function requireRecorded(
  { header }: BackupFile,
  { id, digest }: { readonly id: string | undefined; readonly digest: Uint8Array },
  { store, mac, keyring }: Pick<Services, 'store' | 'mac' | 'keyring'>,
): Promise<void> {
  const rows = await store.read((transaction) => allBackups({ transaction, mac }));
  const row = rows.find((each) => each.id === header.id);
  const isOther = row !== undefined && !equalBytes(row.sha256, digest);
  if (isOther || (id !== undefined && id !== header.id)) {
    throw damaged('another file is in the place of the one that was listed');
  }
  if (row === undefined && header.rootKeyId !== keyring.rootKeyId) {
    throw new StrongroomError(
      'backup_unverifiable',
      'the backup was made under an earlier root key and is not listed: whoever has that key could have made it',
      {
        details: { backup: header.id },
        hint: 'restore it as a whole into an empty directory with `strongroom backup restore FILE --to DIR`, and take from there what is needed',
      },
    );
  }
}

/**
 * Reads all of a backup whose signature was verified: every chunk, every row. Nothing is written.
 *
 * @param look - Sees each row.
 * @returns What its tables hold.
 * @throws {@link StrongroomError} `backup_damaged`, and what `look` throws.
 */
export async function readWholeBackup(
  file: BackupFile,
  keys: BackupKeys,
  look?: RowLook,
): Promise<readonly TableDigest[]> {
  const parts = readTables(file, keys);
  try {
    for (;;) {
      const { value, done } = await parts.next();
      if (done === true) return value;
      if (look === undefined) continue;
      for (const content of value.rows) look(value.table, decodeRow(value.columns, content));
    }
  } finally {
    // If `look` threw, this is what wipes the plaintext.
    await parts.return([]);
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
