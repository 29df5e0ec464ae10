import { z } from 'zod';

import { CAPABILITIES, type Capability } from '../../domain/access/capability.ts';
import {
  DAYS,
  decodeConditions,
  type Conditions,
  type Day,
} from '../../domain/access/conditions.ts';
import { capabilitiesOf } from '../../domain/access/grants.ts';
import { isoTime } from '../../lib/iso-time.ts';
import type { GrantRow } from '../../store/tables.ts';
import type { Call } from '../operation.ts';
import { workspaceName } from './access-scope.ts';
import * as schema from './schema.ts';
import { capability } from './secret-access.ts';

/** A rule: what it allows or denies to whom. Times are RFC 3339. */
export interface GrantSummary {
  readonly id: string;
  readonly effect: 'allow' | 'deny';
  /** Such as `role:payments`. */
  readonly subject: string;
  readonly can: readonly Capability[];
  /** Empty for a rule on a secret that is in the trash: it covers nothing until that is restored. */
  readonly pattern: string;
  /** The workspace that it counts in; `null`: in all. */
  readonly workspace: string | null;
  /** `null`: always. `unknown`: written by a newer version; an allow does not count then. */
  readonly conditions: Conditions | 'unknown' | null;
  /** Set if it is about one secret, with which it goes when that is renamed. */
  readonly secretId: string | null;
  readonly createdAt: string;
  /** Principal id; `null`: the vault itself. */
  readonly createdBy: string | null;
}

/** Conditions by their members; what these may say is checked where they are written down. */
export const grantConditions: z.ZodType<Conditions> = z.strictObject({
  cidr: z.array(z.string()).optional(),
  userAgents: z.array(z.string()).optional(),
  times: z
    .array(
      z.strictObject({
        days: z.array(z.enum(DAYS as readonly [Day, ...Day[]])).optional(),
        from: z.string().optional(),
        to: z.string().optional(),
        zone: z.string(),
      }),
    )
    .optional(),
  mfa: z.boolean().optional(),
  notBefore: z.string().optional(),
  notAfter: z.string().optional(),
});

/** The members of {@link GrantSummary}, to be spread into what has them too. */
export const grantMembers: schema.Members<GrantSummary> = {
  id: z.uuid(),
  effect: z.enum(['allow', 'deny']),
  subject: z.string(),
  can: z.array(capability),
  pattern: z.string(),
  workspace: z.string().nullable(),
  conditions: z.union([grantConditions, z.literal('unknown')]).nullable(),
  secretId: z.uuid().nullable(),
  createdAt: schema.instant,
  createdBy: z.string().nullable(),
};

/** A rule as answers have it. */
export const grantSummary: z.ZodType<GrantSummary> = schema.answer(grantMembers);

/** The summary of a rule. */
export function toGrantSummary(call: Call, row: GrantRow): GrantSummary {
  const capabilities = capabilitiesOf(row);
  return {
    id: row.id,
    effect: row.effect === 'allow' ? 'allow' : 'deny',
    subject: call.policy.textOf(row.subject_id),
    can: CAPABILITIES.filter((each) => capabilities.has(each)),
    pattern: row.pattern,
    workspace: workspaceName(call, row.workspace_id),
    conditions: row.conditions === null ? null : (decodeConditions(row.conditions) ?? 'unknown'),
    secretId: row.secret_id,
    createdAt: isoTime(row.created_at),
    createdBy: row.created_by,
  };
}
