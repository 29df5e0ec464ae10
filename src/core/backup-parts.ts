import { unlockHeader, type BackupHeader } from '../domain/backup/backup-header.ts';
import { decodeRow } from '../domain/backup/frames.ts';
import {
  readTables,
  verifySignature,
  withBackupFile,
  type BackupFile,
} from '../domain/backup/read-backup.ts';
import { secretNotFound } from '../domain/secrets/secret-errors.ts';
import { StrongroomError } from '../errors.ts';
import { Keyring } from '../keys/keyring.ts';
import type { SlotKey } from '../seal/slot.ts';
import { statement, type Parameters, type SqlValue } from '../store/statement.ts';
import type {
  EnvironmentRow,
  KeyRow,
  SecretRow,
  VersionRow,
  WorkspaceRow,
} from '../store/tables.ts';
import { openBackup, type OpenedBackup } from './open-backup.ts';
import type { Services } from './operation.ts';
import { requireOwnBackup } from './prove-backup.ts';

/** Which secrets of a backup are wanted. */
export interface PartsWanted {
  readonly workspace: string;
  readonly environment: string | undefined;
  readonly path: string | undefined;
  readonly version: number | undefined;
  /** Secrets behind this id. */
  readonly after: string | undefined;
}

/** One secret of a backup, still encrypted. */
export interface PartFound {
  readonly row: SecretRow;
  /** The name of its environment in the backup. */
  readonly environment: string;
  /** The number of the version that is wanted. */
  readonly version: number;
  readonly versions: readonly VersionRow[];
}

/** What was found in a backup that is whole. */
export interface PartsFound {
  readonly header: BackupHeader;
  /** The keys of the backup. */
  readonly keyring: Keyring;
  readonly secrets: readonly PartFound[];
  /** The last id, if there is more. */
  readonly next: string | undefined;
}

const SECRETS_MAX = 1000;
const BYTES_MAX = 64 * 1024 * 1024;

const presentAt = statement(
  (db, p: Parameters<{ workspace: string; environment: string; path: string }>) =>
    db
      .selectFrom('secrets')
      .innerJoin('environments', 'environments.id', 'secrets.environment_id')
      .innerJoin('workspaces', 'workspaces.id', 'secrets.workspace_id')
      .select('secrets.id')
      .where('workspaces.name', '=', p('workspace'))
      .where('environments.name', '=', p('environment'))
      .where('secrets.path', '=', p('path'))
      .where('secrets.deleted_at', 'is', null),
);

const idOf = statement((db, p: Parameters<{ id: string }>) =>
  db.selectFrom('secrets').select('id').where('id', '=', p('id')),
);

/**
 * Reads the wanted secrets out of a backup, all of which is checked on the way.
 *
 * @throws {@link StrongroomError} `backup_damaged`, `backup_of_another_vault`, `key_not_found`, the
 * codes of slots, `workspace_not_found`, `environment_not_found`, `secret_not_found`.
 */
export async function readParts(
  wanted: PartsWanted & { readonly file: string; readonly keys?: readonly SlotKey[] | undefined },
  services: Services,
): Promise<PartsFound> {
  const { store } = services;
  const presentId = await store.read(async (transaction) => {
    const { workspace, environment, path } = wanted;
    if (environment === undefined || path === undefined) return undefined;
    return (await transaction.get(presentAt, { workspace, environment, path }))?.id;
  });
  return withBackupFile(wanted.file, async (file) => {
    const opened = await openOwn(file, wanted.keys, services);
    await verifySignature(file);
    const reader = new PartsReader(wanted, presentId, async (id) =>
      store.read(async (transaction) => (await transaction.get(idOf, { id })) === undefined),
    );
    for await (const { table, columns, rows } of readTables(file, opened.keys)) {
      if (!reader.wants(table.table)) continue;
      for (const content of rows) await reader.take(table.table, decodeRow(columns, content));
    }
    const root = { id: file.header.rootKeyId, key: opened.rootKey };
    const keyring = new Keyring(file.header.vault, root, services.now);
    keyring.load(reader.keys);
    return { header: file.header, keyring, ...reader.found() };
  });
}

async function openOwn(
  file: BackupFile,
  keys: readonly SlotKey[] | undefined,
  { keyring, directory }: Services,
): Promise<OpenedBackup> {
  if (keys === undefined || file.header.vault !== keyring.vaultId) {
    requireOwnBackup(file, keyring);
    const { rootKeyId } = file.header;
    const rootKey = keyring.rootKey(rootKeyId);
    return { rootKey, keys: unlockHeader(file, keyring.backupKey(rootKeyId)) };
  }
  return openBackup(file, { keys, directory });
}

type Row = Readonly<Record<string, SqlValue>>;

