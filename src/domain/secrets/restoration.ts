import { StrongroomError } from '../../errors.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { SECRETS } from '../../store/protected-tables.ts';
import { updateRow } from '../../store/rows.ts';
import type { SecretRow, SecretStateRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';
import { secretAt, statesOf, thenRow } from './at.ts';
import { attributesAs } from './attributes.ts';
import { appendVersion, type SecretCopied } from './copy.ts';
import {
  compareVersions,
  differentAttributes,
  openVersionOf,
  type OpenedVersion,
} from './difference.ts';
import { findSecret } from './find.ts';
import { placeSecret } from './place.ts';
import { policyOf, rotationColumns } from './rotation-columns.ts';
import { secretExists } from './secret-errors.ts';
import { changeState } from './states.ts';
import { wipeRecord } from './value.ts';

/** One part of making a secret what it was. */
export type RestorationStep = 'delete' | 'undelete' | 'rename' | 'move' | 'value' | 'attributes';

/** What it takes to make a secret what it was. */
export interface Restoration {
  readonly present: SecretRow;
  /** `undefined`: it was not there, or in the trash. */
  readonly former: SecretRow | undefined;
  /** None: it is what it was. */
  readonly steps: readonly RestorationStep[];
  /** Why it cannot be: the value of then was deleted or destroyed since. */
  readonly isLost: boolean;
  /** Whether values were held against each other to tell, which is a way of reading. */
  readonly isCompared: boolean;
}

/** A change of one secret as it is on record. */
export interface RecordedChange {
  /** The row's revision after it. */
  readonly revision: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** The version that it made, if it made one. */
  readonly version: number | undefined;
}

/**
 * What a secret was before its last change.
 *
 * @returns `undefined` if it was not there, or in the trash.
 * @throws {@link StrongroomError} `undo_conflict` if that was not its last change, or nothing of it can be undone.
 */
export async function beforeChange(
  work: Work,
  present: SecretRow,
  change: RecordedChange,
): Promise<SecretRow | undefined> {
  if (present.row_revision !== change.revision) throw undoConflict(present.path);
  if (change.revision === 1) return undefined;
  const state = stateEndedAt(await statesOf(work, present), change.time);
  const madeVersion = change.version !== undefined && change.version === present.current_version;
  if (state === undefined && !madeVersion) throw notUndoable(present.path);
  if ((state ?? present).deleted_at !== null) return undefined;
  const before = state === undefined ? present : thenRow(present, state);
  return { ...before, current_version: present.current_version - (madeVersion ? 1 : 0) };
}

/**
 * What a secret was before a change that others came after, if these left it as that change did.
 *
 * @param options - `compares`: as for {@link planRestoration}; `isPart`: whether other secrets are
 * brought back with it, so that one that is already what it was before is no conflict.
 * @returns `undefined` if it was not there, or in the trash.
 * @throws {@link StrongroomError} `undo_conflict` if it is not as that change left it.
 */
export async function beforeEarlierChange(
  work: Work,
  present: SecretRow,
  {
    change,
    compares,
    isPart,
  }: {
    readonly change: RecordedChange;
    readonly compares: boolean;
    readonly isPart: boolean;
  },
): Promise<SecretRow | undefined> {
  const isAs = async (former: SecretRow | undefined): Promise<boolean> => {
    const { steps, isLost } = await planRestoration(work, present, { former, compares });
    return !isLost && steps.length === 0;
  };
  const after = (await secretAt(work, present, change.time))?.former;
  const before = (await secretAt(work, present, change.time - 1))?.former;
  // Where the clock was set back since, a moment does not tell what that change made.
  const isTold =
    Math.max(present.updated_at, present.state_since ?? 0) > change.time &&
    (change.version === undefined || after?.current_version === change.version);
  if (isTold && ((await isAs(after)) || (isPart && (await isAs(before))))) return before;
  throw undoConflict(present.path);
}

/** The state that a change ended. One change may pass through others, which lasted no time at all. */
function stateEndedAt(states: readonly SecretStateRow[], time: number): SecretStateRow | undefined {
  if (states.at(-1)?.until !== time) return undefined;
  return states.findLast(({ since, until }, at) => at === 0 || since !== until);
}

/**
 * Works out what it takes to make a secret what it was.
 *
 * @param options - `former`: what it was; `compares`: whether values may be compared. If not, the
 * value of another version counts as another value.
 */
export async function planRestoration(
  work: Work,
  present: SecretRow,
  { former, compares }: { readonly former: SecretRow | undefined; readonly compares: boolean },
): Promise<Restoration> {
  const isLive = present.deleted_at === null;
  if (former === undefined) {
    const steps: RestorationStep[] = isLive ? ['delete'] : [];
    return { present, former, steps, isLost: false, isCompared: false };
  }
  if (present.destroyed_at !== null)
    return { present, former, steps: [], isLost: true, isCompared: false };
  const steps: RestorationStep[] = isLive ? [] : ['undelete'];
  if (former.environment_id !== present.environment_id) steps.push('move');
  else if (former.path !== present.path) steps.push('rename');
  const value = await compareValue(work, present, { former, compares });
  if (value === 'other') steps.push('value');
  const isOther = differentAttributes(work, present, former).length > 0;
  if (isOther || former.rotation_policy !== present.rotation_policy) steps.push('attributes');
  const isCompared = compares && former.current_version !== present.current_version;
  return { present, former, steps, isLost: value === 'lost', isCompared };
}

/** Whether the value of then is the present one, another one, or no more. */
async function compareValue(
  work: Work,
  present: SecretRow,
  { former, compares }: { readonly former: SecretRow; readonly compares: boolean },
): Promise<'same' | 'other' | 'lost'> {
  if (former.current_version === present.current_version) return 'same';
  const before = await readUnlessDeleted(work, present, former.current_version);
  if (before === undefined) return 'lost';
  if (!compares) {
    wipeRecord(before.record);
    return 'other';
  }
  try {
    const after = await readUnlessDeleted(work, present, present.current_version);
    if (after === undefined) return 'other';
    try {
      return compareVersions(before, after).value ? 'other' : 'same';
    } finally {
      wipeRecord(after.record);
    }
  } finally {
    wipeRecord(before.record);
  }
}

async function readUnlessDeleted(
  work: Work,
  secret: SecretRow,
  version: number,
): Promise<OpenedVersion | undefined> {
  const row = { ...secret, current_version: version };
  try {
    return await openVersionOf(work, { row, present: secret });
  } catch (error) {
    if (error instanceof StrongroomError && error.code === 'secret_deleted') return undefined;
    throw error;
  }
}

/** A secret that was made what it was. */
export interface Restored extends SecretCopied {
  readonly restoration: Restoration;
}

/**
 * Makes secrets what they were, in an order in which each name is free when
 * its turn comes; where two have to change names, one goes by way of a third.
 *
 * @param environmentById - Finds an environment, also one of another workspace.
 * @throws {@link StrongroomError} `secret_exists` if a name is taken by a secret that stays.
 */
export async function restoreSecrets(
  work: Work,
  planned: readonly Restoration[],
  environmentById: (id: string) => Environment,
): Promise<readonly Restored[]> {
  const restored: Restored[] = [];
  const isDeletion = ({ steps }: Restoration): boolean => steps.includes('delete');
  for (const restoration of planned.filter(isDeletion)) {
    const set = { deleted_at: work.now, deleted_by: work.actor };
    const row = await changeState(work, restoration.present, set);
    restored.push({ restoration, row, commit: undefined });
  }
  let waiting = planned
    .filter((each) => each.steps.length > 0 && !isDeletion(each))
    .map((restoration) => ({ restoration, row: restoration.present }));
  while (waiting.length > 0) {
    const blocked: typeof waiting = [];
    for (const { restoration, row } of waiting) {
      if (await isBlocked(work, row, restoration)) blocked.push({ restoration, row });
      else restored.push(await restoreOne(work, row, { restoration, environmentById }));
    }
    if (blocked.length === waiting.length) await stepAside(work, blocked, environmentById);
    waiting = blocked;
  }
  return restored;
}

interface Waiting {
  readonly restoration: Restoration;
  row: SecretRow;
}

/** Whether another secret has the name that this one had. */
async function isBlocked(work: Work, row: SecretRow, { former }: Restoration): Promise<boolean> {
  if (former === undefined) return false;
  const place = { id: former.environment_id } as Environment;
  const there = await findSecret(work, place, former.path);
  return there !== undefined && there.id !== row.id;
}

/** Of secrets that wait for each other's names, the first that is live takes another for the moment. */
async function stepAside(
  work: Work,
  blocked: readonly Waiting[],
  environmentById: (id: string) => Environment,
): Promise<void> {
  const wanted = new Set(
    blocked.map(({ restoration: { former } }) => `${former?.environment_id} ${former?.path}`),
  );
  const inTheWay = blocked.find(
    ({ row }) => row.deleted_at === null && wanted.has(`${row.environment_id} ${row.path}`),
  );
  if (inTheWay === undefined) {
    const former = blocked[0]?.restoration.former;
    throw secretExists(
      former?.path ?? '',
      former === undefined ? '' : environmentById(former.environment_id).name,
      { hint: 'nothing was changed; delete or rename it first' },
    );
  }
  inTheWay.row = await changeState(work, inTheWay.row, { path: `undo-${uuidv7()}` });
}

async function restoreOne(
  work: Work,
  present: SecretRow,
  {
    restoration,
    environmentById,
  }: {
    readonly restoration: Restoration;
    readonly environmentById: (id: string) => Environment;
  },
): Promise<Restored> {
  const { former, steps } = restoration;
  if (former === undefined) throw new TypeError('there is nothing to restore');
  const environment = environmentById(former.environment_id);
  const isMove = former.environment_id !== present.environment_id;
  const row = isMove
    ? await placeSecret(work, present, { environment, path: former.path })
    : present;
  const version = steps.includes('value')
    ? await appendVersion(work, row, { row: former, present: row })
    : undefined;
  const set = { ...version?.set, updated_at: work.now, updated_by: work.actor };
  if (steps.every((step) => step === 'value')) {
    const changed = await updateRow(work.transaction, work.mac, SECRETS, { from: row, set });
    return { restoration, row: changed, commit: version?.commit };
  }
  const changed = await changeState(work, row, {
    ...set,
    ...(await attributesAs(work, row, former)),
    ...rotationAs(work, row, former),
    path: former.path,
    deleted_at: null,
    deleted_by: null,
  });
  return { restoration, row: changed, commit: version?.commit };
}

/** When it is due under a policy of before is counted as for one that is set now. */
function rotationAs(
  work: Work,
  row: SecretRow,
  former: SecretRow,
): Pick<SecretRow, 'rotation_policy' | 'rotation_due_at'> {
  const isSame = former.rotation_policy === row.rotation_policy;
  const given = isSame ? {} : { rotation: policyOf(former) };
  const { rotation_policy, rotation_due_at } = rotationColumns(work, row, given);
  return { rotation_policy, rotation_due_at };
}

/** A change that is not the last one of its secret. */
function undoConflict(path: string): StrongroomError {
  return new StrongroomError('undo_conflict', `${path} was changed since`, {
    details: { path },
    hint: 'undo the later changes first, or bring it back to a moment with `strongroom undo --since`',
  });
}

/** A change at a moment at which the secret was changed by others as well. */
export function changedAtOnce(path: string): StrongroomError {
  return new StrongroomError(
    'undo_conflict',
    `${path} was changed more than once in the same millisecond`,
    {
      details: { path },
      hint: 'those changes cannot be told apart: bring it back to a moment before with `strongroom undo --since`',
    },
  );
}

function notUndoable(path: string): StrongroomError {
  return new StrongroomError('undo_conflict', `that change of ${path} cannot be undone alone`, {
    details: { path },
    hint: 'bring it back to a moment with `strongroom undo --since`',
  });
}
