import type { VersionRecord } from '../../crypto/version-record.ts';
import type { SecretType } from '../../formats/secret-type.ts';
import { toBase64Url } from '../../lib/base64.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { SECRETS } from '../../store/protected-tables.ts';
import { insertRow, updateRow } from '../../store/rows.ts';
import type { SecretRow, VersionRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';
import type { ComplexityRules } from '../settings/known-settings.ts';
import { firstAttributes, nextAttributes, type SecretAttributes } from './attributes.ts';
import { requireComplexity, rulesFor } from './complexity.ts';
import { findSecret } from './find.ts';
import { casMismatch, secretExists, secretNotFound } from './secret-errors.ts';
import { changeState } from './states.ts';
import {
  isSingleValue,
  mergeFields,
  toRecord,
  wipeRecord,
  withoutFields,
  type ValueInput,
} from './value.ts';
import { settleReferences } from './version-references.ts';
import {
  insertVersion,
  openVersion,
  readVersion,
  readVersionRow,
  sealVersion,
} from './versions.ts';

/** A change of one secret. */
export interface SecretChange extends SecretAttributes {
  /** `create`: there must be no secret. `update`: there must be one. `write`: either. */
  readonly mode: 'create' | 'update' | 'write';
  readonly path: string;
  readonly value?: ValueInput | undefined;
  /** Whether `${…}` in the value stands for other secrets. */
  readonly references?: boolean | undefined;
  /** Fields that the new version does not have any more. */
  readonly removeFields?: readonly string[] | undefined;
  /** What new values of some types must have. */
  readonly complexity?: ComplexityRules | 'strong' | null | undefined;
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
 * value), `cas_mismatch`, `value_too_large`, `too_weak`, `field_not_found`, `invalid_input`.
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
  rotated_at: null,
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
  const attributes = await firstAttributes(work, place, change);
  const record = checked(toRecord(change.value), change, attributes.type);
  const references = settleReferences(record, change);
  const sealed = await sealVersion(work, place, 1, record).finally(() => wipeRecord(record));
  const row = await insertRow(work.transaction, work.mac, SECRETS, {
    ...place,
    path: change.path,
    ...attributes,
    current_version: 1,
    current_commit: sealed.commit,
    created_at: work.now,
    created_by: work.actor,
    updated_at: work.now,
    updated_by: work.actor,
    deleted_at: null,
    deleted_by: null,
    ...NEW_SECRET,
  });
  await insertVersion(work, place.id, 1, { ...sealed, has_references: references });
  return { row, commit: toBase64Url(sealed.commit), created: true };
}

async function changeSecret(
  work: Work,
  current: SecretRow,
  change: SecretChange,
): Promise<SecretWritten> {
  await requireStrongEnough(work, current, change);
  const next = await nextVersion(work, current, change);
  const { columns, isNew } = await nextAttributes(work, current, change);
  const set = {
    ...columns,
    current_version: next?.version ?? current.current_version,
    current_commit: next?.commit ?? current.current_commit,
    updated_at: work.now,
    updated_by: work.actor,
  };
  const row = isNew
    ? await changeState(work, current, set)
    : await updateRow(work.transaction, work.mac, SECRETS, { from: current, set });
  return {
    row,
    commit: next === undefined ? undefined : toBase64Url(next.commit),
    created: false,
  };
}

/** A type under rules is not given to a value that does not meet them. */
async function requireStrongEnough(
  work: Work,
  current: SecretRow,
  { type, value, complexity }: SecretChange,
): Promise<void> {
  const isOther = type !== undefined && type !== current.type && value === undefined;
  if (!isOther || current.current_commit === null) return;
  const rules = rulesFor(complexity ?? null, type);
  if (rules === undefined) return;
  const record = await readVersion(work, current, current.current_version);
  try {
    requireComplexity(record, rules);
  } finally {
    wipeRecord(record);
  }
}

/** A new value, which is wiped if it is too weak. */
function checked(record: VersionRecord, { complexity }: SecretChange, type: string): VersionRecord {
  const rules = rulesFor(complexity ?? null, type);
  try {
    if (rules !== undefined) requireComplexity(record, rules);
    return record;
  } catch (error) {
    wipeRecord(record);
    throw error;
  }
}

/**
 * Stores the next version if there is a value for one, or fields less.
 *
 * @param change - `base`: the version that fields merge into. Default: the current one, if it has a value.
 */
export async function nextVersion(
  work: Work,
  current: SecretRow,
  change: SecretChange & { readonly base?: VersionRow | undefined },
): Promise<{ readonly version: number; readonly commit: Uint8Array } | undefined> {
  if (change.value === undefined && (change.removeFields ?? []).length === 0) return undefined;
  const version = current.current_version + 1;
  const base = await baseOf(work, current, change);
  const record = nextRecord(work, current, { ...change, base });
  const references = settleReferences(record, { ...change, base });
  const sealed = await sealVersion(work, current, version, record).finally(() =>
    wipeRecord(record),
  );
  await insertVersion(work, current.id, version, { ...sealed, has_references: references });
  return { version, commit: sealed.commit };
}

/** What fields merge into unless the caller replaces; anything else replaces. */
async function baseOf(
  work: Work,
  current: SecretRow,
  { value, replace = false, base }: SecretChange & { readonly base?: VersionRow | undefined },
): Promise<VersionRow | undefined> {
  if (value !== undefined && (isSingleValue(value) || replace)) return undefined;
  // A version that was deleted has nothing to merge into.
  if (value !== undefined && current.current_commit === null) return base;
  return base ?? readVersionRow(work, current.id, current.current_version);
}

function nextRecord(
  work: Work,
  current: SecretRow,
  change: SecretChange & { readonly base: VersionRow | undefined },
): VersionRecord {
  const { value, base, removeFields = [] } = change;
  const given =
    value === undefined ? undefined : checked(toRecord(value), change, change.type ?? current.type);
  try {
    const before = base === undefined ? undefined : openVersion(work, current, base.version, base);
    return withoutFields(mergedWith(before, given), removeFields);
  } catch (error) {
    if (given !== undefined) wipeRecord(given);
    throw error;
  }
}

function mergedWith(
  previous: VersionRecord | undefined,
  given: VersionRecord | undefined,
): VersionRecord {
  const only = given ?? previous;
  if (only === undefined) throw new TypeError('a version is made of a value or of one before');
  if (given === undefined || previous === undefined) return only;
  if (previous.kind === 'fields') return mergeFields(previous, given);
  wipeRecord(previous);
  return given;
}
