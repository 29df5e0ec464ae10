import { z } from 'zod';

import type { Capability } from '../../domain/access/capability.ts';
import type { Circumstances } from '../../domain/access/conditions.ts';
import { covers, type AccessRequest } from '../../domain/access/decide.ts';
import { explain, type Explanation } from '../../domain/access/explain.ts';
import { patternFault } from '../../domain/access/pattern.ts';
import type { HeldGrant, PrincipalView } from '../../domain/access/policy.ts';
import { subjectNotFound } from '../../domain/access/subjects.ts';
import { FIRST_WORKSPACE } from '../../domain/workspaces/names.ts';
import { StrongroomError } from '../../errors.ts';
import { isUuid } from '../../lib/ids.ts';
import { shellWord } from '../../lib/shell-word.ts';
import type { PrincipalRow } from '../../store/tables.ts';
import type { Call, Operation } from '../operation.ts';
import { ADMIN } from '../rest-binding.ts';
import {
  page,
  pageOf,
  requirePlace,
  requireSight,
  workspaceName,
  type PageInput,
} from './access-scope.ts';
import { grantMembers, toGrantSummary, type GrantSummary } from './grant-view.ts';
import * as schema from './schema.ts';
import { capability, SUBJECT } from './secret-access.ts';

/** What a decision would be told, besides who asks. */
export interface StatedCircumstances {
  readonly ip?: string | undefined;
  readonly userAgent?: string | undefined;
  readonly mfa?: boolean | undefined;
  /** RFC 3339. Default: now. */
  readonly at?: string | undefined;
}

export interface AccessQuestion {
  /** A principal's name or id. */
  readonly principal: string;
  readonly capability: Capability;
  /** Such as `default/production/db/PASSWORD`, or `sys/audit`. */
  readonly resource: string;
  readonly circumstances?: StatedCircumstances | undefined;
}

export interface ExplainInput extends Omit<AccessQuestion, 'principal'> {
  /** Default: the caller, who needs no right for that. */
  readonly principal?: string | undefined;
}

export interface WhoCanInput extends PageInput {
  readonly capability: Capability;
  readonly resource: string;
}

export interface AccessCase extends AccessQuestion {
  readonly expected: 'allow' | 'deny';
}

export interface TestAccessInput {
  /** Up to 1,000. */
  readonly cases: readonly AccessCase[];
}

/** A rule and the way by which somebody has it, such as `['group:ops', 'role:reader']`. */
export interface HeldRule extends GrantSummary {
  readonly through: readonly string[];
}

/** Why somebody may do something, or not. */
export interface AccessExplained {
  readonly principal: string;
  readonly capability: Capability;
  readonly resource: string;
  readonly allowed: boolean;
  /** In words. */
  readonly reason: string;
  /** The rule that decided; none if no rule allows it. */
  readonly rule: HeldRule | undefined;
  /** Rules that would allow it if their conditions were known to be met. */
  readonly conditional: readonly HeldRule[];
  /** The command that would make the smallest rule that allows it. */
  readonly suggestion: string | undefined;
}

/** One who may do something, and why. */
export interface AccessHolder {
  readonly principal: string;
  readonly rule: HeldRule;
  /** Whether that depends on the conditions of the rule. */
  readonly isConditional: boolean;
}

export interface AccessHolders {
  readonly holders: readonly AccessHolder[];
  /** Set if there are more principals to look at: pass it as `cursor`. */
  readonly next: string | undefined;
}

/** How a test case came out. */
export interface AccessTestResult extends AccessCase {
  readonly found: 'allow' | 'deny';
  readonly passed: boolean;
  readonly reason: string;
}

export interface AccessTested {
  readonly passed: number;
  readonly failed: number;
  readonly results: readonly AccessTestResult[];
}

const CASES_MAX = 1000;
const TEXT_MAX = 600;
const PRINCIPAL_MAX = 160;

/** A resource: a pattern that stands for one thing. */
const resource: z.ZodType<string> = z
  .string()
  .max(TEXT_MAX)
  .superRefine((text, context) => {
    const fault = text.includes('*') ? 'a resource is one thing, without *' : patternFault(text);
    if (fault === undefined) return;
    const error = new StrongroomError('invalid_input', fault.replace('a pattern', 'a resource'), {
      hint: 'use a resource such as default/production/db/PASSWORD',
    });
    context.addIssue({ code: 'custom', params: { fault: error } });
  })
  .meta({ pattern: '^[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+){0,17}$', maxLength: 512 });

const circumstances: z.ZodType<StatedCircumstances | undefined> = z
  .strictObject({
    ip: z.string().max(64).optional(),
    userAgent: z.string().max(1024).optional(),
    mfa: z.boolean().optional(),
    at: schema.time.optional(),
  })
  .optional();

