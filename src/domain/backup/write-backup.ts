import { join } from 'node:path';

import { CHUNK_BYTES, ChunkSealer } from '../../crypto/chunks.ts';
import { randomBytes } from '../../crypto/random.ts';
import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import { wipe } from '../../lib/bytes.ts';
import { uuidv7, type Clock } from '../../lib/ids.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { SCHEMA_VERSION } from '../../store/migrate.ts';
import type { RowMac } from '../../store/row-mac.ts';
import { query, statement } from '../../store/statement.ts';
import type { Store, Transaction } from '../../store/store.ts';
import { readVaultRow } from '../../store/vault-row.ts';
import { backupName, NewBackupFile } from './backup-file.ts';
import {
  formatHeader,
  keysOf,
  wrapFileKey,
  type BackupHeader,
  type BackupSlot,
} from './backup-header.ts';
import type { BackupSigner } from './signing-key.ts';
import { dumpTables } from './snapshot.ts';

/** A backup that was written. */
export interface WrittenBackup {
  readonly path: string;
  readonly header: BackupHeader;
  readonly sizeBytes: number;
}

/** What a backup is made of. */
export interface WriteBackupOptions {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly mac: RowMac;
  readonly signer: BackupSigner;
  /** The verifier keys of the open audit log. */
  readonly auditKeys: string;
  /** An absolute path. */
  readonly directory: string;
  readonly now: Clock;
}

const countOf = {
  secrets: statement((db) =>
    db.selectFrom('secrets').select((e) => e.fn.countAll<number>().as('count')),
  ),
  versions: statement((db) =>
    db.selectFrom('versions').select((e) => e.fn.countAll<number>().as('count')),
  ),
};

/**
 * Writes a backup of the vault as it is at one moment, while readers and
 * writers go on. The file is in its place whole or not at all.
 *
 * @throws {@link StrongroomError} `file_exists`, `storage_full`, `read_only`, `integrity_error`.
 */
export async function writeBackup(options: WriteBackupOptions): Promise<WrittenBackup> {
  const { store, keyring, now } = options;
  const createdAt = now();
  const path = join(options.directory, backupName(keyring.vaultId, createdAt));
  const file = await NewBackupFile.create(path);
  const fileKey = randomBytes(32);
  try {
    const header = await store.read(async (transaction) => {
      const made = await headerOf(transaction, { ...options, fileKey, createdAt });
      const keys = keysOf(fileKey, made.id);
      await file.write(formatHeader(made, keys));
      const body = new BodyWriter(file, new ChunkSealer(keys.body));
      await dumpTables(transaction, (frame) => body.write(frame));
      await body.end();
      return made;
    });
    await file.finish((digest) => options.signer.sign(digest));
    return { path, header, sizeBytes: file.bytes };
  } catch (error) {
    await file.abandon();
    throw error;
  } finally {
    wipe(fileKey);
  }
}

async function headerOf(
  transaction: Transaction,
  {
    keyring,
    mac,
    signer,
    auditKeys,
    fileKey,
    createdAt,
  }: WriteBackupOptions & { readonly fileKey: Uint8Array; readonly createdAt: number },
): Promise<BackupHeader> {
  const vault = await readVaultRow(transaction, mac);
  const [log] = await transaction.all(
    query((db) => db.selectFrom('audit_logs').selectAll().where('state', '=', 'open')),
    {},
  );
  if (log === undefined) {
    throw new StrongroomError('integrity_error', 'the vault has no open log', {
      hint: DAMAGED_HINT,
    });
  }
  const head = await transaction.get(
    query((db) => db.selectFrom('audit_heads').select('size').where('log', '=', log.number)),
    {},
  );
  const id = uuidv7();
  const of = { id, vault: keyring.vaultId, rootKeyId: vault.root_key_id };
  return {
    ...of,
    createdAt,
    schema: SCHEMA_VERSION,
    generation: vault.restore_generation,
    auditLog: log.id,
    auditSize: head?.size ?? 0,
    auditKeys,
    secrets: (await transaction.get(countOf.secrets, {}))?.count ?? 0,
    versions: (await transaction.get(countOf.versions, {}))?.count ?? 0,
    signedBy: signer.verifierKeys,
    slots: await slotsOf(transaction, vault.root_key_id),
    fileKey: wrapFileKey(keyring.backupKey(vault.root_key_id), fileKey, of),
  };
}

/** The slots that open a root key today: one that is pending has not been proven to. */
async function slotsOf(transaction: Transaction, rootKeyId: string): Promise<BackupSlot[]> {
  return transaction.all(
    query((db) =>
      db
        .selectFrom('slots')
        .select(['id', 'kind', 'params', 'root_key_id', 'wrapped'])
        .where('root_key_id', '=', rootKeyId)
        .where('pending_since', 'is', null)
        .orderBy('created_at')
        .orderBy('id'),
    ),
    {},
  );
}

/** Cuts the plaintext into chunks. The newest is kept until it is known whether it is the last. */
class BodyWriter {
  readonly #file: NewBackupFile;
  readonly #sealer: ChunkSealer;
  readonly #chunk: Uint8Array = new Uint8Array(CHUNK_BYTES);
  #used = 0;

  constructor(file: NewBackupFile, sealer: ChunkSealer) {
    this.#file = file;
    this.#sealer = sealer;
  }

  /** Adds plaintext. Gives a promise only where something has to be waited for. */
  write(bytes: Uint8Array): Promise<void> | void {
    if (this.#used + bytes.length <= CHUNK_BYTES) {
      this.#chunk.set(bytes, this.#used);
      this.#used += bytes.length;
      return undefined;
    }
    return this.#writeLong(bytes);
  }

  async #writeLong(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      if (this.#used === CHUNK_BYTES) {
        await this.#file.write(this.#sealer.seal(this.#chunk, false));
        this.#used = 0;
      }
      const piece = bytes.subarray(at, at + CHUNK_BYTES - this.#used);
      this.#chunk.set(piece, this.#used);
      this.#used += piece.length;
      at += piece.length;
    }
  }

  async end(): Promise<void> {
    await this.#file.write(this.#sealer.seal(this.#chunk.subarray(0, this.#used), true));
    wipe(this.#chunk);
  }
}
