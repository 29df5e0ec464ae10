import type { VersionRecord } from '../../crypto/version-record.ts';
import { envelopeCommitment } from '../../crypto/envelope.ts';
import { StrongroomError } from '../../errors.ts';
import { equalBytes } from '../../lib/compare.ts';
import { SECRETS } from '../../store/protected-tables.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';
import { requireSecret } from './find.ts';
import { openVersion, versionDeleted } from './versions.ts';

const current = statement((db, p: Parameters<{ environmentId: string; path: string }>) =>
  db
    .selectFrom('secrets')
    .innerJoin('versions', (join) =>
      join
        .onRef('versions.secret_id', '=', 'secrets.id')
        .onRef('versions.version', '=', 'secrets.current_version'),
    )
    .selectAll('secrets')
    .select(['versions.envelope', 'versions.checksum', 'versions.checksum_key'])
    .where('secrets.environment_id', '=', p('environmentId'))
    .where('secrets.path', '=', p('path'))
    .where('secrets.deleted_at', 'is', null),
);

/**
 * Reads the current version of the secret at a path. The secret's own row
 * vouches for it: its MAC covers the commitment of the current envelope, so
 * that the version's row need not be checked besides.
 *
 * @throws {@link StrongroomError} `secret_not_found`, `secret_deleted`, `decryption_failed`, `integrity_error`.
 */
export async function readCurrent(
  work: Work,
  environment: Environment,
  path: string,
): Promise<{ readonly row: SecretRow; readonly record: VersionRecord }> {
  const found = await work.transaction.get(current, { environmentId: environment.id, path });
  if (found === undefined) {
    const row = await requireSecret(work, environment, path);
    throw new StrongroomError('integrity_error', 'the current version of a secret is missing', {
      details: { secret: row.id },
    });
  }
  work.mac.check(SECRETS, found);
  if (found.current_commit === null) throw versionDeleted(found.current_version);
  if (!equalBytes(envelopeCommitment(found.envelope), found.current_commit)) {
    throw new StrongroomError('integrity_error', 'a value is not the current one', {
      details: { secret: found.id },
      hint: 'stop using this vault; keep a copy, and restore a backup',
    });
  }
  return { row: found, record: openVersion(work, found, found.current_version, found) };
}
