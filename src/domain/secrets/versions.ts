import {
  envelopeCommitment,
  openEnvelope,
  openUnlocked,
  sealEnvelope,
  unlockEnvelope,
  type EnvelopeContext,
  type UnlockedEnvelope,
} from '../../crypto/envelope.ts';
import { hmacSha256 } from '../../crypto/mac.ts';
import { decodeRecord, encodeRecord, type VersionRecord } from '../../crypto/version-record.ts';
import { StrongroomError } from '../../errors.ts';
import { tuple, wipe } from '../../lib/bytes.ts';
import { equalBytes } from '../../lib/compare.ts';
import { uuidBytes } from '../../lib/ids.ts';
import { VERSIONS } from '../../store/protected-tables.ts';
import { insertRow } from '../../store/rows.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { SecretRow, VersionRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';

/** Where a secret is, as far as its ciphertexts are concerned. */
export interface SecretPlace {
  readonly id: string;
  readonly workspace_id: string;
  readonly environment_id: string;
}

/** What a version's row holds of its value. */
export type SealedVersion = Pick<VersionRow, 'envelope' | 'checksum' | 'checksum_key'>;

const oneVersion = statement((db, p: Parameters<{ secretId: string; version: number }>) =>
  db
    .selectFrom('versions')
    .selectAll()
    .where('secret_id', '=', p('secretId'))
    .where('version', '=', p('version')),
);

const allVersions = statement((db, p: Parameters<{ secretId: string }>) =>
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

/** Stores a sealed version. */
export async function insertVersion(
  work: Work,
  secretId: string,
  version: number,
  { envelope, checksum: sum, checksum_key: keyNumber }: SealedVersion,
): Promise<void> {
  await insertRow(work.transaction, work.mac, VERSIONS, {
    secret_id: secretId,
    version,
    checksum_key: keyNumber,
    checksum: sum,
    envelope,
    created_at: work.now,
    created_by: work.actor,
    deleted_at: null,
    destroyed_at: null,
    has_references: null,
  });
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
  const row = await work.transaction.get(oneVersion, { secretId: secret.id, version });
  if (row === undefined) {
    throw new StrongroomError('version_not_found', `there is no version ${version}`, {
      details: { version },
      hint: 'see `strongroom history`',
    });
  }
  work.mac.check(VERSIONS, row);
  if (row.deleted_at !== null || row.destroyed_at !== null) throw versionDeleted(version);
  return openVersion(work, secret, version, row);
}

/**
 * Decrypts a version whose row has been found to be the right one.
 *
 * @throws {@link StrongroomError} `decryption_failed`, `integrity_error`.
 */
export function openVersion(
  work: Work,
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
  work: Work,
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
  const rows = await work.transaction.all(allVersions, { secretId: secret.id });
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
  });
}

function valueContext(work: Work, secret: SecretPlace, version: number): EnvelopeContext {
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

function checksum(
  work: Work,
  of: { readonly secretId: string; readonly version: number; readonly keyNumber: number },
  encoded: Uint8Array,
): Uint8Array {
  const input = new Uint8Array(CHECKSUM_HEAD.length + 4 + encoded.length);
  try {
    input.set(CHECKSUM_HEAD);
    input.set(uuidBytes(of.secretId), SECRET_ID_AT);
    const view = new DataView(input.buffer);
    // Versions stay far below 2 to the power of 32, so the upper half is zero.
    view.setUint32(VERSION_AT + 4, of.version);
    view.setUint32(CHECKSUM_HEAD.length, encoded.length);
    input.set(encoded, CHECKSUM_HEAD.length + 4);
    return hmacSha256(work.keyring.checksumKey(of.keyNumber).key, input);
  } finally {
    wipe(input);
  }
}
