import type { BackupHeader } from '../domain/backup/backup-header.ts';
import { decodeRow, type BackupRowValues } from '../domain/backup/frames.ts';
import { readTables, withBackupFile } from '../domain/backup/read-backup.ts';
import { versionMissing } from '../domain/secrets/counted-version.ts';
import { secretNotFound } from '../domain/secrets/secret-errors.ts';
import { StrongroomError } from '../errors.ts';
import { WORKSPACES } from '../store/protected-tables.ts';
import { statement, type Parameters } from '../store/statement.ts';
import type { EnvironmentRow, SecretRow, VersionRow, WorkspaceRow } from '../store/tables.ts';
import { BackupRows, ownBytes, type BackupRowKeys } from './backup-rows.ts';
import { openOwnBackup, type OwnBackup } from './open-backup.ts';
import type { Services } from './operation.ts';

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

/** What was found in a backup that is whole. Its rows' MACs were checked. */
export interface PartsFound extends BackupRowKeys {
  readonly header: BackupHeader;
  /** The id in the backup of the workspace that is wanted, which may be another than today's of that name. */
  readonly workspaceId: string;
  /** Why there is nothing to bring back. It tells what the workspace holds. */
  readonly fault: StrongroomError | undefined;
  readonly secrets: readonly PartFound[];
  /** The last id, if there is more. */
  readonly next: string | undefined;
}

/** The whole file is read for each page, so that a page is large: 100,000 secrets take ten. */
const SECRETS_MAX = 10_000;
const BYTES_MAX = 64 * 1024 * 1024;

const presentWorkspace = statement((db, p: Parameters<{ name: string }>) =>
  db.selectFrom('workspaces').selectAll().where('name', '=', p('name')),
);

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
 * @throws {@link StrongroomError} `backup_damaged`, `backup_unverifiable`, `integrity_error`,
 * `backup_of_another_vault`, `key_not_found`, the codes of slots, `workspace_not_found`.
 */
export async function readParts(
  wanted: PartsWanted & OwnBackup & { readonly file: string },
  services: Services,
): Promise<PartsFound> {
  const { store } = services;
  const present = await findPresent(wanted, services);
  return withBackupFile(wanted.file, async (file) => {
    const opened = await openOwnBackup(file, wanted, services);
    const root = { id: file.header.rootKeyId, key: opened.rootKey };
    const rows = new BackupRows(file.header.vault, root, services.now);
    const reader = new PartsReader(wanted, present, async (id) =>
      store.read(async (transaction) => (await transaction.get(idOf, { id })) === undefined),
    );
    for await (const { table, columns, rows: contents } of readTables(file, opened.keys)) {
      if (table.table !== 'keys' && !reader.wants(table.table)) continue;
      for (const content of contents) {
        const row = decodeRow(columns, content);
        // Of versions only those that are taken: the others may be large, and are not looked at.
        if (table.table !== 'versions' || reader.isChosen(row)) rows.take(table, row);
        await reader.take(table.table, row);
      }
    }
    return { header: file.header, ...rows.keys, ...reader.found() };
  });
}

interface Present {
  readonly workspaceId: string | undefined;
  /** Of the secret that has the wanted path now. */
  readonly secretId: string | undefined;
}

async function findPresent(
  { workspace, environment, path }: PartsWanted,
  { store, mac }: Services,
): Promise<Present> {
  return store.read(async (transaction) => {
    const row = await transaction.get(presentWorkspace, { name: workspace });
    if (row !== undefined) mac.check(WORKSPACES, row);
    const secret =
      environment === undefined || path === undefined
        ? undefined
        : await transaction.get(presentAt, { workspace, environment, path });
    return { workspaceId: row?.id, secretId: secret?.id };
  });
}

interface Chosen {
  readonly row: SecretRow;
  readonly environment: string;
  readonly isGone: boolean;
  readonly versions: VersionRow[];
}

/** Picks what is wanted out of the tables, which come one after another. */
class PartsReader {
  readonly #wanted: PartsWanted;
  readonly #present: Present;
  readonly #isGone: (id: string) => Promise<boolean>;
  readonly #environments: Map<string, string> = new Map();
  readonly #chosen: Map<string, Chosen> = new Map();
  #workspaceId: string | undefined;
  #hasPresent = false;
  #next: string | undefined;
  /** The first secret whose versions did not fit any more; none behind it has any. */
  #firstLeft: string | undefined;
  #bytes = 0;

  constructor(wanted: PartsWanted, present: Present, isGone: (id: string) => Promise<boolean>) {
    this.#wanted = wanted;
    this.#present = present;
    this.#isGone = isGone;
  }

  wants(table: string): boolean {
    return ['workspaces', 'environments', 'secrets', 'versions'].includes(table);
  }

