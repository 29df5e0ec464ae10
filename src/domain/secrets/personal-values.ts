import { openEnvelope, sealEnvelope, type EnvelopeContext } from '../../crypto/envelope.ts';
import { decodeRecord, encodeRecord, type VersionRecord } from '../../crypto/version-record.ts';
import { StrongroomError } from '../../errors.ts';
import { wipe } from '../../lib/bytes.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { PERSONAL_VALUES } from '../../store/protected-tables.ts';
import { insertRow, removeRow, updateRow } from '../../store/rows.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { PersonalValueRow } from '../../store/tables.ts';
import type { OpeningWork, Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';

const OF_ENVIRONMENT_MAX = 1000;

interface Owned {
  readonly principalId: string;
  readonly environmentId: string;
}

const byPath = statement((db, p: Parameters<Owned & { path: string }>) =>
  db
    .selectFrom('personal_values')
    .selectAll()
    .where('principal_id', '=', p('principalId'))
    .where('environment_id', '=', p('environmentId'))
    .where('path', '=', p('path')),
);

const byEnvironment = statement((db, p: Parameters<Owned>) =>
  db
    .selectFrom('personal_values')
    .selectAll()
    .where('principal_id', '=', p('principalId'))
    .where('environment_id', '=', p('environmentId'))
    .orderBy('path'),
);

/**
 * What the caller has at a path for itself alone, or `undefined`. There is no
 * way to ask for somebody else's.
 */
export async function findPersonal(
  work: Work,
  environment: Environment,
  path: string,
): Promise<PersonalValueRow | undefined> {
  const row = await work.transaction.get(byPath, { ...ownedBy(work, environment), path });
  if (row !== undefined) work.mac.check(PERSONAL_VALUES, row);
  return row;
}

/** All that the caller has in an environment for itself alone, by path. */
export async function listPersonal(
  work: Work,
  environment: Environment,
): Promise<readonly PersonalValueRow[]> {
  const rows = await work.transaction.all(byEnvironment, ownedBy(work, environment));
  for (const row of rows) work.mac.check(PERSONAL_VALUES, row);
  return rows;
}

/**
 * Keeps a value for the caller alone. The record stays the caller's to wipe.
 *
 * @throws {@link StrongroomError} `environment_protected`; `invalid_input` beyond 1,000 in one environment.
 */
export async function writePersonal(
  work: Work,
  environment: Environment,
  { path, record }: { readonly path: string; readonly record: VersionRecord },
): Promise<PersonalValueRow> {
  requireUnprotected(environment);
  const known = await findPersonal(work, environment, path);
  if (known === undefined) await requireRoom(work, environment);
  const place = {
    id: known?.id ?? uuidv7(),
    workspace_id: environment.workspace.id,
    environment_id: environment.id,
    revision: (known?.revision ?? 0) + 1,
  };
  const envelope = await seal(work, place, record);
  const set = { ...place, envelope, updated_at: work.now };
  const { transaction, mac } = work;
  if (known !== undefined)
    return updateRow(transaction, mac, PERSONAL_VALUES, { from: known, set });
  const row = { ...set, path, principal_id: work.actor, created_at: work.now };
  return insertRow(transaction, mac, PERSONAL_VALUES, row);
}

/**
 * Takes the caller's own value at a path away.
 *
 * @throws {@link StrongroomError} `override_not_found`.
 */
export async function removePersonal(
  work: Work,
  environment: Environment,
  path: string,
): Promise<PersonalValueRow> {
  const row = await findPersonal(work, environment, path);
  if (row === undefined) {
    throw new StrongroomError(
      'override_not_found',
      `you have no value of your own for ${path} in ${environment.name}`,
      { details: { environment: environment.name, path } },
    );
  }
  await removeRow(work.transaction, work.mac, PERSONAL_VALUES, row);
  return row;
}

/**
 * Decrypts a personal value whose row has been checked.
 *
 * @throws {@link StrongroomError} `decryption_failed`, `integrity_error`.
 */
export function openPersonal(work: OpeningWork, row: PersonalValueRow): VersionRecord {
  const encoded = openEnvelope(row.envelope, contextOf(work, row), (id) =>
    work.keyring.workspaceKey(id),
  );
  try {
    return decodeRecord(encoded);
  } finally {
    wipe(encoded);
  }
}

type Place = Pick<PersonalValueRow, 'id' | 'workspace_id' | 'environment_id' | 'revision'>;

async function seal(work: Work, place: Place, record: VersionRecord): Promise<Uint8Array> {
  const encoded = encodeRecord(record);
  try {
    const key = work.keyring.activeWorkspaceKey(place.workspace_id);
    await work.keyUses.count(key.id);
    return sealEnvelope(key, contextOf(work, place), encoded);
  } finally {
    wipe(encoded);
  }
}

function contextOf(work: OpeningWork, place: Place): EnvelopeContext {
  return {
    domain: 'personal',
    vaultId: work.keyring.vaultId,
    workspaceId: place.workspace_id,
    environmentId: place.environment_id,
    subjectId: place.id,
    number: place.revision,
  };
}

function ownedBy(work: Work, environment: Environment): Owned {
  return { principalId: work.actor, environmentId: environment.id };
}

/** What runs in a protected environment is the same for all, and was approved. */
function requireUnprotected({ isProtected, name }: Environment): void {
  if (!isProtected) return;
  throw new StrongroomError(
    'environment_protected',
    `${name} is protected, so nobody has values of their own in it`,
    { details: { environment: name } },
  );
}

async function requireRoom(work: Work, environment: Environment): Promise<void> {
  if ((await listPersonal(work, environment)).length < OF_ENVIRONMENT_MAX) return;
  throw new StrongroomError(
    'invalid_input',
    `nobody has more than ${OF_ENVIRONMENT_MAX} values of their own in one environment`,
  );
}
