import type { RecordField, VersionRecord } from '../../crypto/version-record.ts';
import { equalBytes } from '../../lib/compare.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { VersionOf } from './copy.ts';
import { openMetadata } from './metadata.ts';
import { wipeRecord } from './value.ts';
import { openVersion, readVersionRow } from './versions.ts';

/** The columns of a row that are attributes in clear, by the names that people know. */
const ATTRIBUTES = {
  type: 'type',
  tags: 'tags',
  expiresAt: 'expires_at',
  owner: 'owner',
  isActive: 'inactive_at',
  generator: 'generator',
} as const satisfies Readonly<Record<string, keyof SecretRow>>;

/** Where two secrets, or one at two moments, differ; never by what. */
export interface Difference {
  /** Also where `${…}` in it came to stand for other secrets, or for itself. */
  readonly value: boolean;
  /** Names of fields that only the second, only the first, or both have with another value. */
  readonly fields:
    | {
        readonly added: readonly string[];
        readonly removed: readonly string[];
        readonly changed: readonly string[];
      }
    | undefined;
  /** `references` among them: whether `${…}` in the value stands for other secrets. */
  readonly attributes: readonly string[];
  /** Whether two values were decrypted to tell; one version is the same as itself without that. */
  readonly isCompared: boolean;
}

/** The value of a version, and whether `${…}` in it stands for other secrets. */
export interface OpenedVersion {
  readonly record: VersionRecord;
  readonly hasReferences: boolean;
}

/**
 * Opens the version that is meant. The caller wipes its record.
 *
 * @throws {@link StrongroomError} `version_not_found`, `secret_deleted`, `decryption_failed`, `integrity_error`.
 */
export async function openVersionOf(
  work: Work,
  { row, present }: VersionOf,
): Promise<OpenedVersion> {
  const { current_version: version } = row;
  const stored = await readVersionRow(work, present.id, version);
  const record = openVersion(work, present, version, stored);
  return { record, hasReferences: stored.has_references === 1 };
}

/**
 * Where two secrets, two versions, or one secret at two moments differ. Values
 * are decrypted and compared in time that depends on names and lengths alone.
 *
 * @throws {@link StrongroomError} `secret_deleted` if one of the values is no more; `decryption_failed`, `integrity_error`.
 */
export async function differenceOf(work: Work, a: VersionOf, b: VersionOf): Promise<Difference> {
  const attributes = differentAttributes(work, a.row, b.row);
  const isOne = a.present.id === b.present.id && a.row.current_version === b.row.current_version;
  if (isOne) return { value: false, fields: undefined, attributes, isCompared: false };
  const before = await openVersionOf(work, a);
  try {
    const after = await openVersionOf(work, b);
    try {
      const isOther = before.hasReferences !== after.hasReferences;
      return {
        ...compareVersions(before, after),
        attributes: isOther ? [...attributes, 'references'].toSorted() : attributes,
        isCompared: true,
      };
    } finally {
      wipeRecord(after.record);
    }
  } finally {
    wipeRecord(before.record);
  }
}

/**
 * Compares two values, field by field; all are compared, also after a
 * difference. The same text is another value where it stands for other secrets.
 */
export function compareVersions(
  before: OpenedVersion,
  after: OpenedVersion,
): Pick<Difference, 'value' | 'fields'> {
  const { value, fields } = compareRecords(before.record, after.record);
  return { value: value || before.hasReferences !== after.hasReferences, fields };
}

function compareRecords(
  before: VersionRecord,
  after: VersionRecord,
): Pick<Difference, 'value' | 'fields'> {
  if (before.kind !== 'fields' || after.kind !== 'fields') {
    const [a] = before.fields;
    const [b] = after.fields;
    const isSame = before.kind === after.kind && isSameField(a, b);
    return { value: !isSame, fields: undefined };
  }
  const others = new Map(after.fields.map((field) => [field.name, field]));
  const known = new Set(before.fields.map(({ name }) => name));
  const added = [...others.keys()].filter((name) => !known.has(name));
  const removed: string[] = [];
  const changed: string[] = [];
  for (const field of before.fields) {
    const other = others.get(field.name);
    if (other === undefined) removed.push(field.name);
    else if (!isSameField(field, other)) changed.push(field.name);
  }
  const value = added.length + removed.length + changed.length > 0;
  return { value, fields: value ? { added, removed, changed } : undefined };
}

/** Whether and where attributes differ, also those that are encrypted. */
export function differentAttributes(work: Work, a: SecretRow, b: SecretRow): readonly string[] {
  const found: string[] = Object.entries(ATTRIBUTES).flatMap(([name, column]) => {
    const isSame =
      column === 'inactive_at'
        ? (a[column] === null) === (b[column] === null)
        : a[column] === b[column];
    return isSame ? [] : [name];
  });
  const isSameEnvelope = a.id === b.id && a.metadata_revision === b.metadata_revision;
  if (!isSameEnvelope && (a.metadata !== null || b.metadata !== null)) {
    const [before, after] = [plainMetadata(work, a), plainMetadata(work, b)];
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
      if (JSON.stringify(before[name]) !== JSON.stringify(after[name])) found.push(name);
    }
  }
  return found.toSorted();
}

function plainMetadata(work: Work, row: SecretRow): Readonly<Record<string, unknown>> {
  const known = Object.entries(openMetadata(work, row)).filter(
    ([, value]) => value !== undefined && value !== '',
  );
  return Object.fromEntries(known);
}

function isSameField(a: RecordField | undefined, b: RecordField | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const isSame = equalBytes(a.bytes, b.bytes);
  return isSame && a.kind === b.kind;
}
