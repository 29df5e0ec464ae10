import { z } from 'zod';

import { followSecret, requireGrantsAllowed } from '../../domain/access/secret-grants.ts';
import type { AuditEntry } from '../../domain/audit/entry.ts';
import { findChange, provenEntries, type FoundChange } from '../../domain/audit/find-change.ts';
import { secretAt } from '../../domain/secrets/at.ts';
import { findSecretById } from '../../domain/secrets/find.ts';
import { secretsUnder } from '../../domain/secrets/rows-under.ts';
import {
  beforeChange,
  beforeEarlierChange,
  changedAtOnce,
  planRestoration,
  restoreSecrets,
  type Restoration,
  type RestorationStep,
  type Restored,
} from '../../domain/secrets/restoration.ts';
import { versionDeleted } from '../../domain/secrets/versions.ts';
import { StrongroomError } from '../../errors.ts';
import { isUuid } from '../../lib/ids.ts';
import type { SecretRow } from '../../store/tables.ts';
import { recordCompared } from './diff-secrets.ts';
import type { ChangeNote } from '../change-note.ts';
import type { Call, Operation, Services } from '../operation.ts';
import { IN_WORKSPACE } from '../rest-binding.ts';
import { mayAt, requireAt } from '../rights-at.ts';
import { addressOf } from './place-secret.ts';
import { requireGivenOut } from './given-out.ts';
import * as schema from './schema.ts';
import { environmentById, prefix } from './secret-folder.ts';
import { mayNow, pastMoment, snapshotOf } from './snapshot.ts';

export interface UndoChangeInput {
  readonly workspace?: string | undefined;
  /** The sequence number of an audit entry, or the id of a request: then all that it changed. */
  readonly change: number | string;
  /** Only tells what would be done. Default no. */
  readonly dryRun?: boolean | undefined;
}

export interface RewindSecretsInput {
  readonly workspace?: string | undefined;
  readonly environment: string;
  /** Only paths that begin with this, such as `payments/`. */
  readonly prefix?: string | undefined;
  /** RFC 3339: the moment that they are brought back to. */
  readonly since: string;
  /** Only tells what would be done. Default no. */
  readonly dryRun?: boolean | undefined;
}

/** What was done to a secret. */
export interface SecretUndone {
  readonly id: string;
  readonly environment: string;
  /** Where it is now; where it was, if it was deleted. */
  readonly path: string;
  /** Where it was before, if that is another place. */
  readonly fromPath: string | undefined;
  readonly steps: readonly RestorationStep[];
  readonly version: number;
}

/** What was done, by path. */
export interface SecretsUndone {
  readonly secrets: readonly SecretUndone[];
  /** Paths of secrets whose values of then were deleted or destroyed since: these stay as they are. */
  readonly lost: readonly string[];
  /**
   * If the entry that was named is one of a change of several secrets: what to name to undo all of
   * them, and how many of the first thousand the caller may list.
   */
  readonly partOf?: { readonly change: string; readonly secrets: number } | undefined;
}

const secretUndone = schema
  .answer<SecretUndone>({
    id: z.uuid(),
    environment: z.string(),
    path: z.string(),
    fromPath: z.string().optional(),
    steps: z.array(z.enum(['delete', 'undelete', 'rename', 'move', 'value', 'attributes'])),
    version: z.int(),
  })
  .meta({ wire: { names: { path: 'name', fromPath: 'from_name' } } });

/** The schema of {@link SecretsUndone}. */
export const secretsUndone: z.ZodType<SecretsUndone> = schema.answer<SecretsUndone>({
  secrets: z.array(secretUndone),
  lost: z.array(z.string()),
  partOf: z.strictObject({ change: z.string(), secrets: z.int() }).optional(),
});

const CHANGE = 'takes the number of an entry of the log, or the id of a change';

