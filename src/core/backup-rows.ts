import type { KeyObject } from 'node:crypto';

import type { BackupTable } from '../domain/backup/backup-tables.ts';
import type { BackupRowValues } from '../domain/backup/frames.ts';
import { versionMissing } from '../domain/secrets/counted-version.ts';
import { openMetadata } from '../domain/secrets/metadata.ts';
import { openPersonal } from '../domain/secrets/personal-values.ts';
import { wipeRecord } from '../domain/secrets/value.ts';
import { openVersion, type SecretPlace } from '../domain/secrets/versions.ts';
import { StrongroomError } from '../errors.ts';
import { equalBytes } from '../lib/compare.ts';
import { uuidBytes, uuidText, type Clock } from '../lib/ids.ts';
import { Keyring } from '../keys/keyring.ts';
import type { ProtectedTable, RowMac } from '../store/row-mac.ts';
import type {
  KeyRow,
  PersonalValueRow,
  ProtectedColumns,
  SecretRow,
  SecretStateRow,
  TableName,
  VersionRow,
} from '../store/tables.ts';
import { rowMacOf } from './unseal-rows.ts';

/** What a backup's own rows are checked with, once its keys were read. */
export interface BackupRowKeys {
  readonly keyring: Keyring;
  readonly mac: RowMac;
}

interface Waiting {
  readonly table: ProtectedTable<TableName>;
  readonly row: BackupRowValues;
}

/**
 * Checks the row MACs of a backup with the backup's own keys, while its rows
 * come in order: a backup proves that its file is as it was written, not that
 * the database was whole when it was made.
 */
export class BackupRows {
  readonly #vaultId: string;
  readonly #root: { readonly id: string; readonly key: KeyObject };
  readonly #now: Clock;
  readonly #keys: KeyRow[] = [];
  /** Rows that come before the keys. They are few. */
  #waiting: Waiting[] = [];
  #known: BackupRowKeys | undefined;

  constructor(vaultId: string, root: { readonly id: string; readonly key: KeyObject }, now: Clock) {
    this.#vaultId = vaultId;
    this.#root = root;
    this.#now = now;
  }