  /** Whether a version is one of those that are taken. */
  isChosen(row: BackupRowValues): boolean {
    const { secret_id: secretId, version } = row as unknown as VersionRow;
    const chosen = this.#chosen.get(secretId);
    if (chosen === undefined) return false;
    const wanted = this.#wanted.version ?? chosen.row.current_version;
    return chosen.isGone || version === wanted;
  }

  async take(table: string, row: BackupRowValues): Promise<void> {
    // What a backup holds was authenticated, and its columns are the table's.
    if (table === 'workspaces') this.#workspace(row as unknown as WorkspaceRow);
    else if (table === 'environments') this.#environment(row as unknown as EnvironmentRow);
    else if (table === 'secrets') await this.#secret(row as unknown as SecretRow);
    else if (table === 'versions') this.#version(row);
  }

  found(): Omit<PartsFound, keyof BackupRowKeys | 'header'> {
    const { workspace, version } = this.#wanted;
    const workspaceId = this.#workspaceId;
    if (workspaceId === undefined) {
      throw absent('workspace_not_found', `the backup has no workspace ${workspace}`);
    }
    const fault = this.#fault();
    if (fault !== undefined) return { workspaceId, fault, secrets: [], next: undefined };
    let next = this.#next;
    const secrets: PartFound[] = [];
    // The secret that has the path now, rather than the one that had it then.
    const renamed = this.#chosen.get(this.#present.secretId ?? '');
    const chosen = renamed === undefined ? this.#chosen.values() : [renamed];
    for (const { row, environment: name, versions } of chosen) {
      if (row.id === this.#firstLeft) {
        next = secrets.at(-1)?.row.id ?? next;
        break;
      }
      const part = { row, environment: name, version: version ?? row.current_version, versions };
      requireCounted(part);
      secrets.push(part);
    }
    return { workspaceId, fault, secrets, next };
  }

  #fault(): StrongroomError | undefined {
    const { environment, path } = this.#wanted;
    if (environment !== undefined && this.#environments.size === 0) {
      return absent('environment_not_found', `the backup has no environment ${environment}`);
    }
    if (path === undefined || this.#chosen.size > 0) return undefined;
    return secretNotFound(path, environment);
  }

  /** A name means nothing where today's workspace is in the backup, whatever it was called then. */
  #workspace({ id, name }: WorkspaceRow): void {
    const isSame = id === this.#present.workspaceId;
    if (isSame) this.#hasPresent = true;
    if (isSame || (name === this.#wanted.workspace && !this.#hasPresent)) this.#workspaceId = id;
  }

  #environment({ id, name, workspace_id: workspaceId }: EnvironmentRow): void {
    const { environment } = this.#wanted;
    if (workspaceId !== this.#workspaceId) return;
    // A secret that was moved since is looked for in all of them.
    const isWanted = environment === undefined || environment === name;
    if (isWanted || this.#present.secretId !== undefined) this.#environments.set(id, name);
  }

  async #secret(row: SecretRow): Promise<void> {
    const name = this.#environments.get(row.environment_id);
    if (name === undefined || row.destroyed_at !== null || !this.#isWanted(row, name)) return;
    if (this.#chosen.size >= SECRETS_MAX) {
      this.#next ??= [...this.#chosen.keys()].at(-1);
      return;
    }
    const isGone = await this.#isGone(row.id);
    const kept = ownBytes(row as unknown as BackupRowValues) as unknown as SecretRow;
    this.#chosen.set(row.id, { row: kept, environment: name, isGone, versions: [] });
  }

  #isWanted(row: SecretRow, environment: string): boolean {
    const { path, environment: wanted, after } = this.#wanted;
    const isBehind = after === undefined || row.id > after;
    if (path === undefined) return isBehind && row.deleted_at === null;
    if (row.id === this.#present.secretId) return true;
    return row.path === path && environment === wanted && row.deleted_at === null;
  }

  #version(values: BackupRowValues): void {
    const row = values as unknown as VersionRow;
    const chosen = this.#chosen.get(row.secret_id);
    if (chosen === undefined || !this.isChosen(values)) return;
    // A secret is taken whole or not at all.
    const isFirst = chosen.versions.length === 0;
    if (this.#bytes > BYTES_MAX && isFirst && this.#wanted.path === undefined) {
      this.#firstLeft ??= row.secret_id;
      return;
    }
    this.#bytes += row.envelope.length;
    chosen.versions.push(ownBytes(values) as unknown as VersionRow);
  }
}

/** Rows of versions stay when these are deleted or destroyed: one that the secret counts is there. */
function requireCounted({ row, version, versions }: PartFound): void {
  if (version > row.current_version || versions.some((each) => each.version === version)) return;
  throw versionMissing(row.id, version);
}

function absent(
  code: 'workspace_not_found' | 'environment_not_found',
  message: string,
): StrongroomError {
  return new StrongroomError(code, message, { hint: 'see what it holds with `backup list`' });
}
