import type { RecordField, VersionRecord } from '../../crypto/version-record.ts';
import { StrongroomError } from '../../errors.ts';
import { utf8, wipe } from '../../lib/bytes.ts';
import { SecretValue } from '../../secret-value.ts';

/** A single value as a caller gives it: text, or bytes, or either without showing it. */
export type SingleValue = string | Uint8Array | SecretValue;

/** A value as a caller gives it: single, or named fields. */
export type ValueInput = SingleValue | { readonly [field: string]: SingleValue };

/** A value as a caller gets it. */
export type ValueOutput =
  | {
      readonly kind: 'text' | 'bytes';
      readonly value: SecretValue;
      readonly fields?: undefined;
    }
  | {
      readonly kind: 'fields';
      readonly fields: Readonly<Record<string, SecretValue>>;
      readonly value?: undefined;
    };

const VALUE_BYTES_MAX = 1024 * 1024;
const FIELDS_MAX = 128;
const FIELD_NAME = /^[A-Za-z0-9._-]{1,128}$/;

/**
 * The record of a value. The caller wipes it with {@link wipeRecord}.
 *
 * @throws {@link StrongroomError} `value_too_large`, `invalid_input`, `invalid_name`.
 */
export function toRecord(input: ValueInput): VersionRecord {
  if (isSingle(input)) {
    const field = toField('', input);
    requireSize(field.bytes.length);
    return { kind: field.kind, fields: [field] };
  }
  const names = Object.keys(input);
  if (names.length === 0 || names.length > FIELDS_MAX) {
    throw new StrongroomError('invalid_input', `a value has 1 to ${FIELDS_MAX} fields`);
  }
  const fields = names.toSorted().map((name) => {
    if (!FIELD_NAME.test(name)) {
      throw new StrongroomError(
        'invalid_name',
        'a field name is 1 to 128 letters, digits and ._- characters',
      );
    }
    return toField(name, input[name] ?? '');
  });
  requireSize(fields.reduce((total, field) => total + field.name.length + field.bytes.length, 0));
  return { kind: 'fields', fields };
}

/**
 * The record with some fields added or replaced.
 *
 * @throws {@link StrongroomError} `value_too_large`.
 */
export function mergeFields(current: VersionRecord, change: VersionRecord): VersionRecord {
  const merged = new Map<string, RecordField>();
  for (const field of [...current.fields, ...change.fields]) merged.set(field.name, field);
  const fields = [...merged.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  if (fields.length > FIELDS_MAX) {
    throw new StrongroomError('invalid_input', `a value has 1 to ${FIELDS_MAX} fields`);
  }
  requireSize(fields.reduce((total, field) => total + field.name.length + field.bytes.length, 0));
  return { kind: 'fields', fields };
}

/** The values of a record. They take over its bytes. */
export function fromRecord(record: VersionRecord): ValueOutput {
  if (record.kind !== 'fields') {
    return { kind: record.kind, value: toValue(record.fields[0]) };
  }
  const fields: Record<string, SecretValue> = Object.create(null) as Record<string, SecretValue>;
  for (const field of record.fields) fields[field.name] = toValue(field);
  return { kind: 'fields', fields };
}

/** Overwrites the bytes of a record. */
export function wipeRecord(record: VersionRecord): void {
  for (const field of record.fields) wipe(field.bytes);
}

/** Whether an input is one value, not fields. */
export function isSingle(input: ValueInput): input is SingleValue {
  return typeof input === 'string' || input instanceof Uint8Array || input instanceof SecretValue;
}

function toField(name: string, input: SingleValue): RecordField {
  if (typeof input === 'string') {
    if (!input.isWellFormed()) {
      throw new StrongroomError('invalid_input', 'the value is not well-formed Unicode text', {
        hint: 'pass it as bytes instead',
      });
    }
    return { name, kind: 'text', bytes: utf8(input) };
  }
  if (input instanceof SecretValue) return { name, kind: input.kind, bytes: input.revealBytes() };
  return { name, kind: 'bytes', bytes: new Uint8Array(input) };
}

function toValue(field: RecordField | undefined): SecretValue {
  if (field === undefined) throw new StrongroomError('integrity_error', 'a version has no field');
  if (field.kind === 'text') return SecretValue.fromUtf8(field.bytes);
  const value = SecretValue.bytes(field.bytes);
  wipe(field.bytes);
  return value;
}

function requireSize(bytes: number): void {
  if (bytes > VALUE_BYTES_MAX) {
    throw new StrongroomError('value_too_large', 'a value has at most 1 MiB (1,048,576 bytes)', {
      details: { bytes, bytes_max: VALUE_BYTES_MAX },
      hint: 'keep large files elsewhere, encrypted under a key that is kept here',
    });
  }
}
