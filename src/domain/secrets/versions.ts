import {
  envelopeCommitment,
  openEnvelope,
  openUnlocked,
  sealEnvelope,
  unlockEnvelope,
  type EnvelopeContext,
  type UnlockedEnvelope,
} from '../../crypto/envelope.ts';
import { storedHmacSha256 } from '../../crypto/mac.ts';
import { decodeRecord, encodeRecord, type VersionRecord } from '../../crypto/version-record.ts';
import { StrongroomError } from '../../errors.ts';
import { tuple, wipe, writeUint32, writeUuid } from '../../lib/bytes.ts';
import { equalBytes } from '../../lib/compare.ts';
import { VERSIONS } from '../../store/protected-tables.ts';
import { insertRow } from '../../store/rows.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { SecretRow, VersionRow } from '../../store/tables.ts';
import type { OpeningWork, Work } from '../work.ts';

/** Where a secret is, as far as its ciphertexts are concerned. */
export interface SecretPlace {
  readonly id: string;
  readonly workspace_id: string;
  readonly environment_id: string;
}

/** What a version's row holds of its value. */
export type SealedVersion = Pick<VersionRow, 'envelope' | 'checksum' | 'checksum_key'>;

/** A version to be stored. It has references only if it says so. */
export type NewVersion = SealedVersion & Partial<Pick<VersionRow, 'has_references'>>;

const oneVersion = statement((db, p: Parameters<{ secretId: string; version: number }>) =>
  db
    .selectFrom('versions')
    .selectAll()
    .where('secret_id', '=', p('secretId'))
    .where('version', '=', p('version')),
);

const versionsOf = statement((db, p: Parameters<{ secretId: string }>) =>
  db
    .selectFrom('versions')
    .selectAll()
    .where('secret_id', '=', p('secretId'))
    .orderBy('version', 'desc'),
);

/**
 * Encrypts a record as a version of a secret.
 *
 * @returns What to store, and the envelope's commitment.
 */
export async function sealVersion(
  work: Work,
  secret: SecretPlace,
  version: number,
  record: VersionRecord,
): Promise<SealedVersion & { readonly commit: Uint8Array }> {
  const encoded = encodeRecord(record);
  try {
    const key = work.keyring.activeWorkspaceKey(secret.workspace_id);
    await work.keyUses.count(key.id);
    const envelope = sealEnvelope(key, valueContext(work, secret, version), encoded);
    const { number } = work.keyring.checksumKey();
    return {
      envelope,
      checksum_key: number,
      checksum: checksum(work, { secretId: secret.id, version, keyNumber: number }, encoded),
      commit: envelopeCommitment(envelope).slice(),
    };
  } finally {
    wipe(encoded);
  }
}

const momentsBefore = statement((db, p: Parameters<{ secretId: string; version: number }>) =>
  db
    .selectFrom('secrets')
    .innerJoin('versions', 'versions.secret_id', 'secrets.id')
    .select(['secrets.state_since', 'versions.created_at'])
    .where('secrets.id', '=', p('secretId'))
    .where('versions.version', '=', p('version')),
);

/**
 * Stores a sealed version. A clock that was set back does not make it older
 * than the version before it, or than what its secret's row says.
 */
export async function insertVersion(
  work: Work,
  secretId: string,
  version: number,
  { envelope, checksum: sum, checksum_key: keyNumber, has_references }: NewVersion,
): Promise<void> {
  await insertRow(work.transaction, work.mac, VERSIONS, {
    secret_id: secretId,
    version,
    checksum_key: keyNumber,
    checksum: sum,
    envelope,
    created_at: version === 1 ? work.now : await notBefore(work, secretId, version - 1),
    created_by: work.actor,
    deleted_at: null,
    destroyed_at: null,
    has_references: has_references ?? null,
  });
}

async function notBefore(work: Work, secretId: string, version: number): Promise<number> {
  const before = await work.transaction.get(momentsBefore, { secretId, version });
  return Math.max(work.now, before?.created_at ?? 0, before?.state_since ?? 0);
}

/**
 * Reads and opens a version.
 *
 * @throws {@link StrongroomError} `version_not_found`, `secret_deleted`, `decryption_failed`, `integrity_error`.
 */
export async function readVersion(
  work: Work,
  secret: SecretPlace,
  version: number,
): Promise<VersionRecord> {
  return openVersion(work, secret, version, await readVersionRow(work, secret.id, version));
}

/**
 * Reads the row of a version whose value is there.
 *
 * @throws {@link StrongroomError} `version_not_found`, `secret_deleted`, `integrity_error`.
 */
export async function readVersionRow(
  work: Work,
  secretId: string,
  version: number,
): Promise<VersionRow> {
  const row = await requireVersion(work, secretId, version);
  if (row.destroyed_at !== null) throw versionDestroyed(version);
  if (row.deleted_at !== null) throw versionDeleted(version);
  return row;
}

/**
 * The row of a version, also of one that was deleted or destroyed.
 *
 * @throws {@link StrongroomError} `version_not_found`, `integrity_error`.
 */
