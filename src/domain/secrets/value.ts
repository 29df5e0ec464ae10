import type { RecordField, VersionRecord } from '../../crypto/version-record.ts';
import { StrongroomError } from '../../errors.ts';
import { utf8, wipe } from '../../lib/bytes.ts';
import { equalBytes } from '../../lib/compare.ts';
import { SecretValue } from '../../secret-value.ts';
import { FIELDS_MAX, VALUE_BYTES_MAX } from './limits.ts';
import { fieldNotFound, valueTooLarge } from './secret-errors.ts';

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

const FIELD_NAME = /^[A-Za-z0-9._-]{1,128}$/;

/**
 * The record of a value. The caller wipes it with {@link wipeRecord}.
 *
 * @throws {@link StrongroomError} `value_too_large`, `invalid_input`, `invalid_name`.
 */
export function toRecord(input: ValueInput): VersionRecord {
  const isSingle = isSingleValue(input);
  const names = isSingle ? [''] : fieldNames(input);
  const fields: RecordField[] = [];
  try {
    for (const name of names) fields.push(toField(name, isSingle ? input : (input[name] ?? '')));
    requireSize(fields);
  } catch (error) {
    wipeFields(fields);
    throw error;
  }
  return { kind: isSingle ? (fields[0]?.kind ?? 'text') : 'fields', fields };
}

/**
 * The record with some fields added or replaced. It takes over the bytes of
 * both; a field that was replaced is wiped, and all are if this fails.
 *
 * @throws {@link StrongroomError} `value_too_large`, `invalid_input`.
 */
export function mergeFields(current: VersionRecord, change: VersionRecord): VersionRecord {
  const merged = new Map(current.fields.map((field) => [field.name, field]));
  for (const field of change.fields) {
    wipeFields([merged.get(field.name)].filter((replaced) => replaced !== undefined));
    merged.set(field.name, field);
  }
  const fields = [...merged.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  try {
    if (fields.length > FIELDS_MAX) throw wrongFieldCount();
    requireSize(fields);
  } catch (error) {
    wipeFields(fields);
    throw error;
  }
  return { kind: 'fields', fields };
}

/**
 * The record without some fields, whose bytes are wiped; the others' too if this fails.
 *
 * @throws {@link StrongroomError} `field_not_found`; `invalid_input` if none would be left.
 */
export function withoutFields(record: VersionRecord, names: readonly string[]): VersionRecord {
  if (names.length === 0) return record;
  const removed = new Set(names);
  const fields = record.fields.filter(({ name }) => !removed.has(name));
  wipeFields(record.fields.filter(({ name }) => removed.has(name)));
  const isKnown = record.kind === 'fields' && record.fields.length - fields.length === removed.size;
  if (isKnown && fields.length > 0) return { kind: 'fields', fields };
  wipeFields(fields);
  if (isKnown) throw wrongFieldCount();
  throw new StrongroomError('field_not_found', 'the secret does not have the fields to remove');
}

/** Whether two records hold the same, in time that depends on names and lengths alone. */
export function equalRecords(a: VersionRecord, b: VersionRecord): boolean {
  if (a.kind !== b.kind || a.fields.length !== b.fields.length) return false;
  const isSame = a.fields.map((field, index) => {
    const other = b.fields[index];
    return (
      other?.name === field.name &&
      other.kind === field.kind &&
      equalBytes(other.bytes, field.bytes)
    );
  });
  return !isSame.includes(false);
}

/**
 * Whether two records have the same fields with the same bytes, whether these
 * count as text or not, in time that depends on names and lengths alone.
 */
export function hasSameBytes(a: VersionRecord, b: VersionRecord): boolean {
  if (a.fields.length !== b.fields.length) return false;
  const isSame = a.fields.map((field, index) => {
    const other = b.fields[index];
    return other?.name === field.name && equalBytes(other.bytes, field.bytes);
  });
  return !isSame.includes(false);
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

/**
 * The field of a record that has a name.
 *
 * @throws {@link StrongroomError} `field_not_found`, also for a record without fields.
 */
export function namedField(record: VersionRecord, path: string, name: string): RecordField {
  const fields = record.kind === 'fields' ? record.fields : [];
  const field = fields.find((each) => each.name === name);
  if (field === undefined) throw fieldNotFound(path);
  return field;
}

/** Overwrites the bytes of a record. */
export function wipeRecord(record: VersionRecord): void {
  wipeFields(record.fields);
}

/** Overwrites the bytes of what a caller was given. */
export function wipeOutput({ value, fields = {} }: ValueOutput): void {
  value?.wipe();
  for (const field of Object.values(fields)) field.wipe();
}

/** Whether an input is one value, not fields. */
export function isSingleValue(input: unknown): input is SingleValue {
  return typeof input === 'string' || input instanceof Uint8Array || input instanceof SecretValue;
}

function wipeFields(fields: readonly RecordField[]): void {
  for (const field of fields) wipe(field.bytes);
}

/** The names of fields in the order of a record. */
function fieldNames(input: Readonly<Record<string, SingleValue>>): string[] {
  const names = Object.keys(input);
  if (names.length === 0 || names.length > FIELDS_MAX) throw wrongFieldCount();
  if (!names.every((name) => FIELD_NAME.test(name))) {
    throw new StrongroomError(
      'invalid_name',
      'a field name is 1 to 128 letters, digits and ._- characters',
    );
  }
  return names.toSorted();
}

function wrongFieldCount(): StrongroomError {
  return new StrongroomError('invalid_input', `a value has 1 to ${FIELDS_MAX} fields`);
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

function requireSize(fields: readonly RecordField[]): void {
  const bytes = fields.reduce((total, field) => total + field.name.length + field.bytes.length, 0);
  if (bytes > VALUE_BYTES_MAX) throw valueTooLarge(bytes);
}
