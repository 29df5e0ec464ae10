import { basename, resolve } from 'node:path';

import type { Session } from '../core/session.ts';
import { StrongroomError } from '../errors.ts';
import type { SlotKey } from '../seal/slot.ts';
import { backupKeysOf, type BackupKeyOptions } from './backup-keys.ts';
import { locateServer, type TargetOptions } from './server-target.ts';

const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A backup as operations take it, and what opens it. */
export interface BackupSource {
  readonly file?: string;
  readonly id?: string;
  readonly keys: readonly SlotKey[] | undefined;
}

/**
 * The backup that is meant. A server reads no file of a caller's choice: there it
 * is one that is listed, by its file, the name of that, or its id.
 *
 * @throws {@link StrongroomError} `backup_not_found`; `usage` for a key file, on a server.
 */
export async function sourceOf(
  given: string,
  session: Session,
  options: BackupKeyOptions & TargetOptions,
): Promise<BackupSource> {
  const isRemote = locateServer(options) !== undefined;
  if (isRemote && options.backupKeyFile !== undefined) {
    throw new StrongroomError('usage', 'a server reads no key file of your choice', {
      hint: 'take a recovery key of then, with --backup-recovery-file, or do it where the vault is',
    });
  }
  const keys = backupKeysOf(options);
  if (!isRemote) return { file: resolve(given), keys };
  return { id: ID.test(given) ? given : await listed(given, session), keys };
}

async function listed(given: string, session: Session): Promise<string> {
  const { backups } = await session.backups.list();
  const found =
    backups.find(({ file }) => file === given) ??
    backups.find(({ file }) => basename(file) === basename(given));
  if (found !== undefined) return found.id;
  throw new StrongroomError('backup_not_found', 'the server has no backup of that name', {
    hint: 'see `strongroom backup list`: a server takes those alone',
  });
}