export async function requireVersion(
  work: Work,
  secretId: string,
  version: number,
): Promise<VersionRow> {
  const row = await work.transaction.get(oneVersion, { secretId, version });
  if (row === undefined) {
    throw new StrongroomError('version_not_found', `there is no version ${version}`, {
      details: { version },
      hint: 'see `strongroom history`',
    });
  }
  work.mac.check(VERSIONS, row);
  return row;
}

/**
 * Decrypts a version whose row has been found to be the right one.
 *
 * @throws {@link StrongroomError} `decryption_failed`, `integrity_error`.
 */
export function openVersion(
  work: OpeningWork,
  secret: SecretPlace,
  version: number,
  sealed: SealedVersion,
): VersionRecord {
  const context = valueContext(work, secret, version);
  const encoded = openEnvelope(sealed.envelope, context, (id) => work.keyring.workspaceKey(id));
  return checkedRecord(work, { secretId: secret.id, version, sealed }, encoded);
}

/** As {@link openVersion}, and gives what it takes to decrypt the value again. */
export function unlockVersion(
  work: Work,
  secret: SecretPlace,
  version: number,
  sealed: SealedVersion,
): { readonly record: VersionRecord; readonly unlocked: UnlockedEnvelope } {
  const context = valueContext(work, secret, version);
  const unlocked = unlockEnvelope(sealed.envelope, context, (id) => work.keyring.workspaceKey(id));
  const of = { secretId: secret.id, version, sealed };
  return { unlocked, record: checkedRecord(work, of, openUnlocked(unlocked)) };
}

/** Holds a decrypted version against its checksum, decodes it, and wipes it. */
function checkedRecord(
  work: OpeningWork,
  of: { readonly secretId: string; readonly version: number; readonly sealed: SealedVersion },
  encoded: Uint8Array,
): VersionRecord {
  const { secretId, version, sealed } = of;
  try {
    const key = { secretId, version, keyNumber: sealed.checksum_key };
    if (!equalBytes(checksum(work, key, encoded), sealed.checksum)) {
      throw new StrongroomError('integrity_error', 'a value does not have its checksum', {
        details: { secret: secretId, version },
      });
    }
    return decodeRecord(encoded);
  } finally {
    wipe(encoded);
  }
}

/**
 * All versions of a secret, newest first, without their values.
 *
 * @throws {@link StrongroomError} `integrity_error` if not each of them is there, and no other.
 */
export async function listVersions(work: Work, secret: SecretRow): Promise<VersionRow[]> {
  const rows = await work.transaction.all(versionsOf, { secretId: secret.id });
  for (const row of rows) work.mac.check(VERSIONS, row);
  const { current_version: current } = secret;
  if (rows.length !== current || rows.some(({ version }, at) => version !== current - at)) {
    throw new StrongroomError('integrity_error', 'the versions of a secret are not all there', {
      details: { secret: secret.id },
    });
  }
  return rows;
}

/** The error for a version that was deleted. */
export function versionDeleted(version: number): StrongroomError {
  return new StrongroomError('secret_deleted', `version ${version} was deleted`, {
    details: { version },
    hint: `restore it with \`strongroom undelete\` and --version ${version}, or get another version`,
  });
}

/** The error for a version that has no value any more. */
export function versionDestroyed(version: number): StrongroomError {
  return new StrongroomError('secret_deleted', `version ${version} was destroyed`, {
    details: { version, destroyed: true },
    hint: 'nothing brings it back; see `strongroom history` for the versions that are left',
  });
}

function valueContext(work: OpeningWork, secret: SecretPlace, version: number): EnvelopeContext {
  return {
    domain: 'value',
    vaultId: work.keyring.vaultId,
    workspaceId: secret.workspace_id,
    environmentId: secret.environment_id,
    subjectId: secret.id,
    number: version,
  };
}

/** The checksum's input up to the record, with zeros for the secret's id and the version. */
const CHECKSUM_HEAD = tuple(['strongroom/v1/checksum', new Uint8Array(16), new Uint8Array(8)]);
const VERSION_AT = CHECKSUM_HEAD.length - 8;
const SECRET_ID_AT = VERSION_AT - 4 - 16;
const RECORD_AT = CHECKSUM_HEAD.length + 4;
/** Most values fit in, and need no memory of their own to be hashed. */
const CHECKSUM_SCRATCH = new Uint8Array(1024);

function checksum(
  work: OpeningWork,
  of: { readonly secretId: string; readonly version: number; readonly keyNumber: number },
  encoded: Uint8Array,
): Uint8Array {
  const length = RECORD_AT + encoded.length;
  const fits = length <= CHECKSUM_SCRATCH.length;
  const input = fits ? CHECKSUM_SCRATCH.subarray(0, length) : new Uint8Array(length);
  try {
    input.set(CHECKSUM_HEAD);
    writeUuid(input, SECRET_ID_AT, of.secretId);
    // Versions stay far below 2 to the power of 32, so the upper half is zero.
    writeUint32(input, VERSION_AT + 4, of.version);
    writeUint32(input, CHECKSUM_HEAD.length, encoded.length);
    input.set(encoded, RECORD_AT);
    return storedHmacSha256(work.keyring.checksumKey(of.keyNumber).key, input);
  } finally {
    wipe(input);
  }
}