const question = { capability, resource, circumstances } as const;
const principal = z.string().min(1).max(PRINCIPAL_MAX).meta({ pattern: SUBJECT });
const verdict = z.enum(['allow', 'deny']);

const heldRule = schema.answer<HeldRule>({ ...grantMembers, through: schema.texts });

const holder = schema.answer<AccessHolder>({
  principal: z.string(),
  rule: heldRule,
  isConditional: z.boolean(),
});

const looking = { secretMembers: [], mutates: false, requires: () => [] } as const;

/**
 * Errors: `subject_not_found`, `workspace_not_found`, `environment_not_found`, `denied` for another
 * principal than the caller.
 */
export const explainAccess: Operation<ExplainInput, AccessExplained> = {
  ...looking,
  name: 'access.explain',
  summary: 'Tells which rule decides whether somebody may do something.',
  errors: ['workspace_not_found', 'environment_not_found', 'subject_not_found'],
  input: z.strictObject({ principal: principal.optional(), ...question }),
  output: schema.answer<AccessExplained>({
    principal: z.string(),
    capability,
    resource: z.string(),
    allowed: z.boolean(),
    reason: z.string(),
    rule: heldRule.optional(),
    conditional: z.array(heldRule),
    suggestion: z.string().optional(),
  }),
  rest: [{ method: 'POST', path: `${ADMIN}/access/explain` }],
  subject: (input) => subjectOf(input),
  apply: async (input, call) => {
    const isSelf = isCaller(call, input.principal);
    if (!isSelf) requireSight(call, workspaceOf(input.resource));
    const row = principalOf(call, input.principal);
    const isOwn = input.principal === undefined && input.circumstances === undefined;
    const known = isOwn ? call.circumstances : stated(call, input.circumstances);
    return explained(call, row, requestOf(call, input, known));
  },
};

export const whoCan: Operation<WhoCanInput, AccessHolders> = {
  ...looking,
  name: 'access.whoCan',
  summary: 'Lists who may do something, and by which rule.',
  errors: ['workspace_not_found', 'environment_not_found'],
  input: z.strictObject({ capability, resource, ...page }),
  output: schema.answer<AccessHolders>({
    holders: z.array(holder),
    next: z.string().optional(),
  }),
  rest: [{ method: 'GET', path: `${ADMIN}/access/who-can` }],
  subject: (input) => subjectOf(input),
  apply: async (input, call) => {
    requireSight(call, workspaceOf(input.resource));
    const request = requestOf(call, input, { now: call.now });
    const { rows, next } = pageOf(call.policy.principals.all(), input);
    const holders = rows.flatMap(({ id }) => {
      const view = call.policy.view(id);
      return view === undefined ? [] : holding(call, view, request);
    });
    return { holders, next };
  },
};

export const testAccess: Operation<TestAccessInput, AccessTested> = {
  ...looking,
  name: 'access.test',
  summary: "Decides a policy's test cases and tells which come out otherwise.",
  errors: ['workspace_not_found', 'environment_not_found', 'subject_not_found'],
  input: z.strictObject({
    cases: z
      .array(z.strictObject({ principal, ...question, expected: verdict }))
      .min(1)
      .max(CASES_MAX),
  }),
  output: schema.answer<AccessTested>({
    passed: z.int(),
    failed: z.int(),
    results: z.array(
      schema.answer<AccessTestResult>({
        principal,
        ...question,
        expected: verdict,
        found: verdict,
        passed: z.boolean(),
        reason: z.string(),
      }),
    ),
  }),
  rest: [{ method: 'POST', path: `${ADMIN}/access/test` }],
  subject: ({ cases }) => ({ detail: `${cases.length} cases` }),
  apply: async ({ cases }, call) => {
    const results = cases.map((each) => {
      requireSight(call, workspaceOf(each.resource));
      const request = requestOf(call, each, stated(call, each.circumstances));
      const answer = explained(call, principalOf(call, each.principal), request);
      const found = answer.allowed ? ('allow' as const) : ('deny' as const);
      return { ...each, found, passed: found === each.expected, reason: answer.reason };
    });
    const passed = results.filter((each) => each.passed).length;
    return { passed, failed: results.length - passed, results };
  },
};

function subjectOf(input: Pick<ExplainInput, 'capability' | 'resource' | 'principal'>): {
  readonly detail: string;
} {
  return { detail: `${input.capability} ${input.resource}` };
}

function isCaller({ actor, principal: { kind, name } }: Call, who: string | undefined): boolean {
  return who === undefined || [actor, name, `${kind}:${name}`].includes(who);
}

