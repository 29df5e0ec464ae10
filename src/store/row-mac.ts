import type { KeyObject } from 'node:crypto';

import { envelopeCommitment } from '../crypto/envelope.ts';
import { hmacSha256, storedHmacSha256 } from '../crypto/mac.ts';
import { DAMAGED_HINT, StrongroomError } from '../errors.ts';
import { tuple, writeInt64, writeUint32 } from '../lib/bytes.ts';
import { equalBytes } from '../lib/compare.ts';
import { uuidBytes } from '../lib/ids.ts';
import type { ProtectedColumns, TableName, Tables } from './tables.ts';

/** A table whose rows carry a MAC, and the columns that it covers, in order. */
export interface ProtectedTable<T extends TableName> {
  readonly table: T;
  /** The columns of the primary key. */
  readonly key: readonly (keyof Tables[T] & string)[];
  /** Every column but the envelopes and those of the protection itself. */
  readonly columns: readonly (keyof Tables[T] & string)[];
  /** Columns that hold an envelope, for which its commitment stands. */
  readonly envelopes?: readonly (keyof Tables[T] & string)[];
  /** Whether a row that is gone must be noticed: see `integrity.ts`. */
  readonly counted: boolean;
}

/** A row before it is protected. */
export type Unprotected<Row> = Omit<Row, keyof ProtectedColumns>;

const TYPE_INTEGER = 1;
const TYPE_TEXT = 2;
const TYPE_BYTES = 3;

/** Until the MAC of a new row is made, which does not cover itself. */
const NO_MAC: Uint8Array = new Uint8Array(0);

/** How a table's MAC input is laid out, worked out once. */
interface Layout {
  readonly prefix: Uint8Array;
  readonly columns: readonly LayoutColumn[];
}

interface LayoutColumn {
  readonly column: string;
  readonly label: Uint8Array;
  readonly isEnvelope: boolean;
}

/**
 * Makes and checks row MACs (`docs/spec/keyring.md`). One per open vault: it
 * holds the row-MAC keys.
 */
export class RowMac {
  readonly #vaultId: Uint8Array;
  readonly #keys: ReadonlyMap<number, KeyObject>;
  readonly #currentNumber: number;
  readonly #layouts: Map<string, Layout> = new Map();
  #scratch: Buffer = Buffer.allocUnsafeSlow(16 * 1024);

  constructor(vaultId: string, keys: ReadonlyMap<number, KeyObject>, currentNumber: number) {
    this.#vaultId = uuidBytes(vaultId);
    this.#keys = keys;
    this.#currentNumber = currentNumber;
  }

  /** Gives a new or changed row its revision, key number and MAC. */
  protect<T extends TableName, R extends object>(
    table: ProtectedTable<T>,
    row: R,
    previousRevision = 0,
  ): R & ProtectedColumns {
    const revised = {
      ...row,
      row_revision: previousRevision + 1,
      mac_key: this.#currentNumber,
      mac: NO_MAC,
    };
    revised.mac = this.#compute(table, revised, this.#currentNumber);
    return revised;
  }

  /**
   * Checks a row that was read.
   *
   * @throws {@link StrongroomError} `integrity_error` naming the table and the row.
   */
  check<T extends TableName>(table: ProtectedTable<T>, row: ProtectedColumns): void {
    if (this.#keys.has(row.mac_key)) {
      const expected = this.#compute(table, row, row.mac_key);
      if (equalBytes(row.mac, expected)) return;
    }
    const values = row as unknown as Readonly<Record<string, unknown>>;
    throw new StrongroomError('integrity_error', `a row of table ${table.table} was altered`, {
      details: { table: table.table, row: table.key.map((column) => values[column]).join(' ') },
      hint: DAMAGED_HINT,
    });
  }

  /** An HMAC under a row-MAC key over a labelled tuple, for integrity rows. */
  computeTuple(
    label: string,
    parts: readonly (Uint8Array | string)[],
    keyNumber: number = this.#currentNumber,
  ): Uint8Array {
    return hmacSha256(this.#key(keyNumber), tuple([label, ...parts]));
  }

  /** The vault's id, 16 bytes. */
  get vaultId(): Uint8Array {
    return this.#vaultId;
  }

  /** The number of the key that new MACs are made with. */
  get currentNumber(): number {
    return this.#currentNumber;
  }

  #key(number: number): KeyObject {
    const key = this.#keys.get(number);
    if (key === undefined) {
      throw new StrongroomError('integrity_error', 'a row names a MAC key that does not exist');
    }
    return key;
  }

  #compute<T extends TableName>(
    table: ProtectedTable<T>,
    row: object,
    keyNumber: number,
  ): Uint8Array {
    const layout = this.#layout(table);
    const values = row as Readonly<Record<string, unknown>>;
    const { prefix, columns } = layout;
    this.#reserve(0, prefix.length);
    this.#scratch.set(prefix, 0);
    let offset = prefix.length;
    // By number: an iterator costs more than a column, until the loop is compiled.
    for (let index = 0; index < columns.length; index += 1) {
      const { column, label, isEnvelope } = columns[index] as LayoutColumn;
      const stored = values[column];
      if (stored === null || stored === undefined) continue;
      const value = isEnvelope ? commitment(stored) : stored;
      this.#reserve(offset, label.length + sizeBound(value));
      this.#scratch.set(label, offset);
      offset = writeValue(this.#scratch, offset + label.length, value);
    }
    return storedHmacSha256(this.#key(keyNumber), this.#scratch.subarray(0, offset));
  }

  #layout<T extends TableName>(table: ProtectedTable<T>): Layout {
    const known = this.#layouts.get(table.table);
    if (known !== undefined) return known;
    const envelopes: readonly string[] = table.envelopes ?? [];
    const names = [...table.columns, ...envelopes, 'row_revision', 'mac_key'].toSorted();
    const made: Layout = {
      prefix: tuple(['strongroom/v1/row', table.table, this.#vaultId]),
      columns: names.map((column) => ({
        column,
        label: tuple([column]),
        isEnvelope: envelopes.includes(column),
      })),
    };
    this.#layouts.set(table.table, made);
    return made;
  }

  /** Makes room behind what is written already. */
  #reserve(written: number, more: number): void {
    if (this.#scratch.length >= written + more) return;
    const larger = Buffer.allocUnsafeSlow((written + more) * 2);
    larger.set(this.#scratch.subarray(0, written));
    this.#scratch = larger;
  }
}

/** How long a value is at most when it is written. */
function sizeBound(value: unknown): number {
  if (typeof value === 'string') return 5 + value.length * 3;
  return value instanceof Uint8Array ? 5 + value.length : 9;
}

function commitment(envelope: unknown): Uint8Array {
  if (!(envelope instanceof Uint8Array)) throw new TypeError('an envelope is bytes');
  return envelopeCommitment(envelope);
}

function writeValue(buffer: Buffer, offset: number, value: unknown): number {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new RangeError('a whole number was expected');
    buffer[offset] = TYPE_INTEGER;
    writeInt64(buffer, offset + 1, value);
    return offset + 9;
  }
  if (typeof value === 'string') {
    buffer[offset] = TYPE_TEXT;
    const length = buffer.write(value, offset + 5, 'utf8');
    writeUint32(buffer, offset + 1, length);
    return offset + 5 + length;
  }
  if (value instanceof Uint8Array) {
    buffer[offset] = TYPE_BYTES;
    writeUint32(buffer, offset + 1, value.length);
    buffer.set(value, offset + 5);
    return offset + 5 + value.length;
  }
  throw new TypeError(`a column of type ${typeof value} cannot be under a row MAC`);
}
