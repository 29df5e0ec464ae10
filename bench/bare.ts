import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { SQLOutputValue, StatementSync } from 'node:sqlite';

import { uuidv7 } from '../src/lib/ids.ts';
import { pathOf, type VaultPlace } from './vaults.ts';

/** As long as the entry of a read in the audit log. */
const ENTRY = JSON.stringify({ entry: 'x'.repeat(680) });

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
  readonly #likeSecret: Columns;
  readonly #likeVersion: Columns;
  readonly #environment: string;
  #seq = 1_000_000_000;

  /** @param directory - Where the copy of the vault's database goes; the vault must be closed. */
  constructor(vault: VaultPlace, directory: string) {
    const path = join(directory, 'bare.db');
    copyFileSync(join(vault.path, 'vault.db'), path);
    this.#db = new DatabaseSync(path);
    this.#db.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON',
    );
    const db = this.#db;
    this.#secret = db.prepare(
      'SELECT * FROM secrets WHERE environment_id = ? AND path = ? AND deleted_at IS NULL',
    );
    this.#version = db.prepare('SELECT * FROM versions WHERE secret_id = ? AND version = ?');
    this.#audit = db.prepare('INSERT INTO audit_entries (log, seq, body) VALUES (1, ?, ?)');
    this.#likeSecret = rowOf(db, 'SELECT * FROM secrets LIMIT 1');
    this.#likeVersion = rowOf(db, 'SELECT * FROM versions LIMIT 1');
    this.#insertSecret = insertInto(db, 'secrets', this.#likeSecret);
    this.#insertVersion = insertInto(db, 'versions', this.#likeVersion);
    this.#environment = String(
      rowOf(db, "SELECT id FROM environments WHERE name = 'production'")['id'],
    );
  }

  /** Reads the secrets with these numbers and records each, in one transaction. */
  read(indexes: readonly number[]): void {
    this.#db.exec('BEGIN IMMEDIATE');
    for (const index of indexes) {
      const secret = this.#secret.get(this.#environment, pathOf(index));
      if (secret === undefined) throw new Error('a secret is missing');
      const version = this.#version.get(String(secret['id']), Number(secret['current_version']));
      if (version === undefined) throw new Error('a version is missing');
      this.#audit.run(this.#seq++, ENTRY);
    }
    this.#db.exec('COMMIT');
  }

  /** Makes secrets at these paths, like one that is there, and records each, in one transaction. */
  create(paths: readonly string[]): void {
    this.#db.exec('BEGIN IMMEDIATE');
    for (const path of paths) {
      const id = uuidv7();
      this.#insertSecret.run(...Object.values({ ...this.#likeSecret, id, path }));
      this.#insertVersion.run(...Object.values({ ...this.#likeVersion, secret_id: id }));
      this.#audit.run(this.#seq++, ENTRY);
    }
    this.#db.exec('COMMIT');
  }

  close(): void {
    this.#db.close();
  }
}

type Columns = Record<string, SQLOutputValue>;

function rowOf(db: DatabaseSync, sql: string): Columns {
  const row = db.prepare(sql).get();
  if (row === undefined) throw new Error('the vault is empty');
  return row;
}

function insertInto(db: DatabaseSync, table: string, row: Columns): StatementSync {
  const columns = Object.keys(row);
  const places = columns.map(() => '?').join(', ');
  return db.prepare(`INSERT INTO ${table} (${columns.join(', ')}) VALUES (${places})`);
}
