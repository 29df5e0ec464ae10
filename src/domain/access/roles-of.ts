import type { Policy } from './policy.ts';

/** The names of the roles that somebody has anywhere, straight or through groups. */
export function rolesOf(
  { memberships, roles }: Pick<Policy, 'memberships' | 'roles'>,
  id: string,
): ReadonlySet<string> {
  const found = new Set<string>();
  const seen = new Set<string>();
  const follow = (member: string): void => {
    if (seen.has(member)) return;
    seen.add(member);
    for (const { parent_id } of memberships.by('member', member)) {
      const role = roles.get(parent_id);
      if (role !== undefined) found.add(role.name);
      follow(parent_id);
    }
  };
  follow(id);
  return found;
}
