import { generateSigningKey, importSigningKey } from '../../crypto/signature.ts';
import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import { equalBytes } from '../../lib/compare.ts';
import { wipe } from '../../lib/bytes.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { isoTime } from '../../lib/iso-time.ts';
import { type Checkpoint, formatCheckpoint } from '../../merkle/checkpoint.ts';
import { textLeafHash } from '../../merkle/hash.ts';
import { signNote, type NoteSigner } from '../../merkle/note.ts';
import { TILE_WIDTH, type Tile } from '../../merkle/tile.ts';
import type { MerkleTree } from '../../merkle/tree.ts';
import { formatVerifierKeys, verifierKey } from '../../merkle/verifier-key.ts';
import { logKeys, type LogKeys } from '../../merkle/verify-checkpoint.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { AUDIT_LOGS, KEYS } from '../../store/protected-tables.ts';
import { insertRow } from '../../store/rows.ts';
import type { Transaction } from '../../store/store.ts';
import type { AuditEntryRow, AuditLogRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import { formatEntry, type EntryFields } from './entry.ts';
import { originOf } from './log-origin.ts';
import {
  bodiesFrom,
  insertCheckpoint,
  insertEntry,
  insertTile,
  newestCheckpoint,
  removeCheckpoint,
  storedTile,
  twoNewestCheckpoints,
} from './log-queries.ts';
import { loadTree } from './load-tree.ts';
import { requireHead, writeHead } from './log-head.ts';
import { openStoredCheckpoint } from './stored-checkpoint.ts';

const CHECKPOINT_PAGE = 512;
const THIN_MS = 60 * 60 * 1000;

/** How many entries may pass between two that carry the tables' state. */
export const STATE_INTERVAL = 1024;

/** Entries of one transaction: written, but not yet part of the log until it commits. */
export interface StagedEntries {
  /** Index that the next entry will have. */
  readonly size: number;
  /** How many were appended. */
  readonly count: number;
  append(fields: EntryFields, now: number): void;
  /** Writes what was appended. */
  flush(transaction: Transaction): Promise<void>;
  /** Takes the entries over once the transaction is durable. */
  accept(): void;
}

/** One append-only, signed log of a vault. */
export class AuditLog {
  readonly number: number;
  readonly id: string;
  readonly origin: string;
  /** The verifier key file: what anyone needs to check an export of this log. */
  readonly verifierKeys: string;
  /** The same keys, to verify checkpoints of this log. */
  readonly keys: LogKeys;
  readonly #keyring: Keyring;
  readonly #signers: readonly NoteSigner[];
  #tree: MerkleTree;
  /** The tree up to the newest checkpoint, recomputed from stored bytes. */
  #checked: MerkleTree;
  /** The same, as far beyond it as {@link AuditLog.recheck} came. */
  #rechecked: MerkleTree;

  private constructor(
    row: AuditLogRow,
    parts: {
      readonly keyring: Keyring;
      readonly signers: readonly NoteSigner[];
      readonly keys: LogKeys;
      readonly tree: MerkleTree;
    },
  ) {
    this.number = row.number;
    this.id = row.id;
    this.origin = row.origin;
    this.keys = parts.keys;
    this.verifierKeys = formatVerifierKeys(parts.keys.keys);
    this.#keyring = parts.keyring;
    this.#signers = parts.signers;
    this.#tree = parts.tree;
    this.#checked = parts.tree.clone();
    this.#rechecked = this.#checked;
  }

  /** Registers a new log with keys of its own. It is empty. */
  static async create(work: Work, number: number): Promise<AuditLogRow> {
    const id = uuidv7();
    const ed25519 = generateSigningKey('ed25519');
    const mlDsa = generateSigningKey('ml-dsa-44');
    const [ed25519Row, mlDsaRow] = [
      work.keyring.create({
        purpose: 'audit-ed25519',
        workspaceId: null,
        number,
        bytes: ed25519.pkcs8,
      }),
      work.keyring.create({
        purpose: 'audit-ml-dsa',
        workspaceId: null,
        number,
        bytes: mlDsa.pkcs8,
      }),
    ];
    for (const row of [ed25519Row, mlDsaRow]) {
      await insertRow(work.transaction, work.mac, KEYS, row);
      work.keyring.add(row);
    }
    return insertRow(work.transaction, work.mac, AUDIT_LOGS, {
      number,
      id,
      origin: originOf(id),
      ed25519_key_id: ed25519Row.id,
      ml_dsa_key_id: mlDsaRow.id,
      ed25519_public: ed25519.publicKey,
      ml_dsa_public: mlDsa.publicKey,
      state: 'open',
      created_at: work.now,
    });
  }

  /**
   * Opens a registered log: rebuilds its tree from the stored tiles and
   * entries, and holds it against its newest checkpoint.
   *
   * @throws {@link StrongroomError} `audit_tampered`, `integrity_error`.
   */
  static async open(
    transaction: Transaction,
    keyring: Keyring,
    row: AuditLogRow,
  ): Promise<AuditLog> {
    const signers = [
      signer(keyring, row.origin, ['ed25519', row.ed25519_key_id, row.ed25519_public]),
      signer(keyring, row.origin, ['ml-dsa-44', row.ml_dsa_key_id, row.ml_dsa_public]),
    ];
    const keys = logKeys(
      signers.map((each) => each.key),
      row.origin,
    );
    const stored = await transaction.get(newestCheckpoint, { log: row.number });
    const checkpoint = stored && openStoredCheckpoint(stored, keys);
    const tree = await loadTree(transaction, row.number, checkpoint?.size ?? 0);
    const log = new AuditLog(row, { keyring, signers, keys, tree });
    if (checkpoint !== undefined) log.#requireKnown(checkpoint);
    await log.#appendStored(transaction, tree);
    await requireHead(transaction, keyring, log, tree);
    return log;
  }

  /** Number of entries that are durable. */
  get size(): number {
    return this.#tree.size;
  }

  /** Size of the tree under the newest checkpoint. */
  get checkpointSize(): number {
    return this.#checked.size;
  }

  /**
   * What memory knows of the last entries, whatever is stored: the joined leaf
   * hashes of those that fill no tile yet, and the index of the first.
   */
  get edge(): { readonly first: number; readonly hashes: Uint8Array } {
    const { size } = this.#tree;
    const [hashes = new Uint8Array()] = this.frontier;
    return { first: size - (size % TILE_WIDTH), hashes };
  }

  /** By tile level, a copy of the joined hashes of the tile that is being filled. */
  get frontier(): readonly Uint8Array[] {
    return this.#tree.frontier();
  }

  /** Begins to write entries in a transaction. */
  stage(): StagedEntries {
    const tree = this.#tree.fork();
    const rows: AuditEntryRow[] = [];
    const tiles: Tile[] = [];
    return {
      get size() {
        return tree.size;
      },
      get count() {
        return rows.length;
      },
      append: (fields, now) => {
        const seq = tree.size;
        const body = formatEntry(fields, { log: this.id, seq, time: isoTime(now) });
        rows.push({ log: this.number, seq, body });
        for (const tile of tree.append(textLeafHash(body))) tiles.push(tile);
      },
      flush: async (transaction) => {
        if (rows.length === 0) return;
        await transaction.runMany(insertEntry, rows);
        await writeHead(transaction, this.#keyring, this, tree);
        for (const { level, index, hashes } of tiles) {
          await transaction.run(insertTile, { log: this.number, level, tile: index, hashes });
        }
      },
      accept: () => {
        this.#tree = tree;
      },
    };
  }

  /** Reads the log's state from the database again, after a commit whose outcome is unknown. */
  async reload(transaction: Transaction): Promise<void> {
    const tree = this.#checked.clone();
    await this.#appendStored(transaction, tree);
    await requireHead(transaction, this.#keyring, this, tree);
    this.#tree = tree;
    this.#rechecked = this.#checked;
  }

  /**
   * Computes a part of what {@link AuditLog.checkpoint} computes again, ahead of it and beside
   * the writer, so that few entries are left for the transaction in which it is signed.
   *
   * @returns Whether there is more to be done ahead.
   * @throws {@link StrongroomError} `audit_tampered`, as there.
   */
  async recheck(transaction: Transaction): Promise<boolean> {
    const { size } = this.#tree;
    if (size - this.#rechecked.size <= CHECKPOINT_PAGE) return false;
    const before = this.#rechecked;
    const checked = before.clone();
    await this.#appendChecked(transaction, checked, size);
    // A reload meanwhile threw away what this began with.
    if (this.#rechecked === before) this.#rechecked = checked;
    return true;
  }

  /**
   * Signs the log's present state, after computing it again from the stored
   * bytes. Does nothing if the newest checkpoint says it already. What it signs
   * is never inconsistent with a checkpoint that it signed before.
   *
   * @returns The newest checkpoint's note, or `undefined` for a log without entries.
   * @throws {@link StrongroomError} `audit_tampered` if the stored entries, tiles or newest
   * checkpoint are not what was written; nothing is signed then.
   */
  async checkpoint(transaction: Transaction, now: number): Promise<string | undefined> {
    // What is accepted while this runs belongs to the next checkpoint.
    const tree = this.#tree;
    const stored = await transaction.get(newestCheckpoint, { log: this.number });
    if (stored !== undefined) this.#requireKnown(openStoredCheckpoint(stored, this.keys));
    if (stored?.size === tree.size || tree.size === 0) return stored?.note;
    const checked = await this.#recompute(transaction, tree.size);
    const root = checked.root();
    if (checked.size !== tree.size || !equalBytes(root, tree.root())) {
      // What was found altered may be mended, and is looked at again then.
      this.#rechecked = this.#checked;
      throw new StrongroomError(
        'audit_tampered',
        'the stored audit entries are not the ones that were written; no checkpoint was signed',
        { details: { log: this.id, size: tree.size }, hint: DAMAGED_HINT },
      );
    }
    const size = checked.size;
    const note = signNote(formatCheckpoint({ origin: this.origin, size, root }), this.#signers);
    await this.#thin(transaction, now);
    await transaction.run(insertCheckpoint, {
      log: this.number,
      size,
      root,
      note,
      created_at: now,
    });
    this.#checked = checked;
    this.#rechecked = checked;
    return note;
  }

  /** The root of the tree at an earlier size, from tiles and entries. */
  async rootAt(transaction: Transaction, size: number): Promise<Uint8Array> {
    if (size === this.#checked.size) return this.#checked.root();
    return (await loadTree(transaction, this.number, size)).root();
  }

  #bodies(transaction: Transaction, from: number): Promise<{ seq: number; body: string }[]> {
    return transaction.all(bodiesFrom, { log: this.number, from, limit: CHECKPOINT_PAGE });
  }

  /** Appends every entry that is stored beyond the tree's end. */
  async #appendStored(transaction: Transaction, tree: MerkleTree): Promise<void> {
    for (;;) {
      const rows = await this.#bodies(transaction, tree.size);
      for (const { seq, body } of rows) {
        this.#requireNext(seq, tree);
        tree.append(textLeafHash(body));
      }
      if (rows.length < CHECKPOINT_PAGE) return;
    }
  }

  #requireNext(seq: number, tree: MerkleTree): void {
    if (seq === tree.size) return;
    throw new StrongroomError('audit_tampered', 'an audit entry is missing', {
      details: { log: this.id, index: tree.size },
      hint: DAMAGED_HINT,
    });
  }

  /** Appends what was stored since the last checkpoint. */
  async #recompute(transaction: Transaction, size: number): Promise<MerkleTree> {
    const checked = this.#rechecked.clone();
    while (checked.size < size) {
      if (!(await this.#appendChecked(transaction, checked, size))) break;
    }
    return checked;
  }

  /**
   * Appends a page of stored entries, and holds completed tiles against the stored ones.
   *
   * @returns Whether there were any.
   */
  async #appendChecked(
    transaction: Transaction,
    checked: MerkleTree,
    size: number,
  ): Promise<boolean> {
    const rows = await this.#bodies(transaction, checked.size);
    for (const { seq, body } of rows.slice(0, size - checked.size)) {
      this.#requireNext(seq, checked);
      const tiles = checked.append(textLeafHash(body));
      for (const tile of tiles) await this.#requireStoredTile(transaction, tile);
    }
    return rows.length > 0;
  }

  async #requireStoredTile(transaction: Transaction, tile: Tile): Promise<void> {
    const stored = await transaction.get(storedTile, {
      log: this.number,
      level: tile.level,
      tile: tile.index,
    });
    if (stored !== undefined && equalBytes(stored.hashes, tile.hashes)) return;
    throw new StrongroomError('audit_tampered', 'a stored tile of the audit tree was altered', {
      details: { log: this.id, level: tile.level, index: tile.index },
    });
  }

  /**
   * Holds the newest stored checkpoint against the trees in memory. After a transaction
   * that failed it may be older than `#checked`; its signatures still hold.
   */
  #requireKnown({ size, root }: Checkpoint): void {
    const isKnown = [this.#checked, this.#tree].every(
      (tree) => tree.size !== size || equalBytes(tree.root(), root),
    );
    if (isKnown && size <= this.#tree.size) return;
    throw new StrongroomError(
      'audit_tampered',
      'the audit log does not agree with its newest checkpoint',
      {
        details: { log: this.id, size },
        hint: DAMAGED_HINT,
      },
    );
  }

  /** Keeps the newest checkpoint and one for each hour before it. */
  async #thin(transaction: Transaction, now: number): Promise<void> {
    const [last, before] = await transaction.all(twoNewestCheckpoints, { log: this.number });
    if (last === undefined || before === undefined || before.created_at < now - THIN_MS) return;
    await transaction.run(removeCheckpoint, { log: this.number, size: last.size });
  }
}

function signer(
  keyring: Keyring,
  origin: string,
  [algorithm, keyId, publicKey]: readonly ['ed25519' | 'ml-dsa-44', string, Uint8Array],
): NoteSigner {
  const pkcs8 = keyring.unwrap(keyId);
  try {
    return {
      key: verifierKey(origin, algorithm, publicKey),
      privateKey: importSigningKey(algorithm, pkcs8),
    };
  } finally {
    wipe(pkcs8);
  }
}
