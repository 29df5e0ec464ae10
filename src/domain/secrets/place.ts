import { StrongroomError } from '../../errors.ts';
import { SECRET_STATES, VERSIONS } from '../../store/protected-tables.ts';
import { updateRow } from '../../store/rows.ts';
import type { SecretRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';
import { statesOf, thenRow } from './at.ts';
import { findSecret } from './find.ts';
import { openMetadata, sealMetadata } from './metadata.ts';
import { pathFault } from './path.ts';
import { changeState } from './states.ts';
import { wipeRecord } from './value.ts';
import { openVersion, requireVersion, sealVersion, type SecretPlace } from './versions.ts';

/** A secret, and where it is to be. */
export interface Relocation {
  readonly row: SecretRow;
  readonly path: string;
}

/**
 * Where the secrets of a folder come to be when it becomes another one, in an
 * order in which each name is free when its turn comes.
 *
 * @throws {@link StrongroomError} `invalid_name` if a path becomes too long.
 */
export function relocations(
  rows: readonly SecretRow[],
  from: string,
  to: string,
): readonly Relocation[] {
  const found = rows.map((row) => ({ row, path: to + row.path.slice(from.length) }));
  for (const { path } of found) {
    const fault = pathFault(path);
    if (fault !== undefined) throw fault;
  }
  // A folder may go into itself: then the name in the way has to go first.
  const direction = to.length > from.length ? -1 : 1;
  return found.toSorted((a, b) => direction * (a.row.path.length - b.row.path.length));
}

/**
 * Requires that no name is taken by a secret that stays.
 *
 * @throws {@link StrongroomError} `secret_exists`, with all paths that are.
 */
export async function requireFree(
  work: Work,
  environment: Environment,
  planned: readonly { readonly path: string; readonly row?: SecretRow | undefined }[],
): Promise<void> {
  const going = new Set(planned.flatMap(({ row }) => (row === undefined ? [] : [row.id])));
  const taken: string[] = [];
  for (const { path } of planned) {
    const there = await findSecret(work, environment, path);
    if (there !== undefined && !going.has(there.id)) taken.push(path);
  }
  if (taken.length > 0) throw namesTaken(taken, environment.name);
}

const NAMED_MAX = 20;

function namesTaken(paths: readonly string[], environment: string): StrongroomError {
  const [first = ''] = paths;
  const message =
    paths.length === 1
      ? `there is a secret ${first} in ${environment} already`
      : `${paths.length} names are taken in ${environment}: ${paths.slice(0, NAMED_MAX).join(', ')}${paths.length > NAMED_MAX ? ', …' : ''}`;
  return new StrongroomError('secret_exists', message, {
    details: { environment, paths },
    hint: 'nothing was changed; use another name, or delete what is there first',
  });
}

/**
 * Puts a secret at another path, in whatever environment. Its id and history
 * stay. Within an environment no value is needed; elsewhere all that is
 * encrypted is encrypted anew, because it is bound to its place.
 *
 * @param row - As it was read and checked; it may be in the trash.
 * @throws {@link StrongroomError} `decryption_failed`, `integrity_error`.
 */
export async function placeSecret(
  work: Work,
  row: SecretRow,
  { environment, path }: { readonly environment: Environment; readonly path: string },
): Promise<SecretRow> {
  const updated = { path, updated_at: work.now, updated_by: work.actor };
  if (environment.id === row.environment_id) return changeState(work, row, updated);
  const place = {
    id: row.id,
    workspace_id: environment.workspace.id,
    environment_id: environment.id,
  };
  const commit = await resealVersions(work, row, place);
  const metadata = await resealMetadata(work, row, place);
  const moved = await changeState(work, row, {
    ...place,
    ...updated,
    metadata,
    current_commit: row.current_commit === null ? null : commit,
  });
  if (place.workspace_id !== row.workspace_id) await resealStates(work, moved);
  return moved;
}

/** Encrypts every version that has a value for another place. Gives the commitment of the last. */
async function resealVersions(
  work: Work,
  secret: SecretRow,
  place: SecretPlace,
): Promise<Uint8Array | null> {
  let commit: Uint8Array | null = null;
  for (let version = 1; version <= secret.current_version; version += 1) {
    const from = await requireVersion(work, secret.id, version);
    if (from.destroyed_at !== null) continue;
    const record = openVersion(work, secret, version, from);
    const sealed = await sealVersion(work, place, version, record).finally(() =>
      wipeRecord(record),
    );
    commit = sealed.commit;
    const { envelope, checksum, checksum_key: key } = sealed;
    const set = { envelope, checksum, checksum_key: key };
    await updateRow(work.transaction, work.mac, VERSIONS, { from, set });
  }
  return commit;
}

/** The states of before go along into the workspace, under its key; where they were still stands in them. */
async function resealStates(work: Work, secret: SecretRow): Promise<void> {
  for (const from of await statesOf(work, secret)) {
    const place = { ...from, id: secret.id, workspace_id: secret.workspace_id };
    const metadata = await resealMetadata(work, thenRow(secret, from), place);
    const set = { workspace_id: secret.workspace_id, metadata };
    await updateRow(work.transaction, work.mac, SECRET_STATES, { from, set });
  }
}

async function resealMetadata(
  work: Work,
  row: SecretRow,
  place: SecretPlace,
): Promise<Uint8Array | null> {
  if (row.metadata === null) return null;
  return sealMetadata(work, place, row.metadata_revision, openMetadata(work, row));
}
