/** The first segment of resources that belong to the vault itself, such as `sys/audit`. */
const SYSTEM = 'sys';

/** Whether a resource is of the vault itself, and in no workspace. */
export function isOfVault(resource: readonly string[]): boolean {
  return resource[0] === SYSTEM;
}

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
  if (isOfVault(resource) && pattern[0] !== SYSTEM) return false;
  return matches(pattern, resource, { pattern: 0, resource: 0 });
}

/** Whether a pattern covers anything at or under a resource. */
export function reachesUnder(pattern: readonly string[], resource: readonly string[]): boolean {
  if (isOfVault(resource) && pattern[0] !== SYSTEM) return false;
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

const SEGMENTS_MAX = 18;
const PATTERN_MAX = 512;
const WILDCARDS_MAX = 4;
const LITERAL = /^[A-Za-z0-9._-]+$/;
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/**
 * Why a text is not a pattern: a sentence, or `undefined` if it is one. What
 * stands in it is literal but for `*` and `**` as whole segments; nothing is
 * put in place of anything.
 */
export function patternFault(pattern: string): string | undefined {
  if (pattern.length > PATTERN_MAX) return `a pattern has at most ${PATTERN_MAX} characters`;
  const segments = pattern.split('/');
  if (segments.length > SEGMENTS_MAX) return `a pattern has at most ${SEGMENTS_MAX} segments`;
  if (segments.filter((segment) => segment === '**').length > WILDCARDS_MAX) {
    return `a pattern has ** at most ${WILDCARDS_MAX} times`;
  }
  for (const [index, segment] of segments.entries()) {
    if (segment === '*' || segment === '**') continue;
    if (segment === '') return 'a pattern has no empty segment';
    if (segment === '.' || segment === '..') return 'a pattern has no segment . or ..';
    if (!LITERAL.test(segment)) {
      return 'a pattern has letters, digits and ._- in its segments, or a segment is * or **';
    }
    if (index === 0 && segment !== SYSTEM && !NAME.test(segment)) {
      return 'a pattern begins with the name of a workspace, with sys, * or **';
    }
  }
  return undefined;
}

/** Whether a pattern covers all that another one covers. Says no where that is not plain. */
export function containsPattern(outer: readonly string[], inner: readonly string[]): boolean {
  if (inner[0] === SYSTEM && outer[0] !== SYSTEM) return false;
  return contains(outer, inner, { pattern: 0, resource: 0 });
}

/** Whether there is anything that two patterns both cover. */
export function overlapsPattern(one: readonly string[], other: readonly string[]): boolean {
  if ((one[0] === SYSTEM) !== (other[0] === SYSTEM)) return false;
  return overlaps(one, other, { pattern: 0, resource: 0 });
}

/** A wildcard of the inner pattern is only covered by one that stands for no less. */
function contains(outer: readonly string[], inner: readonly string[], at: Position): boolean {
  const part = outer[at.pattern];
  const other = inner[at.resource];
  if (part === undefined) return other === undefined;
  if (part === '**') {
    if (contains(outer, inner, { pattern: at.pattern + 1, resource: at.resource })) return true;
    return (
      other !== undefined &&
      contains(outer, inner, { pattern: at.pattern, resource: at.resource + 1 })
    );
  }
  if (other === undefined || other === '**') return false;
  if (part !== '*' && part !== other) return false;
  return contains(outer, inner, { pattern: at.pattern + 1, resource: at.resource + 1 });
}

function overlaps(one: readonly string[], other: readonly string[], at: Position): boolean {
  const a = one[at.pattern];
  const b = other[at.resource];
  if (a === undefined && b === undefined) return true;
  const past = (pattern: number, resource: number): boolean =>
    overlaps(one, other, { pattern: at.pattern + pattern, resource: at.resource + resource });
  if (a === '**') return past(1, 0) || (b !== undefined && past(0, 1));
  if (b === '**') return past(0, 1) || (a !== undefined && past(1, 0));
  if (a === undefined || b === undefined) return false;
  return (a === '*' || b === '*' || a === b) && past(1, 1);
}
