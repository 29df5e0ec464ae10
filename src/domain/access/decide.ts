import type { Capability } from './capability.ts';
import type { Circumstances, Condition } from './conditions.ts';
import { isOfVault, matchesPattern, reachesUnder } from './pattern.ts';
import { compileRules, type CompiledRules } from './compiled-rules.ts';

/** One rule: what it covers, and whether it allows or denies. */
export interface Grant {
  readonly id: string;
  readonly effect: 'allow' | 'deny';
  readonly capabilities: ReadonlySet<Capability>;
  readonly pattern: readonly string[];
  /** Set if the rule only counts in one workspace. */
  readonly workspaceId: string | null;
  /** When it counts; without one, always. */
  readonly condition?: Condition | undefined;
}

/** What is asked. */
export interface AccessRequest {
  readonly capability: Capability;
  /** Segments: workspace, environment and path, or `sys` and what of the vault. */
  readonly resource: readonly string[];
  /** The workspace that the resource belongs to, if any. */
  readonly workspaceId: string | null;
  readonly circumstances: Circumstances;
}

/** The answer, and the id of the grant that gave it; without one, no rule allowed it. */
export interface Decision {
  readonly allowed: boolean;
  readonly rule: string | undefined;
}

/** Grants in the form in which they are decided by, made once for a principal and an epoch. */
export interface Rules {
  readonly grants: readonly Grant[];
  readonly compiled: CompiledRules;
}

/** Makes grants ready to decide by. */
export function toRules(grants: readonly Grant[]): Rules {
  return { grants, compiled: compileRules(grants) };
}

/**
 * Decides whether a request is allowed. A deny that matches anywhere wins; the
 * order of the grants does not matter; what no grant allows is denied. A
 * condition that is not known to be met makes an allow not count; one that is
 * not known to be unmet makes a deny count.
 */
export function decide(request: AccessRequest, { compiled }: Rules): Decision {
  let allowedBy: string | undefined;
  let deniedBy: string | undefined;
  for (const rules of compiled.matching(request.resource)) {
    for (const rule of rules.get(request.capability) ?? []) {
      if (rule.workspaceId !== null && rule.workspaceId !== request.workspaceId) continue;
      if (!counts(rule, request.circumstances)) continue;
      if (rule.effect === 'deny') deniedBy = earlier(deniedBy, rule.id);
      else allowedBy = earlier(allowedBy, rule.id);
    }
  }
  if (deniedBy !== undefined) return { allowed: false, rule: deniedBy };
  return { allowed: allowedBy !== undefined, rule: allowedBy };
}

/**
 * Whether any grant allows a capability on something at or under a resource.
 * Denials of a part are left to the decision about each thing; one of the whole counts here.
 */
export function mayReachUnder(request: AccessRequest, { grants }: Rules): boolean {
  if (grants.some((grant) => deniesAllUnder(grant, request))) return false;
  return grants.some(
    (grant) => allowsUnder(grant, request) && counts(grant, request.circumstances),
  );
}

/**
 * Whether somebody might have a capability on a resource, or on something at or under it, at another
 * moment or from elsewhere: no condition stands in the way.
 */
export function mightReach(
  request: Omit<AccessRequest, 'circumstances'>,
  { grants }: Rules,
  reach: 'exact' | 'under',
): boolean {
  const isUnder = reach === 'under';
  const isDenied = grants.some(
    (grant) =>
      grant.effect === 'deny' &&
      grant.condition === undefined &&
      (!isUnder || grant.pattern.at(-1) === '**') &&
      covers(grant, request),
  );
  if (isDenied) return false;
  return grants.some((grant) =>
    isUnder ? allowsUnder(grant, request) : grant.effect === 'allow' && covers(grant, request),
  );
}

/** Whether a rule allows something at or under a resource, its conditions aside. */
function allowsUnder(grant: Grant, request: Omit<AccessRequest, 'circumstances'>): boolean {
  return (
    grant.effect === 'allow' &&
    grant.capabilities.has(request.capability) &&
    mayCountIn(grant, request) &&
    reachesUnder(grant.pattern, request.resource)
  );
}

/** A rule of one workspace counts in that one, and under what of the vault itself has a part for each. */
function mayCountIn(
  { workspaceId }: Grant,
  request: Pick<AccessRequest, 'resource' | 'workspaceId'>,
): boolean {
  if (workspaceId === null || workspaceId === request.workspaceId) return true;
  return request.workspaceId === null && isOfVault(request.resource);
}

/** Whether a grant covers what is asked, its conditions aside. */
export function covers(grant: Grant, request: Omit<AccessRequest, 'circumstances'>): boolean {
  return (
    grant.capabilities.has(request.capability) &&
    (grant.workspaceId === null || grant.workspaceId === request.workspaceId) &&
    matchesPattern(grant.pattern, request.resource)
  );
}

/** Whether a rule counts as things are: what is not known never widens. */
export function counts(
  { effect, condition }: Pick<Grant, 'effect' | 'condition'>,
  circumstances: Circumstances,
): boolean {
  if (condition === undefined) return true;
  const standing = condition(circumstances);
  return effect === 'deny' ? standing !== 'unmet' : standing === 'met';
}

/** A pattern that ends with `**` and covers a resource covers all that is under it. */
function deniesAllUnder(grant: Grant, request: AccessRequest): boolean {
  return (
    grant.effect === 'deny' &&
    grant.pattern.at(-1) === '**' &&
    covers(grant, request) &&
    counts(grant, request.circumstances)
  );
}

/** The same rule is named whatever the order of the grants. */
function earlier(known: string | undefined, id: string): string {
  return known === undefined || id < known ? id : known;
}
