import type { EffectiveSecret } from '../core/operations/resolve-secret.ts';
import type { Session } from '../core/session.ts';

/** Which names are shown. */
export interface EffectiveFilter {
  readonly workspace: string | undefined;
  readonly environment: string;
  readonly prefix?: string | undefined;
  readonly type?: string | undefined;
  readonly tag?: string | undefined;
}

/** The names in effect that fit: an environment's own, those it inherits, and the caller's own. */
export async function listEffective(
  session: Session,
  { workspace, environment, prefix = '', type, tag }: EffectiveFilter,
): Promise<readonly EffectiveSecret[]> {
  const { secrets } = await session.environments.names({ workspace, environment });
  return secrets.filter(
    (secret) =>
      secret.path.startsWith(prefix) &&
      (type === undefined || secret.type === type) &&
      (tag === undefined || secret.tags.includes(tag)),
  );
}

/** Where a value comes from, if it is not the environment's own: `personal`, or `from` a place. */
export function sourceNote({
  from,
  workspace,
  environment,
  path,
}: EffectiveSecret): string | undefined {
  if (from.kind === 'own') return undefined;
  if (from.kind === 'personal') return 'personal';
  const there = from.workspace === workspace ? '' : `${from.workspace}:`;
  const place = from.environment === environment ? '' : from.environment;
  const name = from.path === path ? '' : `/${from.path}`;
  return `from ${there}${place}${name}`;
}
