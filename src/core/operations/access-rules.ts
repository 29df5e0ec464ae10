import { z } from 'zod';

import type { Capability } from '../../domain/access/capability.ts';
import type { Conditions } from '../../domain/access/conditions.ts';
import {
  capabilitiesOf,
  draftGrant,
  insertGrant,
  removeGrant,
  requireGrant,
  type NewGrant,
} from '../../domain/access/grants.ts';
import { patternFault } from '../../domain/access/pattern.ts';
import { subjectNotFound } from '../../domain/access/subjects.ts';
import { StrongroomError } from '../../errors.ts';
import type { GrantRow } from '../../store/tables.ts';
import type { Call, Operation, Requirement } from '../operation.ts';
import { ADMIN } from '../rest-binding.ts';
import {
  CHANGES_ACCESS,
  inScope,
  page,
  pageOf,
  patternWarnings,
  requireChangesAt,
  requireSight,
  scope,
  scopeId,
  scopeSubject,
  workspaceName,
  type PageInput,
  type ScopeInput,
} from './access-scope.ts';
import { coverWarnings } from './cover-warnings.ts';
import {
  grantConditions,
  grantMembers,
  grantSummary,
  toGrantSummary,
  type GrantSummary,
} from './grant-view.ts';
import * as schema from './schema.ts';
import { capabilities, subjectText } from './secret-access.ts';

export interface GrantInput {
  /** `user:NAME`, `machine:NAME`, `group:NAME` or `role:NAME`. */
  readonly subject: string;
  readonly can: readonly Capability[];
  /** Such as `default/production/**`: `*` is one segment, `**` any number, also none. */
  readonly pattern: string;
  /** When it counts. Default: always. */
  readonly conditions?: Conditions | undefined;
}

/** A rule that was made. */
export interface GrantMade extends GrantSummary {
  /** What is odd about it, such as an environment that is not there, or that it covers nothing yet. */
  readonly warnings: readonly string[];
}

export interface RevokeInput {
  /** A grant's id. */
  readonly grant: string;
}

export interface ListGrantsInput extends ScopeInput, PageInput {
  /** Only rules about this one, without those that it has through others. */
  readonly subject?: string | undefined;
}

export interface GrantList {
  readonly grants: readonly GrantSummary[];
  /** Set if there are more: pass it as `cursor`. */
  readonly next: string | undefined;
}

const ID_MAX = 64;

/** A pattern over workspace, environment and path. */
export const pattern: z.ZodType<string> = z
  .string()
  .superRefine((text, context) => {
    const fault = patternFault(text);
    if (fault === undefined) return;
    const error = new StrongroomError('invalid_input', fault, {
      hint: 'use a pattern such as default/production/**',
    });
    context.addIssue({ code: 'custom', params: { fault: error } });
  })
  .meta({
    pattern: '^(?:\\*\\*?|[A-Za-z0-9._-]+)(?:/(?:\\*\\*?|[A-Za-z0-9._-]+)){0,17}$',
    maxLength: 512,
  });

/** Conditions; what they say is checked where they are written down. */
export const conditions: z.ZodType<Conditions | undefined> = grantConditions.optional();

const input: z.ZodType<GrantInput> = z.strictObject({
  subject: subjectText,
  can: capabilities,
  pattern,
  conditions,
});

const grantMade = schema.answer<GrantMade>({ ...grantMembers, warnings: schema.texts });

const common = {
  output: grantMade,
  secretMembers: [],
  mutates: true,
  requires: ({ pattern: text }: GrantInput): readonly Requirement[] => changesAt(text),
} as const;

/**
 * Errors: `subject_not_found`, `workspace_not_found`, `environment_not_found` for a workspace's name
 * in place of an environment's, `built_in_role`, `invalid_input`, `escalation_refused`.
 */
export const grantAccess: Operation<GrantInput, GrantMade> = {
  ...common,
  name: 'access.grant',
  errors: [
    'workspace_not_found',
    'environment_not_found',
    'subject_not_found',
    'built_in_role',
    'escalation_refused',
  ],
  rest: [{ method: 'POST', path: `${ADMIN}/grants`, status: 201 }],
  summary: 'Allows somebody something.',
  input,
  subject: (given) => ({ detail: `allow ${given.subject}` }),
  apply: async (given, call) => {
    const draft = draftGrant(call, call, { ...given, effect: 'allow' });
    call.requireHeld([rightsOf(draft)]);
    return made(call, { ...given, effect: 'allow' });
  },
};

