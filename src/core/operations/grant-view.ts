import { CAPABILITIES, type Capability } from '../../domain/access/capability.ts';
import { decodeConditions, type Conditions } from '../../domain/access/conditions.ts';
import { capabilitiesOf } from '../../domain/access/grants.ts';
import type { GrantRow } from '../../store/tables.ts';
import type { Call } from '../operation.ts';
import { workspaceName } from './access-scope.ts';
import { toIso } from './secret-view.ts';

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
    createdAt: toIso(row.created_at),
    createdBy: row.created_by,
  };
}
