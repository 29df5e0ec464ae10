import { envelopeCommitment } from '../../crypto/envelope.ts';
import { SECRETS, VERSIONS } from '../../store/protected-tables.ts';
import { updateRow } from '../../store/rows.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import { requireVersion, versionDestroyed } from './versions.ts';

/**
 * Deletes one version of a secret; its number stays taken. While the current
 * version is deleted the secret has no value.
 *
 * @returns The secret's row.
 * @throws {@link StrongroomError} `version_not_found`; `secret_deleted` if it was destroyed.
 */
export async function deleteVersion(
  work: Work,
  secret: SecretRow,
  version: number,
): Promise<SecretRow> {
  const row = await requireVersion(work, secret.id, version);
  if (row.destroyed_at !== null) throw versionDestroyed(version);
  if (row.deleted_at !== null) return secret;
  const set = { deleted_at: work.now };
  await updateRow(work.transaction, work.mac, VERSIONS, { from: row, set });
  return touch(work, secret, version === secret.current_version ? { current_commit: null } : {});
}

/**
 * Restores one version of a secret.
 *
 * @returns The secret's row.
 * @throws {@link StrongroomError} `version_not_found`; `secret_deleted` if it was destroyed.
 */
export async function undeleteVersion(
  work: Work,
  secret: SecretRow,
  version: number,
): Promise<SecretRow> {
  const row = await requireVersion(work, secret.id, version);
  if (row.destroyed_at !== null) throw versionDestroyed(version);
  if (row.deleted_at === null) return secret;
  await updateRow(work.transaction, work.mac, VERSIONS, { from: row, set: { deleted_at: null } });
  const commit = { current_commit: envelopeCommitment(row.envelope).slice() };
  return touch(work, secret, version === secret.current_version ? commit : {});
}

function touch(
  work: Work,
  secret: SecretRow,
  set: Partial<Pick<SecretRow, 'current_commit'>>,
): Promise<SecretRow> {
  return updateRow(work.transaction, work.mac, SECRETS, {
    from: secret,
    set: { ...set, updated_at: work.now, updated_by: work.actor },
  });
}
