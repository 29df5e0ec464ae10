import { envelopeCommitment, openUnlocked, type UnlockedEnvelope } from '../../crypto/envelope.ts';
import { decodeRecord, type VersionRecord } from '../../crypto/version-record.ts';
import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import { wipe } from '../../lib/bytes.ts';
import { equalBytes } from '../../lib/compare.ts';
import { SECRETS } from '../../store/protected-tables.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';
import { requireActive, requireSecret } from './find.ts';
import { recentKey, type RecentSecret } from './recent-secrets.ts';
import {
  openVersion,
  requireVersion,
  unlockVersion,
  versionDeleted,
  versionDestroyed,
} from './versions.ts';

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

// The MAC covers where a row stands and that it is not deleted, so that one with the same is the same.
const unchanged = statement((db, p: Parameters<{ id: string; mac: Uint8Array }>) =>
  db
    .selectFrom('secrets')
    .select((of) => of.lit(1).as('found'))
    .where('id', '=', p('id'))
    .where('mac', '=', p('mac')),
);

/**
 * Reads the current version of the secret at a path. The secret's own row
 * vouches for it: its MAC covers the commitment of the current envelope, so
 * that the version's row need not be checked besides.
 *
 * @throws {@link StrongroomError} `secret_not_found`, `secret_deleted`, `secret_inactive`, `decryption_failed`, `integrity_error`.
 */
export async function readCurrent(
  work: Work,
  environment: Environment,
  path: string,
): Promise<{ readonly row: SecretRow; readonly record: VersionRecord }> {
  const place = { environmentId: environment.id, path };
  const key = recentKey(environment.id, path);
  const recent = await recentSecret(work, key);
  if (recent?.unlocked !== undefined) return reopen(recent.row, recent.unlocked);
  const found = await work.transaction.get(current, place);
  if (found === undefined) {
    const row = await requireSecret(work, environment, path);
    throw new StrongroomError('integrity_error', 'the current version of a secret is missing', {
      details: { secret: row.id },
    });
  }
  work.mac.check(SECRETS, found);
  requireActive(found, environment);
  if (found.current_commit === null) throw await whyNoValue(work, found);
  if (!equalBytes(envelopeCommitment(found.envelope), found.current_commit)) {
    throw new StrongroomError('integrity_error', 'a value is not the current one', {
      details: { secret: found.id },
      hint: DAMAGED_HINT,
    });
  }
  if (recent === undefined && work.recent?.isWanted(key) !== true) {
    return { row: found, record: openVersion(work, found, found.current_version, found) };
  }
  const { record, unlocked } = unlockVersion(work, found, found.current_version, found);
  const { envelope: _envelope, checksum: _checksum, checksum_key: _key, ...row } = found;
  work.recent?.keep({ row, unlocked }, work.now);
  return { row, record };
}

/**
 * The row of the secret at a path, where its value is not asked for.
 *
 * @throws {@link StrongroomError} `secret_not_found`, `secret_deleted`, `integrity_error`.
 */
export async function currentRow(
  work: Work,
  environment: Environment,
  path: string,
): Promise<SecretRow> {
  const key = recentKey(environment.id, path);
  const recent = await recentSecret(work, key);
  if (recent !== undefined) return recent.row;
  const row = await requireSecret(work, environment, path);
  if (work.recent?.isWanted(key) === true) work.recent.keep({ row, unlocked: undefined }, work.now);
  return row;
}

/** What was kept of a secret, if it is still the one in the database. */
async function recentSecret(work: Work, key: string): Promise<RecentSecret | undefined> {
  const recent = work.recent?.find(key, work.now);
  if (recent === undefined) return undefined;
  const { id, mac } = recent.row;
  return (await work.transaction.get(unchanged, { id, mac })) === undefined ? undefined : recent;
}

/** The row in the database has the MAC of the one that was checked, so it is that one. */
function reopen(
  row: SecretRow,
  unlocked: UnlockedEnvelope,
): { readonly row: SecretRow; readonly record: VersionRecord } {
  const encoded = openUnlocked(unlocked);
  try {
    return { row, record: decodeRecord(encoded) };
  } finally {
    wipe(encoded);
  }
}

/** Why the current version has no value: it was deleted, or destroyed, for which nothing helps. */
export async function whyNoValue(work: Work, secret: SecretRow): Promise<StrongroomError> {
  const { id, current_version: version } = secret;
  const { destroyed_at: destroyedAt } = await requireVersion(work, id, version);
  return destroyedAt === null ? versionDeleted(version) : versionDestroyed(version);
}
