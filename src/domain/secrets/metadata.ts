import { openEnvelope, sealEnvelope, type EnvelopeContext } from '../../crypto/envelope.ts';
import { StrongroomError } from '../../errors.ts';
import { utf8, utf8Decode, wipe } from '../../lib/bytes.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { OpeningWork, Work } from '../work.ts';
import { METADATA_BYTES_MAX, METADATA_KEYS_MAX } from './limits.ts';
import type { SecretPlace } from './versions.ts';

/** What a member of a caller's own metadata can be. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [member: string]: JsonValue };

/** What people write about a secret. Encrypted, as it often says too much. */
export interface SecretMetadata {
  readonly description?: string | undefined;
  /** What it is for, and where it is used. */
  readonly usage?: string | undefined;
  /** Members of the callers' own, up to 64 and 16 KiB. */
  readonly custom?: Readonly<Record<string, JsonValue>> | undefined;
}

/** A change of metadata: absent members stay as they are. */
export interface MetadataPatch {
  /** An empty text takes the description away. */
  readonly description?: string | undefined;
  /** An empty text takes the usage away. */
  readonly usage?: string | undefined;
  /** Merged into what is there; `null` takes a member away. */
  readonly metadata?: Readonly<Record<string, JsonValue>> | undefined;
}

/** The row's columns of metadata after a change. */
export type SealedMetadata = Pick<SecretRow, 'metadata' | 'metadata_revision'>;

/** What it takes to open metadata: they are bound to where the secret is. */
export type MetadataRow = SecretPlace & SealedMetadata;

/**
 * The metadata of a new secret.
 *
 * @throws {@link StrongroomError} `invalid_input` if there is too much of it.
 */
export async function firstMetadata(
  work: Work,
  secret: SecretPlace,
  patch: MetadataPatch,
): Promise<SealedMetadata> {
  const next = patched({}, patch);
  if (canonicalJson(next) === '{}') return { metadata: null, metadata_revision: 0 };
  return { metadata: await sealMetadata(work, secret, 1, next), metadata_revision: 1 };
}

/**
 * The metadata of a secret after a change. What stays as it is keeps its envelope.
 *
 * @throws {@link StrongroomError} `invalid_input` if there is too much of it; `integrity_error`.
 */
export async function nextMetadata(
  work: Work,
  row: SecretRow,
  patch: MetadataPatch,
): Promise<SealedMetadata> {
  const { metadata, metadata_revision: revision } = row;
  const isUntouched = [patch.description, patch.usage, patch.metadata].every(
    (member) => member === undefined,
  );
  if (isUntouched) return { metadata, metadata_revision: revision };
  const before = openMetadata(work, row);
  const next = patched(before, patch);
  if (canonicalJson(next) === canonicalJson(before)) {
    return { metadata, metadata_revision: revision };
  }
  return {
    metadata: await sealMetadata(work, row, revision + 1, next),
    metadata_revision: revision + 1,
  };
}

/** Encrypts metadata under a new data key. */
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
export function openMetadata(work: OpeningWork, row: MetadataRow): SecretMetadata {
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

function patched(before: SecretMetadata, patch: MetadataPatch): SecretMetadata {
  return {
    description: text(patch.description ?? before.description),
    usage: text(patch.usage ?? before.usage),
    custom: merged(before.custom ?? {}, patch.metadata ?? {}),
  };
}

function text(given: string | undefined): string | undefined {
  return given === '' ? undefined : given;
}

function merged(
  before: Readonly<Record<string, JsonValue>>,
  patch: Readonly<Record<string, JsonValue>>,
): SecretMetadata['custom'] {
  const members = Object.entries({ ...before, ...patch }).filter(([, value]) => value !== null);
  if (members.length === 0) return undefined;
  const custom = Object.fromEntries(members);
  if (members.length > METADATA_KEYS_MAX) throw tooMuch();
  const encoded = utf8(JSON.stringify(custom));
  wipe(encoded);
  if (encoded.length > METADATA_BYTES_MAX) throw tooMuch();
  return custom;
}

function tooMuch(): StrongroomError {
  return new StrongroomError(
    'invalid_input',
    `custom metadata has at most ${METADATA_KEYS_MAX} members and ${METADATA_BYTES_MAX} bytes`,
    { details: { keysMax: METADATA_KEYS_MAX, bytesMax: METADATA_BYTES_MAX } },
  );
}

function context(work: OpeningWork, secret: SecretPlace, revision: number): EnvelopeContext {
  return {
    domain: 'metadata',
    vaultId: work.keyring.vaultId,
    workspaceId: secret.workspace_id,
    environmentId: secret.environment_id,
    subjectId: secret.id,
    number: revision,
  };
}
