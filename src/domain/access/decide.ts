import type { Capability } from './capability.ts';
import { matchesPattern, reachesUnder } from './pattern.ts';

/** One rule: what it covers, and whether it allows or denies. */
export interface Grant {
  readonly id: string;
  readonly effect: 'allow' | 'deny';
  readonly capabilities: ReadonlySet<Capability>;
  readonly pattern: readonly string[];
  /** Set if the rule only counts in one workspace. */
  readonly workspaceId: string | null;
  /** Set if the rule carries conditions that this version does not know. */
  readonly isConditional: boolean;
}

/** What is asked. */
export interface AccessRequest {
  readonly capability: Capability;
  /** Segments: workspace, environment and path, or `sys` and what of the vault. */
  readonly resource: readonly string[];
  /** The workspace that the resource belongs to, if any. */
  readonly workspaceId: string | null;
}

/** The answer, and the id of the grant that gave it; without one, no rule allowed it. */
export interface Decision {
  readonly allowed: boolean;
  readonly rule: string | undefined;
}

/**
 * Decides whether a request is allowed. A deny that matches anywhere wins; the
 * order of the grants does not matter; what no grant allows is denied. A
 * condition that is not understood makes an allow not count, and a deny count.
 */
export function decide(request: AccessRequest, grants: readonly Grant[]): Decision {
  let allowedBy: string | undefined;
  let deniedBy: string | undefined;
  for (const grant of grants) {
    if (!covers(grant, request)) continue;
    if (grant.effect === 'deny') deniedBy = earlier(deniedBy, grant.id);
    else if (!grant.isConditional) allowedBy = earlier(allowedBy, grant.id);
  }
  if (deniedBy !== undefined) return { allowed: false, rule: deniedBy };
  return { allowed: allowedBy !== undefined, rule: allowedBy };
}

/**
 * Whether any grant allows a capability on something at or under a resource.
 * Denials of a part are left to the decision about each thing; one of the whole counts here.
 */
export function mayReachUnder(request: AccessRequest, grants: readonly Grant[]): boolean {
  if (grants.some((grant) => deniesAllUnder(grant, request))) return false;
  return grants.some(
    (grant) =>
      grant.effect === 'allow' &&
      !grant.isConditional &&
      grant.capabilities.has(request.capability) &&
      (request.workspaceId === null ||
        grant.workspaceId === null ||
        grant.workspaceId === request.workspaceId) &&
      reachesUnder(grant.pattern, request.resource),
  );
}

/** A pattern that ends with `**` and covers a resource covers all that is under it. */
function deniesAllUnder(grant: Grant, request: AccessRequest): boolean {
  return grant.effect === 'deny' && grant.pattern.at(-1) === '**' && covers(grant, request);
}

function covers(grant: Grant, request: AccessRequest): boolean {
  return (
    grant.capabilities.has(request.capability) &&
    (grant.workspaceId === null || grant.workspaceId === request.workspaceId) &&
    matchesPattern(grant.pattern, request.resource)
  );
}

/** The same rule is named whatever the order of the grants. */
function earlier(known: string | undefined, id: string): string {
  return known === undefined || id < known ? id : known;
}
