import { escalationRefused } from './access-errors.ts';
import type { Capability } from './capability.ts';
import type { Grant } from './decide.ts';
import { containsPattern, overlapsPattern } from './pattern.ts';

/** Rights that somebody is about to give, or to set free by taking a denial away. */
export interface GivenRights {
  readonly capabilities: ReadonlySet<Capability>;
  readonly pattern: readonly string[];
  readonly workspaceId: string | null;
}

/**
 * Refuses to let somebody give what they do not have. They have a right if one
 * allow of theirs, which counts always, covers all of it, and no denial of
 * theirs touches any of it.
 *
 * @param holder - The rules of whoever gives.
 * @param can - What the caller's context leaves of their capabilities; without it, all.
 * @throws {@link StrongroomError} `escalation_refused`.
 */
export function requireHeld(
  holder: readonly Grant[],
  rights: readonly GivenRights[],
  can?: readonly Capability[],
): void {
  for (const right of rights) {
    for (const capability of right.capabilities) {
      if (can?.includes(capability) === false || !holds(holder, capability, right)) {
        throw escalationRefused(capability, right.pattern.join('/'));
      }
    }
  }
}

function holds(holder: readonly Grant[], capability: Capability, right: GivenRights): boolean {
  const named = holder.filter((grant) => grant.capabilities.has(capability));
  const isDenied = named.some(
    (grant) =>
      grant.effect === 'deny' &&
      (grant.workspaceId === null ||
        right.workspaceId === null ||
        grant.workspaceId === right.workspaceId) &&
      overlapsPattern(grant.pattern, right.pattern),
  );
  if (isDenied) return false;
  return named.some(
    (grant) =>
      grant.effect === 'allow' &&
      grant.condition === undefined &&
      (grant.workspaceId === null || grant.workspaceId === right.workspaceId) &&
      containsPattern(grant.pattern, right.pattern),
  );
}
