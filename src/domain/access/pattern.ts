/** The first segment of resources that belong to the vault itself, such as `sys/audit`. */
const SYSTEM = 'sys';

interface Position {
  readonly pattern: number;
  readonly resource: number;
}

/**
 * Whether a pattern covers a resource. Both are segments, such as
 * `['default', 'production', 'db', 'PASSWORD']`. `*` stands for one segment,
 * `**` for any number, also none. A wildcard in first place does not cover
 * `sys`: rights over the vault itself are only ever given by name.
 */
export function matchesPattern(pattern: readonly string[], resource: readonly string[]): boolean {
  if (resource[0] === SYSTEM && pattern[0] !== SYSTEM) return false;
  return matches(pattern, resource, { pattern: 0, resource: 0 });
}

/** Whether a pattern covers anything at or under a resource. */
export function reachesUnder(pattern: readonly string[], resource: readonly string[]): boolean {
  if (resource[0] === SYSTEM && pattern[0] !== SYSTEM) return false;
  for (const [index, segment] of resource.entries()) {
    const part = pattern[index];
    if (part === '**') return true;
    if (part !== '*' && part !== segment) return false;
  }
  return true;
}

/** Matches the rest of a pattern against the rest of a resource, segment by segment. */
function matches(pattern: readonly string[], resource: readonly string[], at: Position): boolean {
  const part = pattern[at.pattern];
  if (part === undefined) return at.resource === resource.length;
  if (part === '**') {
    const skipped = { pattern: at.pattern + 1, resource: at.resource };
    if (matches(pattern, resource, skipped)) return true;
  }
  const segment = resource[at.resource];
  if (segment === undefined || (part !== '*' && part !== '**' && part !== segment)) return false;
  return matches(pattern, resource, {
    pattern: part === '**' ? at.pattern : at.pattern + 1,
    resource: at.resource + 1,
  });
}
