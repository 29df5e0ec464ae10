import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import { SECRET_STATES, SECRETS, VERSIONS } from '../../store/protected-tables.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { SecretRow, SecretStateRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';
import { findSecretById } from './find.ts';

/** A secret as it was at a moment, and as it is. */
export interface PastSecret {
  /** What the row said then, the version of then as the current one. */
  readonly former: SecretRow;
  /** What it says now: where its values are, and where else the reader needs the right to it. */
  readonly present: SecretRow;
}

interface PlaceAt {
  readonly environmentId: string;
  readonly path: string;
  readonly at: number;
}

const livePlace = statement((db, p: Parameters<PlaceAt>) =>
  db
    .selectFrom('secrets')
    .selectAll()
    .where('environment_id', '=', p('environmentId'))
    .where('path', '=', p('path'))
    .where('deleted_at', 'is', null)
    .where('created_at', '<=', p('at')),
);

/** Put into the trash later than the moment without a state of before: by schema 1. */
const trashedPlace = statement((db, p: Parameters<PlaceAt>) =>
  db
    .selectFrom('secrets')
    .selectAll()
    .where('environment_id', '=', p('environmentId'))
    .where('path', '=', p('path'))
    .where('deleted_at', '>', p('at'))
    .where('created_at', '<=', p('at')),
);

const statePlace = statement((db, p: Parameters<PlaceAt>) =>
  db
    .selectFrom('secret_states')
    .select(['secret_id'])
    .where('environment_id', '=', p('environmentId'))
    .where('path', '=', p('path'))
    .where('until', '>', p('at'))
    .where('since', '<=', p('at')),
);

const statesBySecret = statement((db, p: Parameters<{ secretId: string }>) =>
  db
    .selectFrom('secret_states')
    .selectAll()
    .where('secret_id', '=', p('secretId'))
    .orderBy('number'),
);

const versionUntil = statement((db, p: Parameters<{ secretId: string; at: number }>) =>
  db
    .selectFrom('versions')
    .selectAll()
    .where('secret_id', '=', p('secretId'))
    .where('created_at', '<=', p('at'))
    .orderBy('version', 'desc')
    .limit(1),
);

const versionCount = statement((db, p: Parameters<{ secretId: string }>) =>
  db
    .selectFrom('versions')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('secret_id', '=', p('secretId')),
);

const oneState = statement((db, p: Parameters<{ secretId: string; number: number }>) =>
  db
    .selectFrom('secret_states')
    .selectAll()
    .where('secret_id', '=', p('secretId'))
    .where('number', '=', p('number')),
);

/**
 * The secret that was at a path at a moment, whatever became of it since.
 *
 * @param place - `at`: milliseconds since 1970.
 * @returns `undefined` if none was there.
 * @throws {@link StrongroomError} `integrity_error`, also if its past is not all there.
 */
export async function findSecretAt(
  work: Work,
  environment: Environment,
  { path, at }: { readonly path: string; readonly at: number },
): Promise<PastSecret | undefined> {
  const place = { environmentId: environment.id, path, at };
  const present = new Map<string, SecretRow>();
  for (const found of [livePlace, trashedPlace]) {
    for (const row of await work.transaction.all(found, place)) present.set(row.id, row);
  }
  for (const { secret_id: id } of await work.transaction.all(statePlace, place)) {
    const row = await findSecretById(work, id);
    if (row !== undefined) present.set(id, row);
  }
  let found: PastSecret | undefined;
  for (const row of present.values()) {
    work.mac.check(SECRETS, row);
    const past = await secretAt(work, row, at);
    if (past?.former.path !== path || past.former.environment_id !== environment.id) continue;
    // After a clock was set back two may have been there; the one that came last was found then.
    if (found === undefined || found.present.created_at <= row.created_at) found = past;
  }
  return found;
}