export const undoChange: Operation<UndoChangeInput, SecretsUndone, FoundChange | undefined> = {
  name: 'secrets.undo',
  summary: 'Reverses one change, as new versions and states.',
  errors: [
    'secret_exists',
    'secret_deleted',
    'secret_inactive',
    'undo_conflict',
    'entry_not_found',
  ],
  input: z.strictObject({
    workspace: schema.workspace,
    change: z.union([z.int().min(0), z.string().refine(isUuid, CHANGE)], { error: CHANGE }),
    dryRun: z.boolean().optional(),
  }),
  output: secretsUndone,
  rest: [{ method: 'POST', path: `${IN_WORKSPACE}/secrets/undo` }],
  secretMembers: [],
  mutates: true,
  // Which secrets a change was of stands in the log: each right is asked for as if it were done by hand.
  requires: (input) => [
    { capability: 'list', resource: [schema.workspaceOf(input)], reach: 'under' },
  ],
  subject: ({ workspace, change, dryRun }) => {
    const named = typeof change === 'number' ? `entry ${change}` : `request ${change}`;
    return {
      workspace: schema.workspaceOf({ workspace }),
      detail: `${named}${dryRun === true ? ', only tried' : ''}`,
    };
  },
  prepare: ({ change }, { store, log }: Services) =>
    store.read((transaction) => findChange(transaction, log.number, change)),
  apply: async ({ workspace, dryRun }, call, found) => {
    const { id } = call.directory.workspace(schema.workspaceOf({ workspace }));
    const planned = await planUndo(call, id, found);
    const lost = planned.find(({ isLost }) => isLost);
    if (lost !== undefined) throw versionDeleted(lost.former?.current_version ?? 0);
    const partOf = await wholeOf(call, found);
    return { ...(await undo(call, planned, dryRun === true)), ...(partOf && { partOf }) };
  },
};

/** Errors: `environment_not_found`, `secret_exists`, `denied`, `invalid_input`. All or nothing. */
export const rewindSecrets: Operation<RewindSecretsInput, SecretsUndone> = {
  name: 'secrets.rewind',
  summary: 'Brings every secret of an environment or a folder to how it was at a moment.',
  errors: ['environment_not_found', 'secret_exists', 'secret_inactive', 'undo_conflict'],
  input: z.strictObject({
    workspace: schema.workspace,
    environment: schema.environment,
    prefix,
    since: schema.time,
    dryRun: z.boolean().optional(),
  }),
  output: secretsUndone,
  rest: [{ method: 'POST', path: `${IN_WORKSPACE}/environments/{environment}/rewind` }],
  secretMembers: [],
  mutates: true,
  requires: (input) => [
    {
      capability: 'write',
      resource: [schema.workspaceOf(input), input.environment],
      reach: 'under',
    },
  ],
  subject: (input) => ({
    workspace: schema.workspaceOf(input),
    environment: input.environment,
    detail: `${input.prefix ?? ''} to ${input.since}${input.dryRun === true ? ', only tried' : ''}`,
  }),
  apply: async (input, call) => undo(call, await planRewind(call, input), input.dryRun === true),
};

async function planUndo(
  call: Call,
  workspaceId: string,
  found: FoundChange | undefined,
): Promise<readonly Restoration[]> {
  if (found === undefined) throw noSuchChange();
  const entries = await provenEntries(call.transaction, call.log, found.bodies);
  const changes = new Map<string, AuditEntry>();
  for (const entry of entries) {
    const { secret_id: id, revision, outcome } = entry;
    if (id === undefined || revision === undefined || outcome !== 'ok') continue;
    const known = changes.get(id);
    if (known?.revision === undefined || known.revision <= revision) {
      changes.set(id, { ...known, ...entry });
    }
  }
  if (changes.size === 0) throw noSuchChange();
  const planned: Restoration[] = [];
  for (const [id, entry] of changes) {
    const present = await findSecretById(call, id);
    if (present?.workspace_id !== workspaceId || !mayNow(call, 'list', present))
      throw noSuchChange();
    if (found.changedAtOnce.has(id)) throw changedAtOnce(present.path);
    planned.push(await planOne(call, present, { entry, isPart: changes.size > 1 }));
  }
  return planned;
}

async function planOne(
  call: Call,
  present: SecretRow,
  { entry, isPart }: { readonly entry: AuditEntry; readonly isPart: boolean },
): Promise<Restoration> {
  const { revision = 0, time, commit, version } = entry;
  const change = {
    revision,
    time: Date.parse(time),
    // A version is only new where its envelope's commitment is on record.
    version: commit === undefined ? undefined : version,
  };
  const compares = mayNow(call, 'read', present);
  const former =
    present.row_revision === revision
      ? await beforeChange(call, present, change)
      : await beforeEarlierChange(call, present, { change, compares, isPart });
  return planFor(call, present, former);
}

/** How many secrets are looked up to tell how large a change was. */
const COUNTED_MAX = 1000;

/** Of what an entry is a part, as far as the caller may know. */
async function wholeOf(
  call: Call,
  found: FoundChange | undefined,
): Promise<SecretsUndone['partOf']> {
  if (found?.whole === undefined) return undefined;
  let secrets = 0;
  for (const id of [...found.whole.secretIds].slice(0, COUNTED_MAX)) {
    const present = await findSecretById(call, id);
    if (present !== undefined && mayNow(call, 'list', present)) secrets += 1;
  }
  return secrets > 1 ? { change: found.whole.request, secrets } : undefined;
}

