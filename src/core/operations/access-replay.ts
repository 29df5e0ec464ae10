import { z } from 'zod';

import { decide, mayReachUnder } from '../../domain/access/decide.ts';
import { draftGrant, requireFreeGrant, requireGrant } from '../../domain/access/grants.ts';
import type { PrincipalView } from '../../domain/access/policy.ts';
import { accessesSince, type PastAccess, type PastAccesses } from '../../domain/audit/accesses.ts';
import { GRANTS } from '../../store/protected-tables.ts';
import type { RowChange } from '../../store/store.ts';
import type { Call, Operation, Requirement } from '../operation.ts';
import { ADMIN } from '../rest-binding.ts';
import { conditions, pattern, type GrantInput } from './access-rules.ts';
import { ACCESS, patternWarnings } from './access-scope.ts';
import { capabilities, subjectText } from './secret-access.ts';
import * as schema from './schema.ts';

export interface ProposedGrant extends GrantInput {
  /** Default: `allow`. */
  readonly effect?: 'allow' | 'deny' | undefined;
}

export interface ReplayInput {
  /** Rules to be made. */
  readonly add?: readonly ProposedGrant[] | undefined;
  /** Ids of grants to be taken away. */
  readonly remove?: readonly string[] | undefined;
  /** RFC 3339: what was done since then is decided again. */
  readonly since: string;
}

/** Something that somebody did, or tried, that would end otherwise. */
export interface AccessShift {
  readonly principal: string;
  readonly change: 'gains' | 'loses';
  /** The operation that was called. */
  readonly action: string;
  readonly capability: string;
  readonly resource: string;
  /** How often it was called. */
  readonly times: number;
  /** RFC 3339: when it was called last. */
  readonly last: string;
}

export interface AccessReplayed {
  /** Those who lose first, and what was called most often before the rest. */
  readonly shifts: readonly AccessShift[];
  /** How many entries of the log were decided again. */
  readonly entries: number;
  /** Entries that don't say enough to be decided again. */
  readonly undecided: number;
  /** Whether the log was looked at back to `since`; only its newest 100,000 entries are. */
  readonly isComplete: boolean;
}

const CHANGES_MAX = 1000;

const shift = schema.answer<AccessShift>({
  principal: z.string(),
  change: z.enum(['gains', 'loses']),
  action: z.string(),
  capability: z.string(),
  resource: z.string(),
  times: z.int(),
  last: schema.instant,
});

/**
 * Errors: `grant_not_found`, `subject_not_found`, `workspace_not_found`, `built_in_role`,
 * `environment_not_found` for a workspace's name in place of an environment's.
 */
export const replayAccess: Operation<ReplayInput, AccessReplayed, PastAccesses> = {
  name: 'access.replay',
  summary: 'Decides what was done before again, as if rules had been changed, and changes nothing.',
  errors: [
    'workspace_not_found',
    'environment_not_found',
    'subject_not_found',
    'grant_not_found',
    'built_in_role',
  ],
  input: z.strictObject({
    add: z
      .array(
        z.strictObject({
          subject: subjectText,
          effect: z.enum(['allow', 'deny']).optional(),
          can: capabilities,
          pattern,
          conditions,
        }),
      )
      .max(CHANGES_MAX)
      .optional(),
    remove: z.array(z.string().max(64)).max(CHANGES_MAX).optional(),
    since: schema.time,
  }),
  output: schema.answer<AccessReplayed>({
    shifts: z.array(shift),
    entries: z.int(),
    undecided: z.int(),
    isComplete: z.boolean(),
  }),
  rest: [{ method: 'POST', path: `${ADMIN}/access/replay` }],
  secretMembers: [],
  mutates: false,
  requires: () => [
    { capability: 'read', resource: ACCESS },
    { capability: 'read', resource: ['sys', 'audit'] },
  ],
  subject: ({ since }) => ({ detail: `since ${since}` }),
  prepare: ({ since }, { store, log }) =>
    store.read((transaction) =>
      accessesSince(transaction, log, new Date(schema.toMs(since) ?? 0).toISOString()),
    ),
  apply: async (input, call, past) => replay(call, changesOf(call, input), past),
};

/** The change as rows, which are only ever held in memory. */
function changesOf(call: Call, { add = [], remove = [] }: ReplayInput): readonly RowChange[] {
  const removed = remove.map((id) => {
    const row = requireGrant(call.policy, id);
    requireFreeGrant(call.policy, row);
    return { table: 'grants' as const, removed: row };
  });
  const added = add.map(({ effect = 'allow', ...rest }) => {
    const draft = draftGrant(call, call, { ...rest, effect });
    patternWarnings(call, { ...rest, effect });
    return { table: 'grants' as const, added: call.mac.protect(GRANTS, draft) };
  });
  return [...removed, ...added];
}

function replay(call: Call, changes: readonly RowChange[], past: PastAccesses): AccessReplayed {
  const actors = [...new Set(past.accesses.map(({ actor }) => actor))];
  const viewsNow = (): ReadonlyMap<string, PrincipalView | undefined> =>
    new Map(actors.map((actor) => [actor, call.policy.view(actor)]));
  const before = viewsNow();
  call.policy.apply(changes);
  let after: typeof before;
  try {
    after = viewsNow();
  } finally {
    // Nothing else runs in between: who decides next finds the rules as they are.
    call.policy.revert(changes);
  }
  const shifts = new Map<string, AccessShift>();
  let undecided = 0;
  for (const access of past.accesses) {
    const requirements = call.requirementsOf(access.action, access);
    if (requirements === undefined) undecided += access.times;
    const views = [before.get(access.actor), after.get(access.actor)] as const;
    for (const each of requirements ?? [])
      addShift(call, shifts, { access, requirement: each, views });
  }
  return {
    shifts: [...shifts.values()].toSorted(inOrder),
    entries: past.entries - undecided,
    undecided,
    isComplete: past.isComplete,
  };
}

function addShift(
  call: Call,
  shifts: Map<string, AccessShift>,
  held: {
    readonly access: PastAccess;
    readonly requirement: Requirement;
    readonly views: readonly [PrincipalView | undefined, PrincipalView | undefined];
  },
): void {
  const { access, requirement, views } = held;
  const [was, will] = views.map((view) => allows(call, view, requirement, access));
  if (was === will) return;
  const { capability } = requirement;
  const resource = requirement.resource.join('/');
  const change = will === true ? 'gains' : 'loses';
  const key = [access.actor, change, access.action, capability, resource].join('\n');
  const known = shifts.get(key);
  shifts.set(key, {
    principal: call.policy.textOf(access.actor),
    change,
    action: access.action,
    capability,
    resource,
    times: (known?.times ?? 0) + access.times,
    last: known === undefined || known.last < access.last ? access.last : known.last,
  });
}

function allows(
  call: Call,
  view: PrincipalView | undefined,
  { capability, resource, reach }: Requirement,
  { ip, userAgent, last }: PastAccess,
): boolean {
  if (view === undefined) return false;
  const request = {
    capability,
    resource,
    workspaceId: call.directory.workspaceIdOf(resource),
    circumstances: { ip, userAgent, now: Date.parse(last) },
  };
  return reach === 'under'
    ? mayReachUnder(request, view.rules)
    : decide(request, view.rules).allowed;
}

function inOrder(one: AccessShift, other: AccessShift): number {
  if (one.change !== other.change) return one.change === 'loses' ? -1 : 1;
  return other.times - one.times || (one.last < other.last ? 1 : -1);
}
