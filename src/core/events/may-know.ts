import type { Environment } from '../../domain/workspaces/directory.ts';
import type { Identified } from '../callers.ts';
import type { Rights } from '../rights.ts';
import type { Change } from './change.ts';

/**
 * Whether somebody may be told of a change: who may list what is at the place,
 * and meets the policies of its workspace, as things are now.
 */
export function mayKnow(
  rights: Rights,
  { view, calling }: Pick<Identified, 'view' | 'calling'>,
  { change, environment }: { readonly change: Change; readonly environment: Environment },
): boolean {
  if (change.only !== undefined && change.only !== view.principal.id) return false;
  const place = [environment.workspace.name, environment.name];
  if (change.path === undefined) {
    return rights.decide(view, calling, { capability: 'list', resource: place, reach: 'under' })
      .allowed;
  }
  const resource = [...place, ...change.path.split('/')];
  const decision = rights.decide(view, calling, { capability: 'list', resource });
  if (decision.allowed) return true;
  if (change.type !== 'secret.deleted' || decision.rule !== undefined) return false;
  if (calling.can?.includes('list') === false) return false;
  // A rule on the secret alone went with it, and does not cover the place that it left.
  const isHeld = view.grants.some(
    ({ row, capabilities }) =>
      row.secret_id === change.secretId &&
      row.effect === 'allow' &&
      row.created_at <= change.at &&
      capabilities.has('list'),
  );
  return isHeld && rights.unmet(environment.workspace.id, view, calling) === undefined;
}