/**
 * A secret as it was at a moment.
 *
 * @param present - Its row, checked.
 * @returns `undefined` if it was not there, or in the trash.
 * @throws {@link StrongroomError} `integrity_error` if its states or versions are not all there.
 */
export async function secretAt(
  work: Work,
  present: SecretRow,
  at: number,
): Promise<PastSecret | undefined> {
  const state = stateAt(present, await statesOf(work, present), at);
  if (state === undefined) return undefined;
  const counted = await work.transaction.get(versionCount, { secretId: present.id });
  if (counted?.count !== present.current_version) {
    throw notAllThere('the versions of a secret are not all there', present);
  }
  return { former: await withVersionAt(work, state, at), present };
}

/**
 * All former states of a secret in their order, checked.
 *
 * @throws {@link StrongroomError} `integrity_error` if not each of them is there, and no other.
 */
export async function statesOf(work: Work, secret: SecretRow): Promise<readonly SecretStateRow[]> {
  const rows = await work.transaction.all(statesBySecret, { secretId: secret.id });
  for (const row of rows) work.mac.check(SECRET_STATES, row);
  if (rows.length !== (secret.states ?? 0) || rows.some(({ number }, at) => number !== at + 1)) {
    throw notAllThere('the past of a secret is not all there', secret);
  }
  return rows;
}

/** What the row said at a moment, with its present version; `undefined` if it was not live. */
function stateAt(
  present: SecretRow,
  states: readonly SecretStateRow[],
  at: number,
): SecretRow | undefined {
  const isPresent = (present.state_since ?? present.created_at) <= at;
  const state = isPresent ? present : states.find(({ since, until }) => since <= at && at < until);
  if (state === undefined || !isLiveAt(state, at)) return undefined;
  return state === present
    ? { ...present, deleted_at: null, deleted_by: null }
    : thenRow(present, state as SecretStateRow);
}

/** Schema 1 kept no state of before it put a secret into the trash, but when it did. */
export function isLiveAt(state: Pick<SecretRow, 'deleted_at'>, at: number): boolean {
  return state.deleted_at === null || at < state.deleted_at;
}

/** A secret's row as it was in a state, but for its versions. */
export function thenRow(present: SecretRow, state: SecretStateRow): SecretRow {
  return {
    ...present,
    workspace_id: state.workspace_id,
    environment_id: state.environment_id,
    path: state.path,
    type: state.type,
    tags: state.tags,
    metadata_revision: state.metadata_revision,
    metadata: state.metadata,
    expires_at: state.expires_at,
    inactive_at: state.inactive_at,
    owner: state.owner,
    rotation_policy: state.rotation_policy,
    generator: state.generator,
    deleted_at: null,
    deleted_by: null,
    state_since: state.since,
    states: state.number - 1,
  };
}

/** The row with the version, and the last change, of a moment. */
export async function withVersionAt(work: Work, state: SecretRow, at: number): Promise<SecretRow> {
  const version = await work.transaction.get(versionUntil, { secretId: state.id, at });
  if (version !== undefined) work.mac.check(VERSIONS, version);
  const since = state.state_since ?? state.created_at;
  const made = version?.created_at ?? state.created_at;
  const last =
    since > made
      ? { updated_at: since, updated_by: await whoBegan(work, state) }
      : { updated_at: made, updated_by: version?.created_by ?? state.created_by };
  return {
    ...state,
    ...last,
    current_version: version?.version ?? 1,
    current_commit: null,
    previous_version: null,
  };
}

/** Who ended the state before. */
async function whoBegan(work: Work, state: SecretRow): Promise<string> {
  const before = { secretId: state.id, number: state.states ?? 0 };
  const row = await work.transaction.get(oneState, before);
  if (row === undefined) return state.updated_by;
  work.mac.check(SECRET_STATES, row);
  return row.ended_by;
}

function notAllThere(message: string, { id, path }: SecretRow): StrongroomError {
  return new StrongroomError('integrity_error', message, {
    details: { secret: id, path },
    hint: DAMAGED_HINT,
  });
}
