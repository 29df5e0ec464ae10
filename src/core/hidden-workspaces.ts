import { CAPABILITIES, type Capability } from '../domain/access/capability.ts';
import { mightReach } from '../domain/access/decide.ts';
import { workspaceNotFound } from '../domain/workspaces/directory.ts';
import { FIRST_WORKSPACE } from '../domain/workspaces/names.ts';
import type { StrongroomError } from '../errors.ts';
import { isUuid } from '../lib/ids.ts';
import type { Identified } from './callers.ts';
import { enrollmentDue } from './denials.ts';
import type { Item, Progress } from './item.ts';
import type { Rights } from './rights.ts';
import { asStrongroomError } from './unforeseen.ts';

/** What of the vault itself shows every rule, and with the rules every workspace. */
const ACCESS = ['sys', 'access'];

/**
 * What a caller is told of a failure. A workspace in which they have no right at all is to them as
 * one that there is not, in whichever way it was named and whatever else is wrong with the call. The
 * record has the failure itself.
 */
export function shownTo(
  rights: Rights,
  item: Item,
  progress: Progress,
  error: unknown,
): StrongroomError {
  const { who } = progress;
  const named = who === undefined ? undefined : hiddenOf(rights, who, { item, progress });
  if (named === undefined) return progress.shown ?? asStrongroomError(error);
  return who?.isEnrolling === true ? enrollmentDue() : workspaceNotFound(named);
}

/** Whether a workspace, by name or id, is as none to somebody. The first one every vault has, by that name. */
export function isHidden(rights: Rights, who: Identified, named: string): boolean {
  const { directory } = rights;
  const byId = isUuid(named) ? directory.workspaceById(named) : undefined;
  if (byId === undefined && named === FIRST_WORKSPACE) return false;
  const workspace = byId ?? directory.findWorkspace(named);
  // Asked of one that there is not too: how long it takes must not tell.
  const isKnown = mayKnow(rights, who, workspace?.name ?? named);
  return workspace === undefined || !isKnown;
}

/**
 * Whether somebody would be told of a workspace of that name if there is one: who has any right to
 * anything in it, but for a policy or a condition that is not met, or to its record; who sees or
 * changes everybody's rights; and an owner of the vault, whatever stands against them.
 */
export function mayKnow(
  { policy, directory }: Rights,
  { view: { principal, rules }, calling: { can } }: Identified,
  name: string,
): boolean {
  if (can === undefined && policy.isOwner(principal.id)) return true;
  const has = (
    capability: Capability,
    resource: readonly string[],
    reach: 'exact' | 'under' = 'exact',
  ): boolean => {
    if (can?.includes(capability) === false) return false;
    const workspaceId = directory.workspaceIdOf(resource);
    return mightReach({ capability, resource, workspaceId }, rules, reach);
  };
  return (
    has('read', ['sys', 'audit', name]) ||
    CAPABILITIES.some((each) => has(each, [name], 'under') || has(each, ACCESS))
  );
}

/** The workspace, as it was named, that a call failed over before any right was found for it. */
function hiddenOf(
  rights: Rights,
  who: Identified,
  {
    item: { address },
    progress: { isAllowed, deniedAt, subject },
  }: { readonly item: Item; readonly progress: Progress },
): string | undefined {
  if (isAllowed === true || !rights.isKnown) return undefined;
  const named = [address?.workspace, deniedAt === undefined ? subject.workspace : deniedAt[0]];
  return named.find((each) => each !== undefined && each !== 'sys' && isHidden(rights, who, each));
}
