/** The first segment of resources that belong to the vault itself, such as `sys/audit`. */
const SYSTEM = 'sys';

/**
 * Whether a pattern covers a resource. Both are segments, such as
 * `['default', 'production', 'db', 'PASSWORD']`. `*` stands for one segment,
 * `**` for any number, also none. A wildcard in first place does not cover
 * `sys`: rights over the vault itself are only ever given by name.
 */
export function matchesPattern(pattern: readonly string[], resource: readonly string[]): boolean {
  if (resource[0] === SYSTEM && pattern[0] !== SYSTEM) return false;
  return matchFrom(pattern, 0, resource, 0);
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

function matchFrom(
  pattern: readonly string[],
  patternIndex: number,
  resource: readonly string[],
  resourceIndex: number,
): boolean {
  let at = resourceIndex;
  for (let index = patternIndex; index < pattern.length; index += 1) {
    const part = pattern[index];
    if (part === '**') {
      for (let rest = at; rest <= resource.length; rest += 1) {
        if (matchFrom(pattern, index + 1, resource, rest)) return true;
      }
      return false;
    }
    if (at >= resource.length || (part !== '*' && part !== resource[at])) return false;
    at += 1;
  }
  return at === resource.length;
}
