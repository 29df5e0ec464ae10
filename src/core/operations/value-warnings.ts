import { shapeWarnings } from '../../domain/secrets/value-shape.ts';
import { toRecord, wipeRecord, type ValueInput } from '../../domain/secrets/value.ts';

/** What is strange about a value for its type; see `shapeWarnings`. */
export function warningsOf(type: string, value: ValueInput): readonly string[] {
  const record = toRecord(value);
  try {
    return shapeWarnings(type, record);
  } finally {
    wipeRecord(record);
  }
}
