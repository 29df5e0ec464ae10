import { toBase64Url } from '../../lib/base64.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { SECRETS } from '../../store/protected-tables.ts';
import { insertRow, updateRow } from '../../store/rows.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { ComplexityRules } from '../settings/known-settings.ts';
import type { Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';
import { requireComplexity, rulesFor } from './complexity.ts';
import { openMetadata, sealMetadata } from './metadata.ts';
import { wipeRecord } from './value.ts';
import {
  insertVersion,
  openVersion,
  readVersion,
  readVersionRow,
  sealVersion,
  type SecretPlace,
} from './versions.ts';

/** A secret after a copy was made, and its new envelope's commitment if there is a new version. */
export interface SecretCopied {
  readonly row: SecretRow;
  readonly commit: string | undefined;
}

/** A secret and the version of it that is meant; its values are bound to its present place. */
export interface VersionOf {
  readonly row: SecretRow;
  readonly present: SecretRow;
}

/**
 * Makes a new secret with the value and attributes of another. It has its own
 * id and no history; a rotation policy is not copied, or both would rotate apart.
 *
 * @throws {@link StrongroomError} `secret_deleted`, `decryption_failed`, `integrity_error`.
 */
export async function copySecret(
  work: Work,
  source: SecretRow,
  { environment, path }: { readonly environment: Environment; readonly path: string },
): Promise<SecretCopied> {
  const place = {
    id: uuidv7(),
    workspace_id: environment.workspace.id,
    environment_id: environment.id,
  };
  const { sealed, references } = await resealed(
    work,
    { row: source, present: source },
    {
      ...place,
      version: 1,
    },
  );
  const row = await insertRow(work.transaction, work.mac, SECRETS, {
    ...place,
    path,
    type: source.type,
    current_version: 1,
    current_commit: sealed.commit,
    tags: source.tags,
    metadata_revision: source.metadata === null ? 0 : 1,
    metadata:
      source.metadata === null
        ? null
        : await sealMetadata(work, place, 1, openMetadata(work, source)),
    expires_at: source.expires_at,
    created_at: work.now,
    created_by: work.actor,
    updated_at: work.now,
    updated_by: work.actor,
    deleted_at: null,
    deleted_by: null,
    previous_version: null,
    inactive_at: source.inactive_at,
    owner: source.owner,
    rotation_policy: null,
    rotation_due_at: null,
    rotated_at: null,
    generator: source.generator,
    destroyed_at: null,
    state_since: null,
    states: null,
  });
  await insertVersion(work, place.id, 1, { ...sealed, has_references: references });
  return { row, commit: toBase64Url(sealed.commit) };
}

/**
 * Holds the present value of a secret against the rules of a workspace that it
 * is to come into.
 *
 * @throws {@link StrongroomError} `too_weak`, naming the secret; `decryption_failed`, `integrity_error`.
 */
export async function requireStrongFor(
  work: Work,
  secret: SecretRow,
  complexity: ComplexityRules | 'strong' | null,
): Promise<void> {
  const rules = rulesFor(complexity, secret.type);
  if (rules === undefined || secret.current_commit === null) return;
  const record = await readVersion(work, secret, secret.current_version);
  try {
    requireComplexity(record, rules, secret.path);
  } finally {
    wipeRecord(record);
  }
}

/** Gives a secret the present value of another one as its next version; its attributes stay. */
export async function overwriteSecret(
  work: Work,
  target: SecretRow,
  source: SecretRow,
): Promise<SecretCopied> {
  const { set, commit } = await appendVersion(work, target, { row: source, present: source });
  const row = await updateRow(work.transaction, work.mac, SECRETS, {
    from: target,
    set: { ...set, updated_at: work.now, updated_by: work.actor },
  });
  return { row, commit };
}

/** Stores the value of some version as the next version of a secret. Gives what its row has to say. */
export async function appendVersion(
  work: Work,
  secret: SecretRow,
  of: VersionOf,
): Promise<{
  readonly set: Pick<SecretRow, 'current_version' | 'current_commit'>;
  readonly commit: string;
}> {
  const version = secret.current_version + 1;
  const { sealed, references } = await resealed(work, of, { ...secret, version });
  await insertVersion(work, secret.id, version, { ...sealed, has_references: references });
  return {
    set: { current_version: version, current_commit: sealed.commit },
    commit: toBase64Url(sealed.commit),
  };
}

/** A version encrypted as a version of another secret, or as another of the same. */
async function resealed(
  work: Work,
  { row, present }: VersionOf,
  target: SecretPlace & { readonly version: number },
): Promise<{
  readonly sealed: Awaited<ReturnType<typeof sealVersion>>;
  readonly references: number | null;
}> {
  const from = await readVersionRow(work, present.id, row.current_version);
  const record = openVersion(work, present, row.current_version, from);
  const sealed = await sealVersion(work, target, target.version, record).finally(() =>
    wipeRecord(record),
  );
  return { sealed, references: from.has_references };
}
