import type { VersionRecord } from '../../crypto/version-record.ts';
import { StrongroomError } from '../../errors.ts';
import type { SecretType } from '../../formats/secret-type.ts';
import { toBase64Url } from '../../lib/base64.ts';
import { SECRETS, VERSIONS } from '../../store/protected-tables.ts';
import { insertRow } from '../../store/rows.ts';
import type { SecretRow, VersionRow } from '../../store/tables.ts';
import type { OpeningWork, Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';
import type { SecretAttributes } from './attributes.ts';
import { countedVersion } from './counted-version.ts';
import { findSecret } from './find.ts';
import { tagsOf } from './list.ts';
import { openMetadata, sealMetadata } from './metadata.ts';
import { placeSecret } from './place.ts';
import { generatorOf, policyOf, rotationColumns } from './rotation-columns.ts';
import { secretExists } from './secret-errors.ts';
import { changeState } from './states.ts';
import { equalRecords, fromRecord, toRecord, wipeRecord, type ValueOutput } from './value.ts';
import { openVersion, sealVersion, type SecretPlace } from './versions.ts';
import { writeSecret, type SecretWritten } from './write.ts';

/** A secret as a backup has it, and what decrypts it. The MACs of its rows were checked. */
export interface BackedUpSecret {
  readonly row: SecretRow;
  /** The version that is wanted; of a secret that is gone, all of them. */
  readonly versions: readonly VersionRow[];
  /** The keys of the backup. */
  readonly source: OpeningWork;
}

/** What a restored secret came to. */
export interface SecretRestored extends SecretWritten {
  /** `unchanged`: it has that value already. `revived`: it was gone. */
  readonly outcome: 'unchanged' | 'changed' | 'created' | 'revived';
}

/**
 * Writes a version of a backup as the newest version of a secret that is
 * there, encrypted anew.
 *
 * @throws {@link StrongroomError} `decryption_failed`, `integrity_error`, and those of writing.
 */
export async function restoreValue(
  work: Work,
  environment: Environment,
  present: SecretRow,
  backup: BackedUpSecret & { readonly version: VersionRow },
): Promise<SecretRestored> {
  return withValue(backup, async (value) => {
    const references = backup.version.has_references === 1;
    if (await isCurrent(work, present, { value, references })) {
      return { row: present, commit: undefined, created: false, outcome: 'unchanged' };
    }
    const { path } = present;
    const change = { mode: 'update', path, value, references, replace: true } as const;
    return { ...(await writeSecret(work, environment, change)), outcome: 'changed' };
  });
}

/**
 * Writes a version of a backup as a new secret under another name, with what
 * the backup says about it; a rotation policy is not taken over, or both would rotate apart.
 *
 * @throws {@link StrongroomError} `secret_exists`, and as {@link restoreValue}.
 */
export async function restoreAs(
  work: Work,
  environment: Environment,
  path: string,
  backup: BackedUpSecret & { readonly version: VersionRow },
): Promise<SecretRestored> {
  return withValue(backup, async (value) => {
    const written = await writeSecret(work, environment, {
      mode: 'create',
      path,
      value,
      references: backup.version.has_references === 1,
      ...attributesOf(backup),
    });
    return { ...written, outcome: 'created' };
  });
}

/**
 * Brings a secret back that was deleted or destroyed since the backup, under
 * its own id: what is said about it, and the wanted version as its newest.
 *
 * @throws {@link StrongroomError} `secret_exists` if its path is taken, and as {@link restoreValue}.
 */
export async function reviveSecret(
  work: Work,
  environment: Environment,
  gone: SecretRow,
  backup: BackedUpSecret & { readonly version: VersionRow },
): Promise<SecretRestored> {
  const { row: was, source } = backup;
  await requireFree(work, environment, was.path);
  const place = placeIn(environment, was.id);
  // It may have been moved before it was deleted: its other versions are bound to that place.
  const isMoved = gone.environment_id !== environment.id;
  const to = { environment, path: was.path };
  const placed = isMoved ? await placeSecret(work, gone, to) : gone;
  const revision = placed.metadata_revision + 1;
  const metadata = was.metadata === null ? undefined : openMetadata(source, was);
  const row = await changeState(work, placed, {
    ...place,
    path: was.path,
    type: was.type,
    tags: was.tags,
    expires_at: was.expires_at,
    inactive_at: was.inactive_at,
    owner: was.owner,
    ...rotationColumns(work, placed, {
      rotation: policyOf(was),
      generator: generatorOf(was) ?? null,
    }),
    metadata: metadata === undefined ? null : await sealMetadata(work, place, revision, metadata),
    metadata_revision: metadata === undefined ? 0 : revision,
    deleted_at: null,
    deleted_by: null,
    destroyed_at: null,
    updated_at: work.now,
    updated_by: work.actor,
  });
  const restored = await restoreValue(work, environment, row, backup);
  return { ...restored, outcome: 'revived' };
}

/**
 * Puts a secret back of which there is no row at all, with all its versions,
 * under its own id.
 *
 * @throws {@link StrongroomError} `secret_exists` if its path is taken, `decryption_failed`, `integrity_error`.
 */
export async function reinsertSecret(
  work: Work,
  environment: Environment,
  { row: was, versions, source }: BackedUpSecret,
): Promise<SecretRestored> {
  await requireFree(work, environment, was.path);
  const numbers = versions.map(({ version }) => version).toSorted((a, b) => a - b);
  const areAll = numbers.every((number, index) => number === index + 1);
  if (!areAll || numbers.length !== was.current_version) {
    throw new StrongroomError('integrity_error', 'the versions of a secret are not all there', {
      details: { secret: was.id },
    });
  }
  const place = placeIn(environment, was.id);
  const sealed: SealedRow[] = [];
  const open = (version: VersionRow): VersionRecord =>
    openVersion(source, was, version.version, version);
  for (const version of versions) sealed.push(await resealed(work, place, version, open));
  const current = sealed.find(({ row }) => row.version === was.current_version);
  const metadata = was.metadata === null ? undefined : openMetadata(source, was);
  const { row_revision: _revision, mac_key: _key, mac: _mac, ...columns } = was;
  const row = await insertRow(work.transaction, work.mac, SECRETS, {
    ...columns,
    ...place,
    current_commit: was.current_commit === null ? null : (current?.commit ?? null),
    metadata: metadata === undefined ? null : await sealMetadata(work, place, 1, metadata),
    metadata_revision: metadata === undefined ? 0 : 1,
    updated_at: work.now,
    updated_by: work.actor,
    state_since: null,
    states: null,
  });
  for (const { row: version } of sealed) {
    await insertRow(work.transaction, work.mac, VERSIONS, version);
  }
  const commit = current?.commit === undefined ? undefined : toBase64Url(current.commit);
  return { row, commit, created: true, outcome: 'revived' };
}

interface SealedRow {
  readonly row: Omit<VersionRow, 'row_revision' | 'mac_key' | 'mac'>;
  readonly commit: Uint8Array | undefined;
}

/** A version encrypted anew. One that was destroyed stays what it is. */
async function resealed(
  work: Work,
  place: SecretPlace,
  version: VersionRow,
  open: (version: VersionRow) => VersionRecord,
): Promise<SealedRow> {
  const { row_revision: _revision, mac_key: _key, mac: _mac, ...columns } = version;
  if (version.destroyed_at !== null) return { row: columns, commit: undefined };
  const record = open(version);
  try {
    const { commit, ...sealed } = await sealVersion(work, place, version.version, record);
    return { row: { ...columns, ...sealed }, commit };
  } finally {
    wipeRecord(record);
  }
}

/** What a backup says about a secret, as if somebody said it now. */
function attributesOf({ row, source }: BackedUpSecret): SecretAttributes {
  const { description, usage, custom } = openMetadata(source, row);
  return {
    type: row.type as SecretType,
    tags: tagsOf(row),
    description,
    usage,
    metadata: custom,
    expiresAt: row.expires_at,
    active: row.inactive_at === null,
    owner: row.owner,
    generator: generatorOf(row),
  };
}

type Value = NonNullable<ValueOutput['value']> | NonNullable<ValueOutput['fields']>;

/** Decrypts the wanted version, and wipes it when `use` is done. */
async function withValue<T>(
  { row, version, source }: BackedUpSecret & { readonly version: VersionRow },
  use: (value: Value) => Promise<T>,
): Promise<T> {
  if (version.destroyed_at !== null) {
    throw new StrongroomError(
      'version_not_found',
      `version ${version.version} was destroyed before the backup was made`,
      { details: { version: version.version } },
    );
  }
  const output = fromRecord(openVersion(source, row, version.version, version));
  const values = output.value === undefined ? Object.values(output.fields) : [output.value];
  try {
    return await use(output.value ?? output.fields);
  } finally {
    for (const value of values) value.wipe();
  }
}

/** Whether a secret has a value already, and one that stands for the same. */
async function isCurrent(
  work: Work,
  present: SecretRow,
  { value, references }: { readonly value: Value; readonly references: boolean },
): Promise<boolean> {
  const { current_commit: commit, current_version: number } = present;
  if (commit === null) return false;
  const current = await countedVersion(work, present, number);
  if (current.destroyed_at !== null || current.deleted_at !== null) return false;
  if ((current.has_references === 1) !== references) return false;
  const after = toRecord(value);
  try {
    const before = openVersion(work, present, number, current);
    try {
      return equalRecords(before, after);
    } finally {
      wipeRecord(before);
    }
  } finally {
    wipeRecord(after);
  }
}

async function requireFree(work: Work, environment: Environment, path: string): Promise<void> {
  if ((await findSecret(work, environment, path)) === undefined) return;
  throw secretExists(path, environment.name, {
    hint: 'another secret has its name now: restore it under another one with --as NAME',
  });
}

function placeIn(environment: Environment, id: string): SecretPlace {
  return { id, workspace_id: environment.workspace.id, environment_id: environment.id };
}
