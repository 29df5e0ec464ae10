import { StrongroomError } from '../../errors.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { GRANTS } from '../../store/protected-tables.ts';
import { insertRow, removeRow } from '../../store/rows.ts';
import type { GrantRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Directory } from '../workspaces/directory.ts';
import { CAPABILITIES, isCapability, type Capability } from './capability.ts';
import { encodeConditions, type Conditions } from './conditions.ts';
import type { Policy } from './policy.ts';
import { builtInRole } from './sets.ts';
import { subjectNotFound } from './subjects.ts';

/** A rule that is to be made. */
export interface NewGrant {
  /** `user:NAME`, `machine:NAME`, `group:NAME` or `role:NAME`. */
  readonly subject: string;
  readonly effect: 'allow' | 'deny';
  readonly can: readonly Capability[];
  /** Such as `default/production/**`. */
  readonly pattern: string;
  readonly conditions?: Conditions | undefined;
}

/** A rule as it would be stored, but for its protection. */
export type GrantDraft = Omit<GrantRow, 'row_revision' | 'mac_key' | 'mac'>;

/** The pattern of a grant on a secret that is in the trash: it covers nothing, until it is back. */
export const SUSPENDED = '';

/** Where rules are looked up that a draft is made of. */
export interface PolicySources {
  readonly policy: Policy;
  readonly directory: Directory;
}

/**
 * Works out what a new rule is about. A pattern that names a workspace is bound
 * to that one, so that another one of the same name inherits nothing.
 *
 * @throws {@link StrongroomError} `subject_not_found`, `workspace_not_found`, `built_in_role`,
 * `invalid_input`.
 */
export function draftGrant(
  work: Pick<Work, 'now' | 'actor'>,
  { policy, directory }: PolicySources,
  made: NewGrant,
): GrantDraft {
  const workspaceId = workspaceIdOf(directory, made.pattern);
  const subject = policy.subject(made.subject, workspaceId);
  if (subject === undefined) throw subjectNotFound(made.subject);
  const role = policy.roles.get(subject.id);
  if (role?.built_in === 1) throw builtInRole(role.name);
  if (subject.workspaceId !== null && subject.workspaceId !== workspaceId) {
    throw new StrongroomError(
      'invalid_input',
      `${made.subject} belongs to one workspace, and the pattern is about others`,
      { hint: 'begin the pattern with the name of that workspace' },
    );
  }
  return {
    id: uuidv7(),
    workspace_id: workspaceId,
    subject_kind: subject.kind,
    subject_id: subject.id,
    effect: made.effect,
    capabilities: CAPABILITIES.filter((each) => made.can.includes(each)).join(' '),
    pattern: made.pattern,
    conditions: encodeConditions(made.conditions),
    created_at: work.now,
    created_by: work.actor,
    secret_id: null,
  };
}

/** Makes a rule. */
export async function insertGrant(work: Work, draft: GrantDraft): Promise<GrantRow> {
  return insertRow(work.transaction, work.mac, GRANTS, draft);
}

/**
 * Takes a rule away.
 *
 * @throws {@link StrongroomError} `built_in_role` if it makes up a built-in role.
 */
export async function removeGrant(work: Work, policy: Policy, row: GrantRow): Promise<void> {
  requireFreeGrant(policy, row);
  await removeRow(work.transaction, work.mac, GRANTS, row);
}

/** A rule of a built-in role stays; one on a single secret may be such a role's and go. */
export function requireFreeGrant(policy: Policy, row: GrantRow): void {
  const role = policy.roles.get(row.subject_id);
  if (role?.built_in === 1 && row.secret_id === null) throw builtInRole(role.name);
}

/**
 * A rule by its id.
 *
 * @throws {@link StrongroomError} `grant_not_found`.
 */
export function requireGrant(policy: Policy, id: string): GrantRow {
  const row = policy.grants.get(id);
  if (row !== undefined) return row;
  throw new StrongroomError('grant_not_found', 'there is no grant of that id', {
    hint: 'see `strongroom access list`',
  });
}

/** The capabilities that a rule names. */
export function capabilitiesOf(row: Pick<GrantRow, 'capabilities'>): ReadonlySet<Capability> {
  return new Set(row.capabilities.split(' ').filter(isCapability));
}

/** The workspace that a pattern names, by its first segment, or by the third one under `sys`. */
function workspaceIdOf(directory: Directory, pattern: string): string | null {
  const [first = '', , third] = pattern.split('/');
  if (first === '*' || first === '**') return null;
  if (first !== 'sys') return directory.workspace(first).id;
  if (third === undefined || third === '*' || third === '**') return null;
  return directory.workspace(third).id;
}
