import { createSecretKey } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { randomBytes } from '../crypto/random.ts';
import { AuditLog } from '../domain/audit/audit-log.ts';
import type { EntryFields } from '../domain/audit/entry.ts';
import { KeyUses } from '../domain/keys/key-uses.ts';
import { Keyring } from '../keys/keyring.ts';
import { uuidv7 } from '../lib/ids.ts';
import { migrate } from '../store/migrate.ts';
import { KEYS } from '../store/protected-tables.ts';
import { RowMac } from '../store/row-mac.ts';
import { insertRow } from '../store/rows.ts';
import { openSqlite } from '../store/sqlite.ts';
import type { Store, Transaction } from '../store/store.ts';
import type { AuditLogRow } from '../store/tables.ts';

/** An audit log in a real database of its own, written to without a vault around it and its timers. */
export class StoredAuditLog implements AsyncDisposable {
  readonly store: Store;
  readonly mac: RowMac;
  log: AuditLog;
  /** Milliseconds since 1970, moved by the test. */
  now: number = Date.UTC(2026, 10, 2, 10);
  readonly #directory: string;
  readonly #keyring: Keyring;
  readonly #row: AuditLogRow;

  private constructor(parts: {
    readonly directory: string;
    readonly store: Store;
    readonly keyring: Keyring;
    readonly mac: RowMac;
    readonly row: AuditLogRow;
    readonly log: AuditLog;
  }) {
    this.#directory = parts.directory;
    this.store = parts.store;
    this.#keyring = parts.keyring;
    this.mac = parts.mac;
    this.#row = parts.row;
    this.log = parts.log;
  }

  static async create(): Promise<StoredAuditLog> {
    const directory = mkdtempSync(join(tmpdir(), 'strongroom-audit-'));
    const store = openSqlite(directory, { create: true });
    await migrate(store);
    const vaultId = uuidv7();
    const keyring = new Keyring(vaultId, { id: uuidv7(), key: createSecretKey(randomBytes(32)) });
    const macKey = keyring.create({ purpose: 'row-mac', workspaceId: null, number: 1 });
    keyring.add(macKey);
    const mac = new RowMac(vaultId, keyring.secretKeys('row-mac'), 1);
    return store.write(async (transaction) => {
      await insertRow(transaction, mac, KEYS, macKey);
      const keyUses = new KeyUses(transaction, mac);
      const work = { transaction, mac, keyring, keyUses, now: Date.now(), actor: vaultId };
      const row = await AuditLog.create(work, 1);
      const log = await AuditLog.open(transaction, keyring, row);
      return new StoredAuditLog({ directory, store, keyring, mac, row, log });
    });
  }

  /** Writes entries in one transaction. */
  async append(
    count: number,
    fieldsOf: (seq: number) => Partial<EntryFields> = () => ({}),
  ): Promise<void> {
    const staged = this.log.stage();
    await this.store.write(async (transaction) => {
      for (let i = 0; i < count; i += 1) {
        const about = fieldsOf(staged.size);
        const request = uuidv7();
        staged.append({ action: 'secrets.read', outcome: 'ok', request, ...about }, this.now);
      }
      await staged.flush(transaction);
    });
    staged.accept();
  }

  checkpoint(): Promise<string | undefined> {
    return this.store.write((transaction) => this.log.checkpoint(transaction, this.now));
  }

  read<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.store.read(work);
  }

  /** Opens the log again from what is stored. */
  async reopen(): Promise<void> {
    this.log = await this.store.read((transaction) =>
      AuditLog.open(transaction, this.#keyring, this.#row),
    );
  }

  /** Changes stored rows as someone with the file could. */
  tamper(sql: string, ...values: (string | number | Uint8Array)[]): void {
    const database = new DatabaseSync(join(this.#directory, 'vault.db'));
    try {
      database.prepare(sql).run(...values);
    } finally {
      database.close();
    }
  }

  /** Rows as they are stored. */
  rows(sql: string): Record<string, unknown>[] {
    const database = new DatabaseSync(join(this.#directory, 'vault.db'), { readOnly: true });
    try {
      return database.prepare(sql).all();
    } finally {
      database.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
