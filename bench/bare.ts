import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';

import { randomBytes } from 'node:crypto';
import { uuidv7 } from '../src/lib/ids.ts';
import { pathOf, type VaultPlace } from './vaults.ts';

/** As long as the entry of a read in the audit log. */
const ENTRY = JSON.stringify({ entry: 'x'.repeat(600) });

/**
 * The bare limit: the same rows in the same tables with `node:sqlite` alone,
 * as durable as the vault, without keys, MACs, rights or a Merkle tree.
 */
export class BareDatabase {
  readonly #db: DatabaseSync;
  readonly #secret: StatementSync;
  readonly #version: StatementSync;
  readonly #audit: StatementSync;
  readonly #insertSecret: StatementSync;
  readonly #insertVersion: StatementSync;
  readonly #place: { readonly workspace: string; readonly environment: string };
  #seq = 1_000_000_000;

  /** @param directory - Where the copy of the vault's database goes; the vault must be closed. */
  constructor(vault: VaultPlace, directory: string) {
    const path = join(directory, 'bare.db');
    copyFileSync(join(vault.path, 'vault.db'), path);
    this.#db = new DatabaseSync(path);
    this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON');
    const db = this.#db;
    this.#secret = db.prepare(
      'SELECT * FROM secrets WHERE environment_id = ? AND path = ? AND deleted_at IS NULL',
    );
    this.#version = db.prepare('SELECT * FROM versions WHERE secret_id = ? AND version = ?');
    this.#audit = db.prepare('INSERT INTO audit_entries (log, seq, body) VALUES (1, ?, ?)');
    this.#insertSecret = db.prepare(
      `INSERT INTO secrets VALUES (?, ?, ?, ?, 'generic', 1, '[]', 0, NULL, NULL, ?, ?, ?, ?, NULL, NULL, 1, 1, ?)`,
    );
    this.#insertVersion = db.prepare(
      'INSERT INTO versions VALUES (?, 1, 1, ?, ?, ?, ?, NULL, NULL, 1, 1, ?)',
    );
    const row = db
      .prepare(
        `SELECT workspace_id AS workspace, id AS environment FROM environments WHERE name = 'production'`,
      )
      .get();
    this.#place = row as unknown as { workspace: string; environment: string };
  }

  /** Reads the secrets with these numbers and records each, in one transaction. */
  read(indexes: readonly number[]): void {
    this.#db.exec('BEGIN IMMEDIATE');
    for (const index of indexes) {
      const secret = this.#secret.get(this.#place.environment, pathOf(index));
      if (secret === undefined) throw new Error('a secret is missing');
      const version = this.#version.get(String(secret['id']), Number(secret['current_version']));
      if (version === undefined) throw new Error('a version is missing');
      this.#audit.run(this.#seq++, ENTRY);
    }
    this.#db.exec('COMMIT');
  }

  /** Makes secrets at these paths and records each, in one transaction. */
  create(paths: readonly string[]): void {
    const { workspace, environment } = this.#place;
    const now = Date.now();
    this.#db.exec('BEGIN IMMEDIATE');
    for (const path of paths) {
      const id = uuidv7();
      const mac = randomBytes(32);
      this.#insertSecret.run(id, workspace, environment, path, now, id, now, id, mac);
      this.#insertVersion.run(id, mac, ENVELOPE, now, id, mac);
      this.#audit.run(this.#seq++, ENTRY);
    }
    this.#db.exec('COMMIT');
  }

  /** Lists so many secrets after a path. */
  list(after: string, limit: number): number {
    const rows = this.#db
      .prepare(
        'SELECT * FROM secrets WHERE environment_id = ? AND path > ? AND deleted_at IS NULL ORDER BY path LIMIT ?',
      )
      .all(this.#place.environment, after, limit);
    return rows.length;
  }

  close(): void {
    this.#db.close();
  }
}

const ENVELOPE = randomBytes(174 + 53);
