import type { VersionRecord } from '../../crypto/version-record.ts';
import type { SecretType } from '../../formats/secret-type.ts';
import { toBase64Url } from '../../lib/base64.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { SECRETS } from '../../store/protected-tables.ts';
import { insertRow, updateRow } from '../../store/rows.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';
import { findSecret } from './find.ts';
import { openMetadata, sealMetadata } from './metadata.ts';
import { casMismatch, secretExists, secretNotFound } from './secret-errors.ts';
import { changeState } from './states.ts';
import { mergeFields, toRecord, wipeRecord, type ValueInput } from './value.ts';
import { insertVersion, readVersion, sealVersion } from './versions.ts';

/** What may be said about a secret besides its value. Absent members stay as they are. */
export interface SecretAttributes {
  readonly type?: SecretType | undefined;
  /** Up to 128 tags of 1 to 64 characters. */
  readonly tags?: readonly string[] | undefined;
  /** An empty text takes the description away. */
  readonly description?: string | undefined;
  /** Milliseconds since 1970; `null` takes the expiry away. */
  readonly expiresAt?: number | null | undefined;
}

/** A change of one secret. */
export interface SecretChange extends SecretAttributes {
  /** `create`: there must be no secret. `update`: there must be one. `write`: either. */
  readonly mode: 'create' | 'update' | 'write';
  readonly path: string;
  readonly value?: ValueInput | undefined;
  /** The type of a secret that is not there yet, if `type` says none. Default `generic`. */
  readonly typeIfNew?: SecretType | undefined;
  /** Replaces all fields instead of merging them. */
  readonly replace?: boolean | undefined;
  /** The current version must be this one; 0: there must be no secret. */
  readonly cas?: number | undefined;
}

/** What a change came to. */
export interface SecretWritten {
  readonly row: SecretRow;
  /** The new envelope's commitment if there is a new version. */
  readonly commit: string | undefined;
  readonly created: boolean;
}

/**
 * Makes or changes the secret at a path: a new version if there is a value,
 * and its attributes.
 *
 * @throws {@link StrongroomError} `secret_exists`, `secret_not_found` (also for a change without a
 * value), `cas_mismatch`, `value_too_large`, `invalid_input`.
 */
export async function writeSecret(
  work: Work,
  environment: Environment,
  change: SecretChange,
): Promise<SecretWritten> {
  const { mode, path, value, cas } = change;
  const current = await findSecret(work, environment, path);
  if (mode === 'create' && current !== undefined) throw secretExists(path, environment.name);
  if (mode === 'update' && current === undefined) throw secretNotFound(path, environment.name);
  const version = current?.current_version ?? 0;
  if (cas !== undefined && cas !== version) throw casMismatch(version, cas);
  if (current !== undefined) return changeSecret(work, current, change);
  if (value === undefined) throw secretNotFound(path, environment.name);
  return createSecret(work, environment, { ...change, value });
}

/** What no secret has from the beginning. */
const NEW_SECRET = {
  previous_version: null,
  inactive_at: null,
  owner: null,
  rotation_policy: null,
  rotation_due_at: null,
  rotated_at: null,
  generator: null,
  destroyed_at: null,
  state_since: null,
  states: null,
} as const;

async function createSecret(
  work: Work,
  environment: Environment,
  change: SecretChange & { readonly value: ValueInput },
): Promise<SecretWritten> {
  const place = {
    id: uuidv7(),
    workspace_id: environment.workspace.id,
    environment_id: environment.id,
  };
  const description = change.description ?? '';
  const record = toRecord(change.value);
  const sealed = await sealVersion(work, place, 1, record).finally(() => wipeRecord(record));
  const row = await insertRow(work.transaction, work.mac, SECRETS, {
    ...place,
    path: change.path,
    type: change.type ?? change.typeIfNew ?? 'generic',
    current_version: 1,
    current_commit: sealed.commit,
    tags: encodeTags(change.tags ?? []),
    metadata_revision: description === '' ? 0 : 1,
    metadata: description === '' ? null : await sealMetadata(work, place, 1, { description }),
    expires_at: change.expiresAt ?? null,
    created_at: work.now,
    created_by: work.actor,
    updated_at: work.now,
    updated_by: work.actor,
    deleted_at: null,
    deleted_by: null,
    ...NEW_SECRET,
  });
  await insertVersion(work, place.id, 1, sealed);
  return { row, commit: toBase64Url(sealed.commit), created: true };
}

async function changeSecret(
  work: Work,
  current: SecretRow,
  change: SecretChange,
): Promise<SecretWritten> {
  const next = await nextVersion(work, current, change);
  const attributes = {
    type: change.type ?? current.type,
    tags: change.tags === undefined ? current.tags : encodeTags(change.tags),
    ...(await nextMetadata(work, current, change.description)),
    expires_at: change.expiresAt === undefined ? current.expires_at : change.expiresAt,
  };
  const set = {
    ...attributes,
    current_version: next?.version ?? current.current_version,
    current_commit: next?.commit ?? current.current_commit,
    updated_at: work.now,
    updated_by: work.actor,
  };
  const isNewState = Object.entries(attributes).some(
    ([name, value]) => current[name as keyof typeof attributes] !== value,
  );
  const row = isNewState
    ? await changeState(work, current, set)
    : await updateRow(work.transaction, work.mac, SECRETS, { from: current, set });
  return {
    row,
    commit: next === undefined ? undefined : toBase64Url(next.commit),
    created: false,
  };
}

/** Stores the next version if there is a value for one. */
async function nextVersion(
  work: Work,
  current: SecretRow,
  { value, replace }: SecretChange,
): Promise<{ readonly version: number; readonly commit: Uint8Array } | undefined> {
  if (value === undefined) return undefined;
  const version = current.current_version + 1;
  const record = await nextRecord(work, current, value, replace ?? false);
  const sealed = await sealVersion(work, current, version, record).finally(() =>
    wipeRecord(record),
  );
  await insertVersion(work, current.id, version, sealed);
  return { version, commit: sealed.commit };
}

/** Fields merge into fields unless the caller replaces; anything else replaces. */
async function nextRecord(
  work: Work,
  current: SecretRow,
  value: ValueInput,
  replace: boolean,
): Promise<VersionRecord> {
  const record = toRecord(value);
  if (record.kind !== 'fields' || replace) return record;
  try {
    const previous = await readVersion(work, current, current.current_version);
    if (previous.kind === 'fields') return mergeFields(previous, record);
    wipeRecord(previous);
    return record;
  } catch (error) {
    wipeRecord(record);
    throw error;
  }
}

async function nextMetadata(
  work: Work,
  current: SecretRow,
  description: string | undefined,
): Promise<Pick<SecretRow, 'metadata' | 'metadata_revision'>> {
  const { metadata, metadata_revision: revision } = current;
  if (
    description === undefined ||
    description === (openMetadata(work, current).description ?? '')
  ) {
    return { metadata, metadata_revision: revision };
  }
  const next = revision + 1;
  return {
    metadata: await sealMetadata(work, current, next, {
      description: description === '' ? undefined : description,
    }),
    metadata_revision: next,
  };
}

/** Tags as canonical JSON: sorted, each once. */
function encodeTags(tags: readonly string[]): string {
  return JSON.stringify([...new Set(tags)].toSorted());
}
