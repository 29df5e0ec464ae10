import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import type { SecretRow, VersionRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import { requireVersion } from './versions.ts';

/**
 * The row of a version that a secret counts, also of one that was deleted or destroyed: such a row
 * is there for as long as the secret's own.
 *
 * @param version - At most the secret's `current_version`.
 * @throws {@link StrongroomError} `integrity_error`, also if it is not there.
 */
export async function countedVersion(
  work: Work,
  secret: SecretRow,
  version: number,
): Promise<VersionRow> {
  try {
    return await requireVersion(work, secret.id, version);
  } catch (error) {
    const isMissing = error instanceof StrongroomError && error.code === 'version_not_found';
    throw isMissing ? versionMissing(secret.id, version) : error;
  }
}

/** The error for a version whose row somebody took out of the database. */
export function versionMissing(secretId: string, version: number): StrongroomError {
  return new StrongroomError('integrity_error', 'a version is missing', {
    details: { secret: secretId, version },
    hint: DAMAGED_HINT,
  });
}