  /**
   * The keys of the backup.
   *
   * @throws {@link StrongroomError} `integrity_error` if a row of them was altered.
   */
  get keys(): BackupRowKeys {
    if (this.#known !== undefined) return this.#known;
    const keyring = new Keyring(this.#vaultId, this.#root, this.#now);
    keyring.load(this.#keys);
    const mac = rowMacOf(keyring);
    for (const { table, row } of this.#waiting) check(mac, table, row);
    this.#waiting = [];
    this.#known = { keyring, mac };
    return this.#known;
  }

  /**
   * Checks the next row of the backup.
   *
   * @throws {@link StrongroomError} `integrity_error` naming the table and the row.
   */
  take({ table, protection }: BackupTable, row: BackupRowValues): void {
    if (protection === undefined) return;
    if (table !== 'vault' && table !== 'slots' && table !== 'keys') {
      check(this.keys.mac, protection, row);
      return;
    }
    const kept = ownBytes(row);
    // What a backup holds was authenticated, and its columns are the table's.
    if (table === 'keys') this.#keys.push(kept as unknown as KeyRow);
    this.#waiting.push({ table: protection, row: kept });
  }
}

/**
 * Opens every envelope of values and of what is said about secrets, while the
 * rows of a backup come in order. Rows were checked before.
 */
export class BackupEnvelopes {
  readonly #rows: BackupRows;
  readonly #places: SecretPlaces = new SecretPlaces();
  #opened = 0;

  constructor(rows: BackupRows) {
    this.#rows = rows;
  }

  /**
   * Opens what the next row holds.
   *
   * @throws {@link StrongroomError} `decryption_failed`; `integrity_error`, also if the versions
   * before do not make up their secrets.
   */
  take(table: TableName, row: BackupRowValues): void {
    if (table === 'secrets') {
      const secret = row as unknown as SecretRow;
      this.#places.add(secret);
      openMetadata(this.#rows.keys, secret);
    } else if (table === 'secret_states') {
      const state = row as unknown as SecretStateRow;
      openMetadata(this.#rows.keys, { ...state, ...this.#stateOf(state) });
    } else if (table === 'versions') this.#version(row as unknown as VersionRow);
    else if (table === 'personal_values') {
      wipeRecord(openPersonal(this.#rows.keys, row as unknown as PersonalValueRow));
      this.#opened += 1;
    }
  }

  /**
   * Ends it, after the last row.
   *
   * @returns How many values were decrypted.
   * @throws {@link StrongroomError} `integrity_error` if a secret does not have all its versions.
   */
  end(): number {
    this.#places.end();
    return this.#opened;
  }

  #stateOf({ secret_id: id, workspace_id, environment_id }: SecretStateRow): SecretPlace {
    return { id, workspace_id, environment_id };
  }

  #version(row: VersionRow): void {
    const place = this.#places.of(row);
    if (row.destroyed_at !== null) return;
    wipeRecord(openVersion(this.#rows.keys, place, row.version, row));
    this.#opened += 1;
  }
}

const ID_BYTES = 16;
const BLOCK_PLACES = 4096;

/** The ids of so many secrets, and the number of the environment of each. */
interface PlaceBlock {
  readonly ids: Uint8Array;
  readonly environments: Uint32Array;
  /** How many versions each has. */
  readonly versions: Uint32Array;
}

/**
 * Where secrets are, and how many versions they have. There may be a million, so that one takes
 * 24 bytes, in blocks, which need not be copied when there are more; and secrets and their versions
 * come in the same order, so that none is searched for.
 */
class SecretPlaces {
  readonly #environments: { readonly workspace_id: string; readonly environment_id: string }[] = [];
  readonly #numbers: Map<string, number> = new Map();
  readonly #blocks: PlaceBlock[] = [];
  #count = 0;
  #cursor = 0;
  /** The last version that came of the secret under the cursor. */
  #version = 0;

  add({ id, workspace_id, environment_id, current_version }: SecretRow): void {
    const name = `${workspace_id} ${environment_id}`;
    let number = this.#numbers.get(name);
    if (number === undefined) {
      number = this.#environments.push({ workspace_id, environment_id }) - 1;
      this.#numbers.set(name, number);
    }
    const at = this.#count % BLOCK_PLACES;
    if (at === 0) {
      this.#blocks.push({
        ids: new Uint8Array(ID_BYTES * BLOCK_PLACES),
        environments: new Uint32Array(BLOCK_PLACES),
        versions: new Uint32Array(BLOCK_PLACES),
      });
    }
    const block = this.#blocks.at(-1) as PlaceBlock;
    block.ids.set(uuidBytes(id), ID_BYTES * at);
    block.environments[at] = number;
    block.versions[at] = current_version;
    this.#count += 1;
  }

  /**
   * The place of the secret that the next version is of.
   *
   * @throws {@link StrongroomError} `integrity_error` if it is of none, or versions before it are missing.
   */
  of({ secret_id: id, version }: VersionRow): SecretPlace {
    const wanted = uuidBytes(id);
    for (; this.#cursor < this.#count; this.#leave()) {
      const secret = this.#current();
      if (!equalBytes(wanted, secret.id)) continue;
      if (version !== this.#version + 1) throw versionMissing(id, this.#version + 1);
      this.#version = version;
      const environment = this.#environments[secret.environment];
      if (environment !== undefined) return { id, ...environment };
    }
    throw new StrongroomError('integrity_error', 'a version is of no secret', {
      details: { secret: id },
    });
  }

  /** @throws {@link StrongroomError} `integrity_error` if versions of the last secrets are missing. */
  end(): void {
    while (this.#cursor < this.#count) this.#leave();
  }

  #current(): { readonly id: Uint8Array; readonly environment: number; readonly versions: number } {
    const { ids, environments, versions } = this.#blocks[
      Math.floor(this.#cursor / BLOCK_PLACES)
    ] as PlaceBlock;
    const at = this.#cursor % BLOCK_PLACES;
    return {
      id: ids.subarray(ID_BYTES * at, ID_BYTES * (at + 1)),
      environment: environments[at] ?? 0,
      versions: versions[at] ?? 0,
    };
  }

  /** Goes on to the next secret, if all versions of this one came, and no other. */
  #leave(): void {
    const { id, versions } = this.#current();
    if (this.#version !== versions) throw versionMissing(uuidText(id), this.#version + 1);
    this.#cursor += 1;
    this.#version = 0;
  }
}

/** A row whose bytes stay when those that it was decoded from are wiped. */
export function ownBytes(row: BackupRowValues): BackupRowValues {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [
      column,
      value instanceof Uint8Array ? value.slice() : value,
    ]),
  );
}

function check(mac: RowMac, table: ProtectedTable<TableName>, row: BackupRowValues): void {
  // Every protected table has the columns of the protection, whatever else it has.
  mac.check(table, row as unknown as ProtectedColumns);
}