/** Somebody by a name or id, also one such as `user:ada`; the caller without one. */
function principalOf(call: Call, who: string | undefined): PrincipalRow {
  const [, kind, given] = /^(?:(user|machine|system):)?(.*)$/s.exec(who ?? call.actor) ?? [];
  const name = given ?? '';
  const { principals } = call.policy;
  const row = isUuid(name) ? principals.get(name) : principals.by('name', name)[0];
  if (row !== undefined && (kind ?? row.kind) === row.kind) return row;
  throw subjectNotFound(`${kind ?? 'user'}:${name}`);
}

function workspaceOf(text: string): string | undefined {
  const [first] = text.split('/');
  return first === 'sys' ? undefined : first;
}

function stated(call: Call, given: StatedCircumstances | undefined): Circumstances {
  const { ip, userAgent, mfa, at } = given ?? {};
  return { ip, userAgent, mfa, now: schema.toMs(at) ?? call.now };
}

function requestOf(
  call: Call,
  asked: Pick<AccessQuestion, 'capability' | 'resource'>,
  known: Circumstances,
): AccessRequest {
  const segments = asked.resource.split('/');
  requirePlace(call, segments);
  return {
    capability: asked.capability,
    resource: segments,
    workspaceId: call.directory.workspaceIdOf(segments),
    circumstances: known,
  };
}

/** By which rule somebody may do something, whatever the moment and the place. */
function holding(call: Call, view: PrincipalView, request: AccessRequest): readonly AccessHolder[] {
  const asked = view.grants
    .filter((grant) => covers(grant, request))
    .toSorted((one, other) => (one.id < other.id ? -1 : 1));
  const denies = asked.filter(({ effect }) => effect === 'deny');
  const allows = asked.filter(({ effect }) => effect === 'allow');
  const held = allows.find(({ condition }) => condition === undefined) ?? allows[0];
  if (held === undefined || denies.some(({ condition }) => condition === undefined)) return [];
  const { kind, name } = view.principal;
  const isConditional = held.condition !== undefined || denies.length > 0;
  return [{ principal: `${kind}:${name}`, rule: toHeldRule(call, held), isConditional }];
}

function explained(call: Call, row: PrincipalRow, request: AccessRequest): AccessExplained {
  const text = `${row.kind}:${row.name}`;
  const asked = {
    principal: text,
    capability: request.capability,
    resource: request.resource.join('/'),
  };
  const view = call.policy.view(row.id);
  if (view === undefined) {
    const reason = `${text} is disabled`;
    const none = { rule: undefined, conditional: [], suggestion: undefined };
    return { ...asked, allowed: false, reason, ...none };
  }
  const answer = explain(view, request);
  const rule = answer.held === undefined ? undefined : toHeldRule(call, answer.held);
  const isMissing = !answer.allowed && rule === undefined;
  return {
    ...asked,
    allowed: answer.allowed,
    reason: reasonOf(answer, rule),
    rule,
    conditional: answer.conditional.map(({ held }) => toHeldRule(call, held)),
    suggestion: isMissing ? suggest(text, request) : undefined,
  };
}

function toHeldRule(call: Call, held: HeldGrant): HeldRule {
  const workspace = workspaceName(call, held.workspaceId);
  return { ...toGrantSummary(call, held.row), workspace, through: held.through };
}

function reasonOf(answer: Explanation, rule: HeldRule | undefined): string {
  if (rule !== undefined) {
    const through = rule.through.length === 0 ? 'directly' : `through ${rule.through.join(', ')}`;
    const verb = rule.effect === 'allow' ? 'allows' : 'denies';
    const where = rule.workspace === null ? '' : ` in the workspace ${rule.workspace}`;
    const when = rule.conditions === null ? '' : ', under conditions';
    return `grant ${rule.id} ${verb} ${rule.can.join(', ')} on ${rule.pattern}${where}, ${through}${when}`;
  }
  if (answer.conditional.length > 0) {
    return 'there is a grant, but its conditions are not known to be met';
  }
  return 'no grant allows it';
}

/** The smallest rule that would allow it, as it is typed. */
function suggest(subject: string, { capability: can, resource: segments }: AccessRequest): string {
  const [first = '', ...rest] = segments;
  const isVault = first === 'sys' || rest.length === 0;
  const words = isVault
    ? [segments.join('/'), '--whole-vault']
    : [rest.join('/'), ...(first === FIRST_WORKSPACE ? [] : ['-w', first])];
  return ['strongroom access grant', shellWord(subject), can, ...words.map(shellWord)].join(' ');
}
