import type { RecordField, VersionRecord } from '../../crypto/version-record.ts';
import { StrongroomError } from '../../errors.ts';
import { hasReferenceMark, parseTemplate } from '../../formats/references.ts';
import type { VersionRow } from '../../store/tables.ts';
import { isSingleValue, wipeRecord, type ValueInput } from './value.ts';

/** What a new version is made of, as far as references are concerned. */
interface ReferencesChange {
  readonly value?: ValueInput | undefined;
  /** Whether `${…}` in what is given stands for other secrets. */
  readonly references?: boolean | undefined;
  /** The version that fields are kept from, if there is one. */
  readonly base?: Pick<VersionRow, 'has_references'> | undefined;
}

/**
 * Settles whether a new version has references, and checks how they are
 * written. Fields that are kept from the version before keep their meaning: a
 * version has references or has none, so what would get another meaning is refused.
 *
 * @param record - The new version's, which is wiped if this fails.
 * @returns What the version's row says.
 * @throws {@link StrongroomError} `invalid_reference`.
 */
export function settleReferences(
  record: VersionRecord,
  { value, references, base }: ReferencesChange,
): 1 | null {
  try {
    const kept = keptFields(record, value);
    const before = kept.length > 0 && base?.has_references === 1;
    const now = references ?? before;
    const given = record.fields.filter((field) => !kept.includes(field));
    if (before !== now && kept.some(isMarked)) throw otherMeaning();
    if (before && references === undefined && given.some(isMarked)) throw otherMeaning();
    if (!now) return null;
    requireReferences(record);
    return 1;
  } catch (error) {
    wipeRecord(record);
    throw error;
  }
}

function keptFields(record: VersionRecord, value: ValueInput | undefined): readonly RecordField[] {
  if (record.kind !== 'fields' || isSingleValue(value)) return [];
  const given = new Set(Object.keys(value ?? {}));
  return record.fields.filter(({ name }) => !given.has(name));
}

/** Every reference must be one; bytes have none. */
function requireReferences(record: VersionRecord): void {
  if (record.kind === 'bytes') {
    throw new StrongroomError('invalid_reference', 'a value of bytes has no references');
  }
  for (const { name, kind, bytes } of record.fields)
    if (kind === 'text') parseTemplate(bytes, name);
}

function isMarked({ kind, bytes }: RecordField): boolean {
  return kind === 'text' && hasReferenceMark(bytes);
}

function otherMeaning(): StrongroomError {
  return new StrongroomError(
    'invalid_reference',
    'some fields have references and others have ${ as it stands',
    { hint: 'replace all fields at once, and write $${ where ${ itself is meant' },
  );
}
