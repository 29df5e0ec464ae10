import { isUtf8 } from 'node:buffer';
import { StrongroomError } from '../errors.ts';
import { utf8, utf8Decode } from '../lib/bytes.ts';

/** How the bytes of a field are meant: well-formed UTF-8, or anything. */
export type RecordFieldKind = 'text' | 'bytes';

/** One field of a version. */
export type RecordField = {
  /** Empty in a record of kind `text` or `bytes`. */
  readonly name: string;
  readonly kind: RecordFieldKind;
  readonly bytes: Uint8Array;
};

/** The plaintext of a version: one text, one byte string, or named fields. */
export interface VersionRecord {
  readonly kind: 'text' | 'bytes' | 'fields';
  /** One, or in kind `fields` one or more whose names are not empty and strictly ascend by their UTF-8 bytes. */
  readonly fields: readonly RecordField[];
}

const FORMAT = 1;
const RECORD_KINDS = ['text', 'bytes', 'fields'] as const;
const FIELD_KINDS = ['text', 'bytes'] as const;
const FIELDS_MAX = 0xffff;
const HEAD_BYTES = 4;

/**
 * Encodes a version record (docs/spec/envelope.md, Version record).
 *
 * @returns A new array; the caller wipes it.
 * @throws RangeError if the record breaks the rules that {@link decodeRecord} checks.
 */
export function encodeRecord(record: VersionRecord): Uint8Array {
  const names = record.fields.map((field) => utf8(field.name));
  const reason = brokenRule(record, names);
  if (reason !== undefined) throw new RangeError(reason);
  let length = HEAD_BYTES;
  for (const [i, field] of record.fields.entries()) {
    length += 4 + (names[i]?.length ?? 0) + 1 + 4 + field.bytes.length;
  }
  const encoded = new Uint8Array(length);
  const view = new DataView(encoded.buffer);
  encoded[0] = FORMAT;
  encoded[1] = RECORD_KINDS.indexOf(record.kind) + 1;
  view.setUint16(2, record.fields.length);
  let offset = HEAD_BYTES;
  for (const [i, field] of record.fields.entries()) {
    const name = names[i] ?? new Uint8Array(0);
    view.setUint32(offset, name.length);
    encoded.set(name, offset + 4);
    offset += 4 + name.length;
    encoded[offset] = FIELD_KINDS.indexOf(field.kind) + 1;
    view.setUint32(offset + 1, field.bytes.length);
    encoded.set(field.bytes, offset + 5);
    offset += 5 + field.bytes.length;
  }
  return encoded;
}

/**
 * Decodes a version record strictly: what is accepted encodes to the same bytes.
 *
 * @returns The record. Its bytes are copies, so `encoded` can be wiped.
 * @throws {@link StrongroomError} `integrity_error` if the record is malformed.
 */
export function decodeRecord(encoded: Uint8Array): VersionRecord {
  if (encoded.length < HEAD_BYTES || encoded[0] !== FORMAT) throw malformed();
  const kind = RECORD_KINDS[(encoded[1] ?? 0) - 1];
  if (kind === undefined) throw malformed();
  const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.length);
  const count = view.getUint16(2);
  const fields: RecordField[] = [];
  const names: Uint8Array[] = [];
  let offset = HEAD_BYTES;
  for (let i = 0; i < count; i += 1) {
    const name = readPart(view, encoded, offset);
    offset += 4 + name.length;
    const fieldKind = FIELD_KINDS[(encoded[offset] ?? 0) - 1];
    if (fieldKind === undefined) throw malformed();
    const bytes = readPart(view, encoded, offset + 1);
    offset += 5 + bytes.length;
    names.push(name);
    fields.push({ name: decodeName(name), kind: fieldKind, bytes: bytes.slice() });
  }
  if (offset !== encoded.length) throw malformed();
  const record: VersionRecord = { kind, fields };
  if (brokenRule(record, names) !== undefined) throw malformed();
  return record;
}

function readPart(view: DataView, encoded: Uint8Array, offset: number): Uint8Array {
  if (offset + 4 > encoded.length) throw malformed();
  const length = view.getUint32(offset);
  if (length > encoded.length - offset - 4) throw malformed();
  return encoded.subarray(offset + 4, offset + 4 + length);
}

function decodeName(bytes: Uint8Array): string {
  try {
    return utf8Decode(bytes);
  } catch {
    throw malformed();
  }
}

/** The rules of a record that its layout does not enforce. `names` are those of the fields, UTF-8. */
function brokenRule(record: VersionRecord, names: readonly Uint8Array[]): string | undefined {
  const { kind, fields } = record;
  if (fields.length > FIELDS_MAX) return 'a record has at most 65,535 fields';
  if (kind === 'fields') {
    if (fields.length === 0) return 'a record has at least one field';
    if (names[0]?.length === 0) return 'the name of a field must not be empty';
    if (!isStrictlyAscending(names)) {
      return 'the names of fields must differ and ascend by their UTF-8 bytes';
    }
  } else {
    const [field] = fields;
    if (fields.length !== 1 || field?.name !== '' || field.kind !== kind) {
      return 'a text or bytes record has one field of its kind, without a name';
    }
  }
  for (const field of fields) {
    if (!field.name.isWellFormed()) return 'the name of a field must be well-formed';
    if (field.kind === 'text' && !isUtf8(field.bytes)) return 'text must be well-formed UTF-8';
  }
  return undefined;
}

function isStrictlyAscending(names: readonly Uint8Array[]): boolean {
  for (let i = 1; i < names.length; i += 1) {
    const [previous, name] = [names[i - 1], names[i]];
    // Code units would not do: UTF-16 puts U+1F511 before U+FF01, UTF-8 behind it.
    if (previous === undefined || name === undefined || Buffer.compare(previous, name) >= 0) {
      return false;
    }
  }
  return true;
}

function malformed(): StrongroomError {
  return new StrongroomError('integrity_error', 'the version record is malformed');
}