/** Errors: as for {@link grantAccess} but the last, and `last_owner`. */
export const denyAccess: Operation<GrantInput, GrantMade> = {
  ...common,
  name: 'access.deny',
  errors: [
    'workspace_not_found',
    'environment_not_found',
    'subject_not_found',
    'built_in_role',
    'last_owner',
  ],
  rest: [{ method: 'POST', path: `${ADMIN}/denials`, status: 201 }],
  summary: 'Denies somebody something, whatever else allows it.',
  input,
  subject: (given) => ({ detail: `deny ${given.subject}` }),
  apply: async (given, call) => made(call, { ...given, effect: 'deny' }),
};

export const revokeAccess: Operation<RevokeInput, GrantSummary> = {
  name: 'access.revoke',
  summary: 'Takes an allow or a denial away.',
  errors: ['grant_not_found', 'built_in_role', 'last_owner', 'escalation_refused'],
  input: z.strictObject({ grant: z.string().max(ID_MAX) }),
  output: grantSummary,
  rest: [{ method: 'DELETE', path: `${ADMIN}/grants/{grant}` }],
  secretMembers: [],
  mutates: true,
  // Which right it takes depends on the rule.
  requires: () => [],
  subject: (given) => ({ detail: `grant ${given.grant}` }),
  apply: async (given, call) => {
    const row = requireGrant(call.policy, given.grant);
    requireChangesAt(call, row.workspace_id);
    if (row.effect !== 'allow') call.requireHeld([rightsOf(row)]);
    await removeGrant(call, call.policy, row);
    return toGrantSummary(call, row);
  },
};

export const listAccess: Operation<ListGrantsInput, GrantList> = {
  name: 'access.list',
  summary: 'Lists rules of a workspace or, for the whole vault, all rules.',
  errors: ['subject_not_found'],
  input: z.strictObject({ subject: subjectText.optional(), ...scope, ...page }),
  output: schema.answer<GrantList>({
    grants: z.array(grantSummary),
    next: z.string().optional(),
  }),
  rest: inScope('GET', 'grants'),
  secretMembers: [],
  mutates: false,
  requires: () => [],
  subject: (given) => scopeSubject(given, 'grants'),
  apply: async (given, call) => {
    const id = scopeId(call, given);
    requireSight(call, workspaceName(call, id) ?? undefined);
    const { policy } = call;
    const found = given.subject === undefined ? undefined : policy.subject(given.subject, id);
    if (given.subject !== undefined && found === undefined) throw subjectNotFound(given.subject);
    const all = found === undefined ? policy.grants.all() : policy.grants.by('subject', found.id);
    const { rows, next } = pageOf(
      all.filter((row) => id === null || row.workspace_id === id),
      given,
    );
    return { grants: rows.map((row) => toGrantSummary(call, row)), next };
  },
};

/** The rights that a rule is about. */
export function rightsOf(row: Pick<GrantRow, 'capabilities' | 'pattern' | 'workspace_id'>): {
  readonly capabilities: ReadonlySet<Capability>;
  readonly pattern: readonly string[];
  readonly workspaceId: string | null;
} {
  return {
    capabilities: capabilitiesOf(row),
    pattern: row.pattern.split('/'),
    workspaceId: row.workspace_id,
  };
}

/** Rules within one workspace are for its admin, all others for those of the vault. */
function changesAt(text: string): readonly Requirement[] {
  const [first = ''] = text.split('/');
  if (['*', '**', 'sys'].includes(first)) return CHANGES_ACCESS;
  return [{ capability: 'admin', resource: [first] }];
}

async function made(call: Call, grant: NewGrant): Promise<GrantMade> {
  const warnings = [...patternWarnings(call, grant), ...(await coverWarnings(call, grant))];
  const row = await insertGrant(call, draftGrant(call, call, grant));
  const subject = call.policy.textOf(row.subject_id);
  call.about({ detail: `${row.effect} ${subject}: grant ${row.id}` });
  return { ...toGrantSummary(call, row), warnings };
}
