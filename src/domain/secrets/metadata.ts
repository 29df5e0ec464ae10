import { openEnvelope, sealEnvelope, type EnvelopeContext } from '../../crypto/envelope.ts';
import { StrongroomError } from '../../errors.ts';
import { utf8, utf8Decode, wipe } from '../../lib/bytes.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { SecretPlace } from './versions.ts';

/** What people write about a secret. Encrypted, as it often says too much. */
export interface SecretMetadata {
  readonly description?: string | undefined;
}

/** Encrypts metadata under a new data key; `null` where there is none. */
export async function sealMetadata(
  work: Work,
  secret: SecretPlace,
  revision: number,
  metadata: SecretMetadata,
): Promise<Uint8Array> {
  const key = work.keyring.activeWorkspaceKey(secret.workspace_id);
  const plaintext = utf8(JSON.stringify(metadata));
  try {
    const envelope = sealEnvelope(key, context(work, secret, revision), plaintext);
    await work.keyUses.count(key.id);
    return envelope;
  } finally {
    wipe(plaintext);
  }
}

/**
 * Opens a secret's metadata.
 *
 * @throws {@link StrongroomError} `decryption_failed`, `integrity_error`.
 */
export function openMetadata(work: Work, row: SecretRow): SecretMetadata {
  if (row.metadata === null) {
    if (row.metadata_revision === 0) return {};
    throw new StrongroomError('integrity_error', 'the metadata of a secret is missing');
  }
  const plaintext = openEnvelope(row.metadata, context(work, row, row.metadata_revision), (id) =>
    work.keyring.workspaceKey(id),
  );
  try {
    return JSON.parse(utf8Decode(plaintext)) as SecretMetadata;
  } finally {
    wipe(plaintext);
  }
}

function context(work: Work, secret: SecretPlace, revision: number): EnvelopeContext {
  return {
    domain: 'metadata',
    vaultId: work.keyring.vaultId,
    workspaceId: secret.workspace_id,
    environmentId: secret.environment_id,
    subjectId: secret.id,
    number: revision,
  };
}
