import { envelopeCommitment } from '../../crypto/envelope.ts';
import { StrongroomError } from '../../errors.ts';
import { equalBytes } from '../../lib/compare.ts';
import { SECRETS, VERSIONS } from '../../store/protected-tables.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { SecretRow, VersionRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import { openMetadata } from './metadata.ts';
import { wipeRecord } from './value.ts';
import { openVersion } from './versions.ts';

/** A version that was looked at last. */
export interface VersionPlace {
  readonly secretId: string;
  readonly version: number;
}

/** Something that is not as it was written. */
export interface Damage {
  readonly secretId: string;
  /** As its row says, altered or not; `undefined` if there is no row. */
  readonly secret: SecretRow | undefined;
  /** `undefined`: the secret's own row, or what is said about it. */
  readonly version: number | undefined;
  /** An error's code. */
  readonly reason: string;
}

/** What a batch came to. */
export interface CheckedBatch {
  readonly checked: number;
  readonly damaged: readonly Damage[];
  /** Where the next batch goes on; `undefined` after the last. */
  readonly next: VersionPlace | undefined;
}

const VERSIONS_PER_BATCH = 512;
const VERSIONS_AT_ONCE = 32;
/** Values of a MiB each must not add up to seconds. */
const BYTES_PER_BATCH = 16 * 1024 * 1024;

const versionsAfter = statement((db, p: Parameters<VersionPlace & { limit: number }>) =>
  db
    .selectFrom('versions')
    .selectAll()
    .where('secret_id', '>=', p('secretId'))
    .where((e) => e.or([e('secret_id', '>', p('secretId')), e('version', '>', p('version'))]))
    .orderBy('secret_id')
    .orderBy('version')
    .limit(p('limit')),
);

const secretById = statement((db, p: Parameters<{ id: string }>) =>
  db.selectFrom('secrets').selectAll().where('id', '=', p('id')),
);

const countVersions = statement((db) =>
  db.selectFrom('versions').select((e) => e.fn.countAll<number>().as('count')),
);

/** How many versions there are to check. */
export async function versionCount({ transaction }: Pick<Work, 'transaction'>): Promise<number> {
  return (await transaction.get(countVersions, {}))?.count ?? 0;
}

/**
 * Decrypts some versions, and holds each against its checksum and its row's
 * MAC. Nothing of them is kept. What is damaged is told, and does not end it.
 */
export async function checkVersions(
  work: Work,
  after: VersionPlace = { secretId: '', version: 0 },
): Promise<CheckedBatch> {
  const damaged: Damage[] = [];
  let place = after;
  let secret: SecretRow | undefined;
  let checked = 0;
  for (let bytes = 0; checked < VERSIONS_PER_BATCH && bytes < BYTES_PER_BATCH;) {
    const limit = VERSIONS_AT_ONCE;
    const rows = await work.transaction.all(versionsAfter, { ...place, limit });
    for (const row of rows) {
      const { secret_id: secretId, version } = row;
      const note = (of: number | undefined, reason: string | undefined): void => {
        if (reason !== undefined) damaged.push({ secretId, secret, version: of, reason });
      };
      if (secretId !== secret?.id) {
        secret = await work.transaction.get(secretById, { id: secretId });
        note(
          undefined,
          faultOf(() => checkSecret(work, secret)),
        );
      }
      note(
        version,
        faultOf(() => checkVersion(work, secret, row)),
      );
      place = { secretId, version };
      checked += 1;
      bytes += row.envelope.length;
    }
    if (rows.length < limit) return { checked, damaged, next: undefined };
  }
  return { checked, damaged, next: place };
}

function checkSecret(work: Work, secret: SecretRow | undefined): void {
  if (secret === undefined) return;
  work.mac.check(SECRETS, secret);
  openMetadata(work, secret);
}

function checkVersion(work: Work, secret: SecretRow | undefined, row: VersionRow): void {
  work.mac.check(VERSIONS, row);
  if (secret === undefined) throw damage('a version belongs to no secret');
  if (row.destroyed_at !== null) {
    if (row.envelope.length === 0) return;
    throw damage('a version that was destroyed has a value');
  }
  const commit = row.version === secret.current_version ? secret.current_commit : null;
  if (commit !== null && !equalBytes(envelopeCommitment(row.envelope), commit)) {
    throw damage('a value is not the current one');
  }
  wipeRecord(openVersion(work, secret, row.version, row));
}

function damage(message: string): StrongroomError {
  return new StrongroomError('integrity_error', message);
}

/** The code of what a check says, if it says that something is damaged. */
function faultOf(check: () => void): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof StrongroomError) return error.code;
    throw error;
  }
}