/** Whether a value is another is told by comparing, which is a way of reading. */
function planFor(
  call: Call,
  present: SecretRow,
  former: SecretRow | undefined,
): Promise<Restoration> {
  return planRestoration(call, present, { former, compares: mayNow(call, 'read', present) });
}

async function planRewind(call: Call, input: RewindSecretsInput): Promise<readonly Restoration[]> {
  const environment = call.directory.environment(schema.workspaceOf(input), input.environment);
  const at = pastMoment(call, input.since);
  const scope = input.prefix ?? '';
  const planned = new Map<string, Restoration>();
  for (const { row, present } of (
    await snapshotOf(call, environment, { prefix: scope, at })
  ).values()) {
    planned.set(present.id, await planFor(call, present, row));
  }
  for (const present of await secretsUnder(call, environment, scope)) {
    if (planned.has(present.id) || !mayAt(call, 'list', environment, present.path)) continue;
    const former = (await secretAt(call, present, at))?.former;
    planned.set(present.id, await planFor(call, present, former));
  }
  return [...planned.values()];
}

async function undo(
  call: Call,
  planned: readonly Restoration[],
  isTried: boolean,
): Promise<SecretsUndone> {
  const lost = planned.filter(({ isLost }) => isLost).map(({ present }) => present.path);
  const due = planned.filter(({ isLost, steps }) => !isLost && steps.length > 0);
  for (const restoration of due) await requireRights(call, restoration);
  for (const { present } of planned.filter(({ isCompared }) => isCompared)) {
    recordCompared(call, environmentById(call, present.environment_id), present);
  }
  const restored = isTried
    ? due.map((restoration) => ({ restoration, row: restoration.present, commit: undefined }))
    : await restoreSecrets(call, due, (id) => environmentById(call, id));
  if (!isTried) for (const each of restored) await settle(call, each);
  const secrets = restored
    .map((each) => viewOf(call, each))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
  return { secrets, lost: lost.toSorted() };
}

/** The rights that it would take to do the same by hand. */
async function requireRights(call: Call, { present, former, steps }: Restoration): Promise<void> {
  const here = environmentById(call, present.environment_id);
  const there = former === undefined ? here : environmentById(call, former.environment_id);
  const path = former?.path ?? present.path;
  for (const step of steps) {
    if (step === 'delete') requireAt(call, 'delete', here, present.path);
    if (step === 'undelete') requireAt(call, 'delete', there, path);
    if (step === 'rename') requireAt(call, 'write', here, present.path);
    if (step === 'move') requireAt(call, 'delete', here, present.path);
    if (step === 'value' && mayAt(call, 'rotate', there, path)) continue;
    if (step === 'value') requireAt(call, 'read', here, present.path);
    if (step !== 'delete' && step !== 'undelete') requireAt(call, 'write', there, path);
  }
  if (!steps.includes('rename') && !steps.includes('move')) return;
  // At another place others may read: nobody decides that about a value that they may not have.
  requireAt(call, 'read', here, present.path);
  requireGivenOut(call, here, present);
  await requireGrantsAllowed(call, present.id, { environment: there, path });
}

/** Lets the grants follow, and puts on record what was done. */
async function settle(call: Call, { restoration, row, commit }: Restored): Promise<void> {
  const environment = environmentById(call, row.environment_id);
  const isLive = row.deleted_at === null;
  await followSecret(call, row.id, isLive ? { environment, path: row.path } : undefined);
  call.record('secrets.undo', {
    ...addressOf(environment, row.path),
    secretId: row.id,
    version: commit === undefined ? undefined : row.current_version,
    revision: row.row_revision,
    commit,
    detail: restoration.steps.join(', '),
    became: isLive ? undefined : 'left',
    formerly: formerlyOf(restoration, row),
  });
}

/** Where a reader saw it before, if that is not where it is now. */
function formerlyOf({ present }: Restoration, row: SecretRow): ChangeNote['formerly'] {
  const { environment_id: environmentId, path, deleted_at: deletedAt } = present;
  const isElsewhere = environmentId !== row.environment_id || path !== row.path;
  return isElsewhere && deletedAt === null ? { environmentId, path } : undefined;
}

function viewOf(call: Call, { restoration, row }: Restored): SecretUndone {
  const { present, former, steps } = restoration;
  const to = former ?? present;
  const isElsewhere = to.environment_id !== present.environment_id || to.path !== present.path;
  return {
    id: row.id,
    environment: environmentById(call, to.environment_id).name,
    path: to.path,
    fromPath: isElsewhere ? present.path : undefined,
    steps,
    version: row.current_version,
  };
}

function noSuchChange(): StrongroomError {
  return new StrongroomError('entry_not_found', 'there is no such change of a secret', {
    hint: 'see `strongroom audit list` for the numbers of changes',
  });
}
