import { dirname } from 'node:path';

import { withScratch } from '../domain/backup/backup-file.ts';
import type { RowLook } from '../domain/backup/fill-store.ts';
import { formatReceipt, type Receipt } from '../domain/backup/receipt.ts';
import { withBackupFile, type BackupFile } from '../domain/backup/read-backup.ts';
import type { BackupSigner } from '../domain/backup/signing-key.ts';
import { verifyLog } from '../domain/audit/verify-log.ts';
import { KeyUses } from '../domain/keys/key-uses.ts';
import { countedVersion } from '../domain/secrets/counted-version.ts';
import { wipeRecord } from '../domain/secrets/value.ts';
import { openVersion } from '../domain/secrets/versions.ts';
import type { Clock } from '../lib/ids.ts';
import { SECRETS } from '../store/protected-tables.ts';
import { statement, type Parameters } from '../store/statement.ts';
import { BackupRows } from './backup-rows.ts';
import { openOwnBackup, type OpenedBackup, type OwnBackup } from './open-backup.ts';
import type { Services } from './operation.ts';
import { openTrustedLog } from './unseal-rows.ts';
import { fillScratch, type FilledStore } from './restore-vault.ts';

/** How many secrets of each workspace are decrypted. */
const SAMPLE = 16;

const workspaceIds = statement((db) => db.selectFrom('workspaces').select('id').orderBy('id'));

const countedIn = statement((db, p: Parameters<{ workspaceId: string }>) =>
  db
    .selectFrom('secrets')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('workspace_id', '=', p('workspaceId'))
    .where('current_commit', 'is not', null),
);

const nthIn = statement((db, p: Parameters<{ workspaceId: string; nth: number }>) =>
  db
    .selectFrom('secrets')
    .selectAll()
    .where('workspace_id', '=', p('workspaceId'))
    .where('current_commit', 'is not', null)
    .orderBy('id')
    .limit(1)
    .offset(p('nth')),
);

/** What a proof is made with. */
export interface ProveOptions
  extends OwnBackup, Pick<Services, 'keyring' | 'directory' | 'store' | 'mac' | 'now'> {
  readonly signer: BackupSigner;
}

/** A proof of restore. */
export interface ProvenBackup extends Receipt {
  /** The signed receipt. */
  readonly receipt: string;
}

/**
 * Restores a backup into a scratch vault beside it, checks the MACs of all rows,
 * verifies that vault's record, decrypts secrets of every workspace, and signs what it found. The
 * scratch vault is gone afterwards.
 *
 * @param path - A backup of the vault that the rest is of.
 * @throws {@link StrongroomError} `backup_damaged`, `backup_unverifiable`, `backup_of_another_vault`,
 * `integrity_error`, `audit_tampered`, `decryption_failed`, storage codes.
 */
export async function proveBackup(path: string, options: ProveOptions): Promise<ProvenBackup> {
  const { keyring, signer, now } = options;
  return withBackupFile(path, async (file) => {
    const opened = await openOwnBackup(file, options, options);
    const { digest } = opened;
    const decrypted = await withScratch(dirname(path), keyring.vaultId, (scratch) =>
      trial(scratch, file, opened, now),
    );
    const { header, sizeBytes } = file;
    const receipt: Receipt = { header, sizeBytes, digest, decrypted, provenAt: now() };
    return { ...receipt, receipt: signer.signNote(formatReceipt(receipt)) };
  });
}

async function trial(
  scratch: string,
  file: BackupFile,
  opened: OpenedBackup,
  now: Clock,
): Promise<number> {
  const root = { id: file.header.rootKeyId, key: opened.rootKey };
  const rows = new BackupRows(file.header.vault, root, now);
  const look: RowLook = (table, row) => rows.take(table, row);
  const filled = await fillScratch(scratch, file, opened, { now, look });
  try {
    const { log } = await openTrustedLog(filled.store, filled);
    await verifyLog(filled.store, log, filled.mac);
    return await decryptSamples(filled, now());
  } finally {
    await filled.store.close();
  }
}

/** Decrypts current versions from the whole of each workspace; gives how many. */
function decryptSamples({ store, keyring, mac }: FilledStore, now: number): Promise<number> {
  return store.read(async (transaction) => {
    const keyUses = new KeyUses(transaction, mac);
    const work = { transaction, mac, keyring, keyUses, now, actor: keyring.vaultId };
    let decrypted = 0;
    for (const { id: workspaceId } of await transaction.all(workspaceIds, {})) {
      const { count = 0 } = (await transaction.get(countedIn, { workspaceId })) ?? {};
      for (let nth = 0; nth < count; nth += Math.ceil(count / SAMPLE)) {
        const secret = await transaction.get(nthIn, { workspaceId, nth });
        if (secret === undefined) break;
        mac.check(SECRETS, secret);
        const row = await countedVersion(work, secret, secret.current_version);
        wipeRecord(openVersion(work, secret, row.version, row));
        decrypted += 1;
      }
    }
    return decrypted;
  });
}
