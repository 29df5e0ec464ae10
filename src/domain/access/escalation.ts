import type { Directory } from '../workspaces/directory.ts';
import { escalationRefused } from './access-errors.ts';
import type { Capability } from './capability.ts';
import type { Grant } from './decide.ts';
import { SUSPENDED } from './grants.ts';
import { containsPattern, overlapsPattern } from './pattern.ts';

/** Rights that somebody is about to give, or to set free by taking a denial away. */
export interface GivenRights {
  readonly capabilities: ReadonlySet<Capability>;
  readonly pattern: readonly string[];
  readonly workspaceId: string | null;
}

/** Where rights are, and what is left of those of whoever gives them. */
export interface HoldingContext {
  readonly directory: Pick<Directory, 'workspaceById'>;
  /** What the caller's context leaves of their capabilities; without it, all. */
  readonly can?: readonly Capability[] | undefined;
}

/**
 * Refuses to let somebody give what they do not have. They have a right if one
 * allow of theirs, which counts always, covers all of it, and no denial of
 * theirs touches any of it. A right on a secret in the trash comes back with
 * it, so it is held against all of the workspace.
 *
 * @param holder - The rules of whoever gives.
 * @throws {@link StrongroomError} `escalation_refused`.
 */
export function requireHeld(
  holder: readonly Grant[],
  rights: readonly GivenRights[],
  { directory, can }: HoldingContext,
): void {
  for (const given of rights) {
    const right = whole(given, directory);
    for (const capability of right.capabilities) {
      if (can?.includes(capability) === false || !holds(holder, capability, right)) {
        throw escalationRefused(capability, right.pattern.join('/'));
      }
    }
  }
}

/** Rights as they may come to count: those that sleep, anywhere in their workspace. */
function whole(right: GivenRights, directory: HoldingContext['directory']): GivenRights {
  const { pattern, workspaceId } = right;
  if (pattern.length !== 1 || pattern[0] !== SUSPENDED) return right;
  const workspace = workspaceId === null ? undefined : directory.workspaceById(workspaceId);
  return { ...right, pattern: workspace === undefined ? ['**'] : [workspace.name, '**'] };
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
