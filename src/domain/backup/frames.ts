import { utf8 } from '../../lib/bytes.ts';
import type { SqlValue } from '../../store/statement.ts';
import { damaged } from './backup-errors.ts';

/** One row by its columns. */
export type BackupRowValues = Readonly<Record<string, SqlValue>>;

/** The kinds of frames. */
export const FRAME = { table: 0x54, row: 0x52, end: 0x45 } as const;

/** Bytes of a frame's length. */
export const LENGTH_BYTES = 4;

/** No row is larger: a layout of 8 MiB and what is around it. */
export const FRAME_BYTES_MAX: number = 16 * 1024 * 1024;

const TYPE = { null: 0, integer: 1, text: 2, bytes: 3 } as const;

/** Encodes a frame of text. */
export function textFrame(kind: number, text: string): Uint8Array {
  const content = utf8(text);
  const frame = new Uint8Array(LENGTH_BYTES + 1 + content.length);
  new DataView(frame.buffer).setUint32(0, 1 + content.length);
  frame[LENGTH_BYTES] = kind;
  frame.set(content, LENGTH_BYTES + 1);
  return frame;
}

/** Encodes rows as frames, one after another, into memory of its own. */
export class RowEncoder {
  readonly #columns: readonly string[];
  #buffer: Buffer = Buffer.allocUnsafeSlow(16 * 1024);

  constructor(columns: readonly string[]) {
    this.#columns = columns;
  }

  /** @returns The frame; it holds until the next call. */
  encode(row: BackupRowValues): Uint8Array {
    this.#reserve(row);
    const buffer = this.#buffer;
    buffer[LENGTH_BYTES] = FRAME.row;
    let offset = LENGTH_BYTES + 1;
    for (const column of this.#columns) offset = writeValue(buffer, offset, row[column] ?? null);
    buffer.writeUInt32BE(offset - LENGTH_BYTES, 0);
    return new Uint8Array(buffer.buffer, buffer.byteOffset, offset);
  }

  #reserve(row: BackupRowValues): void {
    let bound = LENGTH_BYTES + 1;
    for (const column of this.#columns) {
      const value = row[column];
      bound += 9;
      if (typeof value === 'string') bound += value.length * 3;
      else if (value instanceof Uint8Array) bound += value.length;
    }
    if (this.#buffer.length < bound) this.#buffer = Buffer.allocUnsafeSlow(bound * 2);
  }
}

function writeValue(buffer: Buffer, offset: number, value: SqlValue): number {
  if (value === null) {
    buffer[offset] = TYPE.null;
    return offset + 1;
  }
  if (typeof value === 'number') {
    buffer[offset] = TYPE.integer;
    const high = Math.floor(value / 0x1_0000_0000);
    buffer.writeInt32BE(high, offset + 1);
    buffer.writeUInt32BE(value - high * 0x1_0000_0000, offset + 5);
    return offset + 9;
  }
  const isText = typeof value === 'string';
  buffer[offset] = isText ? TYPE.text : TYPE.bytes;
  const at = offset + 5;
  const length = isText ? buffer.write(value, at, 'utf8') : value.length;
  if (!isText) buffer.set(value, at);
  buffer.writeUInt32BE(length, offset + 1);
  return at + length;
}

/**
 * Decodes the content of a row's frame.
 *
 * @param content - What follows the kind. Bytes in the row are parts of it.
 * @throws {@link StrongroomError} `backup_damaged`.
 */
export function decodeRow(columns: readonly string[], content: Uint8Array): BackupRowValues {
  const reader = new ValueReader(content);
  const row: Record<string, SqlValue> = {};
  try {
    for (const column of columns) row[column] = reader.next();
  } catch (cause) {
    throw damaged('a row is malformed', cause);
  }
  if (!reader.isAtEnd) throw damaged('a row is malformed');
  return row;
}

class ValueReader {
  readonly #content: Uint8Array;
  readonly #buffer: Buffer;
  #offset = 0;

  constructor(content: Uint8Array) {
    this.#content = content;
    this.#buffer = Buffer.from(content.buffer, content.byteOffset, content.length);
  }

  get isAtEnd(): boolean {
    return this.#offset === this.#content.length;
  }

  /** @throws RangeError if there is no value that can be. */
  next(): SqlValue {
    const type = this.#buffer[this.#offset++];
    if (type === TYPE.null) return null;
    const at = this.#offset;
    if (type === TYPE.integer) {
      this.#offset += 8;
      return integerAt(this.#buffer, at);
    }
    if (type !== TYPE.text && type !== TYPE.bytes) throw new RangeError('not a type');
    const end = at + 4 + this.#buffer.readUInt32BE(at);
    if (end > this.#buffer.length) throw new RangeError('beyond the end');
    this.#offset = end;
    return type === TYPE.text
      ? this.#buffer.toString('utf8', at + 4, end)
      : this.#content.subarray(at + 4, end);
  }
}

function integerAt(buffer: Buffer, offset: number): number {
  const value = buffer.readInt32BE(offset) * 0x1_0000_0000 + buffer.readUInt32BE(offset + 4);
  if (!Number.isSafeInteger(value)) throw new RangeError('not an integer that is stored');
  return value;
}

/** The length of a frame, from its first bytes. */
export function frameLength(head: Uint8Array): number {
  const length = new DataView(head.buffer, head.byteOffset, head.length).getUint32(0);
  if (length < 1 || length > FRAME_BYTES_MAX) throw damaged('a frame has no length that can be');
  return length;
}
