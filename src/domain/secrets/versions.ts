import {
  envelopeCommitment,
  openEnvelope,
  sealEnvelope,
  type EnvelopeContext,
} from '../../crypto/envelope.ts';
import { hmacSha256 } from '../../crypto/mac.ts';
import { decodeRecord, encodeRecord, type VersionRecord } from '../../crypto/version-record.ts';
import { StrongroomError } from '../../errors.ts';
import { toBase64Url } from '../../lib/base64.ts';
import { tuple, u64, wipe } from '../../lib/bytes.ts';
import { equalBytes } from '../../lib/compare.ts';
import { uuidBytes } from '../../lib/ids.ts';
import { VERSIONS } from '../../store/protected-tables.ts';
import { insertRow } from '../../store/rows.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { SecretRow, VersionRow } from '../../store/tables.ts';
import { countKeyUse } from '../keys/key-uses.ts';
import type { Work } from '../work.ts';

/** Where a secret is, as far as its ciphertexts are concerned. */
export interface SecretPlace {
  readonly id: string;
  readonly workspace_id: string;
  readonly environment_id: string;
}

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
    .select([
      'secret_id',
      'version',
      'checksum_key',
      'checksum',
      'envelope',
      'created_at',
      'created_by',
      'deleted_at',
      'destroyed_at',
      'row_revision',
      'mac_key',
      'mac',
    ])
    .where('secret_id', '=', p('secretId'))
    .orderBy('version', 'desc'),
);

/**
 * Stores a record as a version.
 *
 * @returns The envelope's commitment, base64url, for the audit entry.
 */
export async function insertVersion(
  work: Work,
  secret: SecretPlace,
  version: number,
  record: VersionRecord,
): Promise<string> {
  const encoded = encodeRecord(record);
  try {
    const key = work.keyring.activeWorkspaceKey(secret.workspace_id);
    const envelope = sealEnvelope(key, valueContext(work, secret, version), encoded);
    const checksumKey = work.keyring.checksumKey();
    await insertRow(work.transaction, work.mac, VERSIONS, {
      secret_id: secret.id,
      version,
      checksum_key: checksumKey.number,
      checksum: checksum(
        work,
        { secretId: secret.id, version, keyNumber: checksumKey.number },
        encoded,
      ),
      envelope,
      created_at: work.now,
      created_by: work.actor,
      deleted_at: null,
      destroyed_at: null,
    });
    await countKeyUse(work, key.id);
    return toBase64Url(envelopeCommitment(envelope));
  } finally {
    wipe(encoded);
  }
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
): Promise<{ readonly row: VersionRow; readonly record: VersionRecord }> {
  const row = await work.transaction.get(oneVersion, { secretId: secret.id, version });
  if (row === undefined) {
    throw new StrongroomError('version_not_found', `there is no version ${version}`, {
      details: { version },
      hint: 'see `strongroom history`',
    });
  }
  work.mac.check(VERSIONS, row);
  if (row.deleted_at !== null || row.destroyed_at !== null) {
    throw new StrongroomError('secret_deleted', `version ${version} was deleted`, {
      details: { version },
    });
  }
  const encoded = openEnvelope(row.envelope, valueContext(work, secret, version), (id) =>
    work.keyring.workspaceKey(id),
  );
  try {
    const expected = checksum(
      work,
      { secretId: secret.id, version, keyNumber: row.checksum_key },
      encoded,
    );
    if (!equalBytes(expected, row.checksum)) {
      throw new StrongroomError('integrity_error', 'a value does not have its checksum');
    }
    return { row, record: decodeRecord(encoded) };
  } finally {
    wipe(encoded);
  }
}

/** All versions of a secret, newest first, without their values. */
export async function listVersions(work: Work, secret: SecretRow): Promise<VersionRow[]> {
  const rows = await work.transaction.all(allVersions, { secretId: secret.id });
  for (const row of rows) work.mac.check(VERSIONS, row);
  return rows;
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

function checksum(
  work: Work,
  of: { readonly secretId: string; readonly version: number; readonly keyNumber: number },
  encoded: Uint8Array,
): Uint8Array {
  return hmacSha256(
    work.keyring.checksumKey(of.keyNumber).key,
    tuple(['strongroom/v1/checksum', uuidBytes(of.secretId), u64(of.version), encoded]),
  );
}
