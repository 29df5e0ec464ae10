import {
  PERSONAL_VALUES,
  SECRET_STATES,
  SECRETS,
  VERIFY_ATTEMPTS,
  VERSIONS,
} from '../../store/protected-tables.ts';
import { removeRow, updateRow } from '../../store/rows.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { SecretRow, SecretStateRow, VersionRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import { statesOf } from './at.ts';
import { forgetReads } from './reads.ts';
import { changeState } from './states.ts';
import { listVersions, requireVersion, versionDestroyed } from './versions.ts';

const attemptsOn = statement((db, p: Parameters<{ secretId: string }>) =>
  db.selectFrom('verify_attempts').selectAll().where('secret_id', '=', p('secretId')),
);

const personalAt = statement((db, p: Parameters<{ environmentId: string; path: string }>) =>
  db
    .selectFrom('personal_values')
    .selectAll()
    .where('environment_id', '=', p('environmentId'))
    .where('path', '=', p('path')),
);

const liveAt = statement((db, p: Parameters<{ environmentId: string; path: string }>) =>
  db
    .selectFrom('secrets')
    .select(['id'])
    .where('environment_id', '=', p('environmentId'))
    .where('path', '=', p('path'))
    .where('deleted_at', 'is', null),
);

const EMPTY: Uint8Array = new Uint8Array();

/** Where a secret is or was: an environment's id and a path. */
export interface FormerPlace {
  readonly environmentId: string;
  readonly path: string;
}

/** What a destruction came to. */
export interface Destroyed {
  readonly row: SecretRow;
  /** Every place where the secret is or was. */
  readonly places: readonly FormerPlace[];
}

/**
 * Takes the value of one version away for good. Its row stays, and says when
 * and by whom it was made.
 *
 * @throws {@link StrongroomError} `version_not_found`; `secret_deleted` if it is destroyed already; `integrity_error`.
 */
export async function destroyVersion(
  work: Work,
  secret: SecretRow,
  version: number,
): Promise<Destroyed> {
  const row = await requireVersion(work, secret.id, version);
  if (row.destroyed_at !== null) throw versionDestroyed(version);
  await emptyVersion(work, row);
  work.recent?.forget(secret.environment_id, secret.path);
  const changed = await updateRow(work.transaction, work.mac, SECRETS, {
    from: secret,
    set: {
      current_commit: version === secret.current_version ? null : secret.current_commit,
      previous_version: version === secret.previous_version ? null : secret.previous_version,
      updated_at: work.now,
      updated_by: work.actor,
    },
  });
  return { row: changed, places: placesOf(changed, await statesOf(work, changed)) };
}

/**
 * Takes all values of a secret away for good, and what was said about it. Its
 * row stays as the place where its history ends.
 *
 * @param secret - Live or in the trash.
 * @throws {@link StrongroomError} `integrity_error`, also if its past is not all there.
 */
export async function destroySecret(work: Work, secret: SecretRow): Promise<Destroyed> {
  const { transaction, mac } = work;
  for (const version of await listVersions(work, secret)) {
    if (version.destroyed_at === null) await emptyVersion(work, version);
  }
  const row = await changeState(work, secret, {
    metadata: null,
    metadata_revision: 0,
    current_commit: null,
    previous_version: null,
    rotation_due_at: null,
    deleted_at: secret.deleted_at ?? work.now,
    deleted_by: secret.deleted_by ?? work.actor,
    destroyed_at: work.now,
    updated_at: work.now,
    updated_by: work.actor,
  });
  const states = await statesOf(work, row);
  await emptyStates(work, states);
  for (const attempts of await transaction.all(attemptsOn, { secretId: row.id })) {
    await removeRow(transaction, mac, VERIFY_ATTEMPTS, attempts);
  }
  await forgetReads(work, row.id);
  await removePersonalValues(work, row);
  work.recent?.forget(row.environment_id, row.path);
  return { row, places: placesOf(row, states) };
}

async function emptyVersion(work: Work, from: VersionRow): Promise<void> {
  await updateRow(work.transaction, work.mac, VERSIONS, {
    from,
    set: {
      envelope: EMPTY,
      checksum: EMPTY,
      deleted_at: from.deleted_at ?? work.now,
      destroyed_at: work.now,
    },
  });
}

function placesOf(secret: SecretRow, states: readonly SecretStateRow[]): readonly FormerPlace[] {
  return [secret, ...states].map((at) => ({ environmentId: at.environment_id, path: at.path }));
}

/** What was said about it in the past goes too; where it was stays known. */
async function emptyStates(work: Work, states: readonly SecretStateRow[]): Promise<void> {
  for (const from of states) {
    if (from.metadata === null && from.metadata_revision === 0) continue;
    const set = { metadata: null, metadata_revision: 0 };
    await updateRow(work.transaction, work.mac, SECRET_STATES, { from, set });
  }
}

/** Those of a path that another secret has by now are that one's. */
async function removePersonalValues(work: Work, secret: SecretRow): Promise<void> {
  const place = { environmentId: secret.environment_id, path: secret.path };
  if ((await work.transaction.get(liveAt, place)) !== undefined) return;
  for (const row of await work.transaction.all(personalAt, place)) {
    work.mac.check(PERSONAL_VALUES, row);
    await removeRow(work.transaction, work.mac, PERSONAL_VALUES, row);
  }
}
