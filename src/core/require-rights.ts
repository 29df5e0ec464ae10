import type { EntrySubject } from '../domain/audit/entry.ts';
import type { StrongroomError } from '../errors.ts';
import type { Identified } from './callers.ts';
import { denied, enrollmentDue } from './denials.ts';
import { isHidden } from './hidden-workspaces.ts';
import type { Item, Progress } from './item.ts';
import { noSuchSecret } from './locate.ts';
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
  const requirements = item.operation.requires(item.input);
  for (const requirement of requirements) {
    const decision = rights.decide(who.view, who.calling, requirement);
    progress.decision = decision;
    if (decision.unmet !== undefined)
      throw unmetBy(rights, item, progress, { who, unmet: decision.unmet });
    if (!decision.allowed) throw denial(rights, item, progress, { who, requirement });
  }
  progress.isAllowed = requirements.length > 0;
  const { workspace, workspaceId } = progress.subject;
  const unmet = rights.unmet(workspaceId, who.view, who.calling);
  if (unmet === undefined) return;
  // To whom the workspace is as none, its policy is none either: they get out of it what there is in
  // none. But who was let in by a right to the vault itself gets more than that.
  const isOfVault = requirements.some(
    ({ resource: [first], reach }) => first === 'sys' && reach !== 'under',
  );
  if (workspace !== undefined && !isOfVault && isHidden(rights, who, workspace)) return;
  throw unmetBy(rights, item, progress, { who, unmet });
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

/** A denial. */
function denial(
  rights: Rights,
  item: Item,
  progress: Progress,
  { who, requirement }: { readonly who: Identified; readonly requirement: Requirement },
): StrongroomError {
  const { resource } = requirement;
  progress.deniedAt = resource;
  if (who.isEnrolling === true) return enrollmentDue();
  hideUnlisted(rights, item, progress, { who, place: progress.subject });
  return denied(requirement, item.request, ownerOf(rights, who));
}

/** Who asked by the id of a secret that they may not list is told what is told of an id that there is not. */
export function hideUnlisted(
  rights: Rights,
  { address }: Item,
  progress: Progress,
  {
    who,
    place,
  }: {
    readonly who: Identified;
    readonly place: Pick<EntrySubject, 'workspace' | 'environment' | 'path'>;
  },
): void {
  if (address?.secretId === undefined) return;
  const { workspace = '', environment = '', path = '' } = place;
  const resource = [workspace, environment, ...path.split('/')];
  const { allowed } = rights.decide(who.view, who.calling, { capability: 'list', resource });
  if (!allowed) progress.shown = noSuchSecret();
}

/** What a policy of a workspace stands against: that policy is on record as the rule. */
function unmetBy(
  rights: Rights,
  item: Item,
  progress: Progress,
  { who, unmet }: { readonly who: Identified; readonly unmet: UnmetPolicy },
): StrongroomError {
  const { directory } = rights;
  progress.decision = { allowed: false, rule: unmet.rule };
  progress.subject = { ...progress.subject, detail: `policy ${unmet.name}` };
  const workspace = directory.workspaceById(unmet.workspaceId)?.name ?? unmet.workspaceId;
  const isOwner = ownerOf(rights, who) !== undefined;
  return policyUnmet(unmet, { workspace, request: item.request, isOwner });
}
