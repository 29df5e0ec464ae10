import type { StrongroomError } from '../errors.ts';
import { isUuid } from '../lib/ids.ts';
import type { Identified } from './callers.ts';
import { denied, enrollmentDue } from './denials.ts';
import type { Item, Progress } from './item.ts';
import { noSuchSecret, noSuchWorkspace } from './locate.ts';
import type { Requirement } from './operation.ts';
import type { Rights } from './rights.ts';
import { policyUnmet, type UnmetPolicy } from './workspace-policies.ts';

/**
 * Requires all rights that an operation needs, and that the call meets the
 * policies of the workspaces that it is about.
 *
 * @throws {@link StrongroomError} `denied`, `mfa_required`, `reauth_required`.
 */
export function requireRights(
  rights: Rights,
  item: Item,
  progress: Progress,
  who: Identified,
): void {
  for (const requirement of item.operation.requires(item.input)) {
    const decision = rights.decide(who.view, who.calling, requirement);
    progress.decision = decision;
    if (decision.unmet !== undefined) throw unmetBy(rights, item, progress, decision.unmet);
    if (!decision.allowed) throw denial(rights, item, progress, { who, requirement });
  }
  const unmet = rights.unmet(progress.subject.workspaceId, who.view, who.calling);
  if (unmet !== undefined) throw unmetBy(rights, item, progress, unmet);
}

/** How an owner is called whom nothing but a denial keeps from anything; `undefined` for others. */
export function ownerOf(
  { policy }: Rights,
  {
    view: {
      principal: { id, kind, name },
    },
    calling: { can },
  }: Pick<Identified, 'view' | 'calling'>,
): string | undefined {
  return can === undefined && policy.isOwner(id) ? `${kind}:${name}` : undefined;
}

/** A denial. Who asked by an id, and may not know what it is of, is not told that there is something. */
function denial(
  rights: Rights,
  item: Item,
  progress: Progress,
  { who, requirement }: { readonly who: Identified; readonly requirement: Requirement },
): StrongroomError {
  if (who.isEnrolling === true) return enrollmentDue();
  const { resource } = requirement;
  const mayList = (place: readonly string[], reach: 'exact' | 'under'): boolean =>
    rights.decide(who.view, who.calling, { capability: 'list', resource: place, reach }).allowed;
  const { secretId, workspace = '' } = item.address ?? {};
  const named = isUuid(workspace) ? rights.directory.workspaceById(workspace) : undefined;
  if (secretId !== undefined && !mayList(resource, 'exact')) progress.shown = noSuchSecret();
  else if (named !== undefined && !mayList([named.name], 'under')) {
    progress.shown = noSuchWorkspace(workspace);
  }
  return denied(requirement, item.request, ownerOf(rights, who));
}

/** What a policy of a workspace stands against: that policy is on record as the rule. */
function unmetBy(
  { directory }: Rights,
  item: Item,
  progress: Progress,
  unmet: UnmetPolicy,
): StrongroomError {
  progress.decision = { allowed: false, rule: unmet.rule };
  progress.subject = { ...progress.subject, detail: `policy ${unmet.name}` };
  const workspace = directory.workspaceById(unmet.workspaceId)?.name ?? unmet.workspaceId;
  return policyUnmet(unmet, workspace, item.request);
}
