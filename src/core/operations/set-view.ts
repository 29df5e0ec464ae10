import { z } from 'zod';

import type { GroupRow, RoleRow } from '../../store/tables.ts';
import type { Call } from '../operation.ts';
import { workspaceName } from './access-scope.ts';
import { grantSummary, toGrantSummary, type GrantSummary } from './grant-view.ts';
import * as schema from './schema.ts';

/** A group or a role. */
export interface SetSummary {
  readonly id: string;
  readonly name: string;
  /** The workspace that it belongs to; `null`: the whole vault. */
  readonly workspace: string | null;
  readonly isBuiltIn: boolean;
  /** How many are in it, or have it, straight. */
  readonly members: number;
}

/** Who is in a group or has a role, and what comes with it. */
export interface SetDescription extends Omit<SetSummary, 'members'> {
  /** The first 1,000, such as `user:ada`, and where that counts. */
  readonly members: readonly Membership[];
  /** What it is in, or has itself. */
  readonly memberOf: readonly Membership[];
  readonly grants: readonly GrantSummary[];
}

/** One membership, from one of its ends. */
export interface Membership {
  readonly subject: string;
  /** The workspace in which it counts; `null`: in all. */
  readonly workspace: string | null;
}

const DESCRIBED_MAX = 1000;

const setMembers: schema.Members<SetSummary> = {
  id: z.uuid(),
  name: z.string(),
  workspace: z.string().nullable(),
  isBuiltIn: z.boolean(),
  members: z.int(),
};

/** The schema of {@link SetSummary}. */
export const setSummary: z.ZodType<SetSummary> = schema.answer(setMembers);

const membership = schema.answer<Membership>({
  subject: z.string(),
  workspace: z.string().nullable(),
});

/** The schema of {@link SetDescription}. */
export const setDescription: z.ZodType<SetDescription> = schema.answer<SetDescription>({
  ...setMembers,
  members: z.array(membership),
  memberOf: z.array(membership),
  grants: z.array(grantSummary),
});

/** A group or a role as answers have it. */
export function toSetSummary(call: Call, row: GroupRow | RoleRow): SetSummary {
  return {
    id: row.id,
    name: row.name,
    workspace: workspaceName(call, row.workspace_id),
    isBuiltIn: 'built_in' in row && row.built_in === 1,
    members: call.policy.memberships.by('parent', row.id).length,
  };
}

/** The same, with the first of its members and grants. */
export function describeSet(call: Call, row: GroupRow | RoleRow): SetDescription {
  const { policy } = call;
  const textOf = (id: string, workspaceId: string | null): Membership => ({
    subject: policy.textOf(id),
    workspace: workspaceName(call, workspaceId),
  });
  return {
    ...toSetSummary(call, row),
    members: policy.memberships
      .by('parent', row.id)
      .slice(0, DESCRIBED_MAX)
      .map((each) => textOf(each.member_id, each.workspace_id)),
    memberOf: policy.memberships
      .by('member', row.id)
      .map((each) => textOf(each.parent_id, each.workspace_id)),
    grants: policy.grants
      .by('subject', row.id)
      .slice(0, DESCRIBED_MAX)
      .map((each) => toGrantSummary(call, each)),
  };
}