interface Chosen {
  readonly row: SecretRow;
  readonly environment: string;
  readonly isGone: boolean;
  readonly versions: VersionRow[];
}

/** Picks what is wanted out of the tables, which come one after another. */
class PartsReader {
  readonly keys: KeyRow[] = [];
  readonly #wanted: PartsWanted;
  readonly #presentId: string | undefined;
  readonly #isGone: (id: string) => Promise<boolean>;
  readonly #environments: Map<string, string> = new Map();
  readonly #chosen: Map<string, Chosen> = new Map();
  #workspaceId: string | undefined;
  #next: string | undefined;
  #bytes = 0;

  constructor(
    wanted: PartsWanted,
    presentId: string | undefined,
    isGone: (id: string) => Promise<boolean>,
  ) {
    this.#wanted = wanted;
    this.#presentId = presentId;
    this.#isGone = isGone;
  }

  wants(table: string): boolean {
    return ['keys', 'workspaces', 'environments', 'secrets', 'versions'].includes(table);
  }

  async take(table: string, row: Row): Promise<void> {
    // What a backup holds was authenticated, and its columns are the table's.
    if (table === 'keys') this.keys.push(row as unknown as KeyRow);
    else if (table === 'workspaces') this.#workspace(row as unknown as WorkspaceRow);
    else if (table === 'environments') this.#environment(row as unknown as EnvironmentRow);
    else if (table === 'secrets') await this.#secret(row as unknown as SecretRow);
    else this.#version(row as unknown as VersionRow);
  }

  found(): Pick<PartsFound, 'secrets' | 'next'> {
    const { workspace, environment, path, version } = this.#wanted;
    if (this.#workspaceId === undefined) {
      throw absent('workspace_not_found', `the backup has no workspace ${workspace}`);
    }
    if (environment !== undefined && this.#environments.size === 0) {
      throw absent('environment_not_found', `the backup has no environment ${environment}`);
    }
    if (path !== undefined && this.#chosen.size === 0) throw secretNotFound(path, environment);
    let next = this.#next;
    const secrets: PartFound[] = [];
    // The secret that has the path now, rather than the one that had it then.
    const renamed = this.#chosen.get(this.#presentId ?? '');
    const chosen = renamed === undefined ? this.#chosen.values() : [renamed];
    for (const { row, environment: name, versions } of chosen) {
      // What did not fit any more is left for the next time.
      if (versions.length === 0 && path === undefined) {
        next = secrets.at(-1)?.row.id ?? next;
        break;
      }
      secrets.push({ row, environment: name, version: version ?? row.current_version, versions });
    }
    return { secrets, next };
  }

  #workspace({ id, name }: WorkspaceRow): void {
    if (name === this.#wanted.workspace) this.#workspaceId = id;
  }

  #environment({ id, name, workspace_id: workspaceId }: EnvironmentRow): void {
    const { environment } = this.#wanted;
    if (workspaceId !== this.#workspaceId) return;
    // A secret that was moved since is looked for in all of them.
    const isWanted = environment === undefined || environment === name;
    if (isWanted || this.#presentId !== undefined) this.#environments.set(id, name);
  }

  async #secret(row: SecretRow): Promise<void> {
    const name = this.#environments.get(row.environment_id);
    if (name === undefined || row.destroyed_at !== null || !this.#isWanted(row, name)) return;
    if (this.#chosen.size >= SECRETS_MAX) {
      this.#next ??= [...this.#chosen.keys()].at(-1);
      return;
    }
    const isGone = await this.#isGone(row.id);
    this.#chosen.set(row.id, { row, environment: name, isGone, versions: [] });
  }

  #isWanted(row: SecretRow, environment: string): boolean {
    const { path, environment: wanted, after } = this.#wanted;
    const isBehind = after === undefined || row.id > after;
    if (path === undefined) return isBehind && row.deleted_at === null;
    if (row.id === this.#presentId) return true;
    return row.path === path && environment === wanted && row.deleted_at === null;
  }

  #version(row: VersionRow): void {
    const chosen = this.#chosen.get(row.secret_id);
    if (chosen === undefined) return;
    const version = this.#wanted.version ?? chosen.row.current_version;
    if (!chosen.isGone && row.version !== version) return;
    // A secret is taken whole or not at all.
    const isFirst = chosen.versions.length === 0;
    if (this.#bytes > BYTES_MAX && isFirst && this.#wanted.path === undefined) return;
    this.#bytes += row.envelope.length;
    // The bytes are parts of what was read, which is larger.
    const copy = { envelope: row.envelope.slice(), checksum: row.checksum.slice() };
    chosen.versions.push({ ...row, ...copy });
  }
}

function absent(code: 'workspace_not_found' | 'environment_not_found', message: string): Error {
  return new StrongroomError(code, message, { hint: 'see what it holds with `backup list`' });
}
