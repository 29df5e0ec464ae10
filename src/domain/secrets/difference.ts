import type { RecordField, VersionRecord } from '../../crypto/version-record.ts';
import { equalBytes } from '../../lib/compare.ts';
import type { Work } from '../work.ts';
import { differentAttributes, recordOf, type Difference, type VersionOf } from './copy.ts';
import { wipeRecord } from './value.ts';

/**
 * Where two secrets, two versions, or one secret at two moments differ. Values
 * are decrypted and compared in time that depends on names and lengths alone.
 *
 * @throws {@link StrongroomError} `secret_deleted` if one of the values is no more; `decryption_failed`, `integrity_error`.
 */
export async function differenceOf(work: Work, a: VersionOf, b: VersionOf): Promise<Difference> {
  const attributes = differentAttributes(work, a.row, b.row);
  const isOne = a.present.id === b.present.id && a.row.current_version === b.row.current_version;
  if (isOne) return { value: false, fields: undefined, attributes };
  const before = await recordOf(work, a);
  try {
    const after = await recordOf(work, b);
    try {
      return { ...compareRecords(before, after), attributes };
    } finally {
      wipeRecord(after);
    }
  } finally {
    wipeRecord(before);
  }
}

/** Compares two values field by field; all are compared, also after a difference. */
export function compareRecords(
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

function isSameField(a: RecordField | undefined, b: RecordField | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const isSame = equalBytes(a.bytes, b.bytes);
  return isSame && a.kind === b.kind;
}
